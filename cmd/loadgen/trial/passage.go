package trial

import (
	"context"
	"io"
	"net"
	"sync"
)

// passage takes connections and joins each with one that dial opens, until either end is
// gone or it is stopped.
type passage struct {
	listener net.Listener
	dial     func(context.Context) net.Conn // nil: there is nobody to reach
	ctx      context.Context                // done when it is stopped
	stopped  context.CancelFunc
	running  sync.WaitGroup

	mu sync.Mutex
	// Guarded by mu.
	open map[net.Conn]bool
	shut map[way]chan struct{} // closed when bytes flow again that way; they do the others
}

// way is one of the two that bytes go through a passage.
type way int

const (
	toFar  way = iota // from who came
	toNear            // to who came
)

func newPassage(dial func(context.Context) net.Conn) (*passage, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &passage{listener: l, dial: dial, open: make(map[net.Conn]bool)}
	p.ctx, p.stopped = context.WithCancel(context.Background())
	p.running.Go(p.accept)
	return p, nil
}

func (p *passage) address() string { return p.listener.Addr().String() }

// stop cuts all connections and waits.
func (p *passage) stop() {
	p.stopped()
	p.listener.Close() // its error would say that it is closed
	p.mu.Lock()
	for c := range p.open {
		c.Close()
	}
	p.mu.Unlock()
	p.running.Wait()
}

// block keeps what is sent one of the ways, or both, and who comes, until unblock, as a network
// does that has broken in two: nobody is told, and what was under way arrives late.
func (p *passage) block(ways ...way) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shut = make(map[way]chan struct{})
	for _, w := range ways {
		p.shut[w] = make(chan struct{})
	}
}

func (p *passage) unblock() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, shut := range p.shut {
		close(shut)
	}
	p.shut = nil
}

// flows waits while the passage is blocked.
func (p *passage) flows(w way) error {
	p.mu.Lock()
	shut := p.shut[w]
	p.mu.Unlock()
	if shut == nil {
		return nil
	}
	select {
	case <-shut:
		return nil
	case <-p.ctx.Done():
		return p.ctx.Err()
	}
}

// hangUp ends the connections that were opened to an address.
func (p *passage) hangUp(address string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.open {
		if c.RemoteAddr().String() == address {
			c.Close()
		}
	}
}

func (p *passage) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.join(c) })
	}
}

func (p *passage) join(near net.Conn) {
	defer near.Close()
	if p.flows(toFar) != nil {
		return
	}
	far := p.dial(p.ctx)
	if far == nil {
		return
	}
	defer far.Close()
	if !p.keep(near, far) {
		return
	}
	defer p.drop(near, far)
	var both sync.WaitGroup
	for w, ends := range map[way][2]net.Conn{toFar: {near, far}, toNear: {far, near}} {
		both.Go(func() {
			from, to := ends[0], ends[1]
			_, _ = io.Copy(to, &through{from, p, w}) // its end, however it came, is the end of both
			to.Close()
			from.Close()
		})
	}
	both.Wait()
}

// through reads what a passage lets through.
type through struct {
	from net.Conn
	p    *passage
	way  way
}

func (t *through) Read(b []byte) (int, error) {
	n, err := t.from.Read(b)
	if shut := t.p.flows(t.way); shut != nil {
		return 0, shut
	}
	return n, err
}

func (p *passage) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		p.open[c] = true
	}
	return p.ctx.Err() == nil
}

func (p *passage) drop(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		delete(p.open, c)
	}
}
