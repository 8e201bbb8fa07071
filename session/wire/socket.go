package wire

import (
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
)

// socket is a TCP connection that never waits where it need not: once it is async, Read
// fails with errWait when nothing is there, and Write keeps what the kernel does not take.
// Both hold under TLS, whose state survives an error that calls itself temporary.
//
// Read is for one goroutine, inside waitReadable; the rest is for anybody.
type socket struct {
	net.Conn
	raw   syscall.RawConn // nil if there is no descriptor to use directly, as with a pipe
	fd    int             // valid inside raw's callbacks, and with mu while not closed
	async bool

	// Owned by the reading goroutine.
	hint     hint
	fresh    bool // nothing was read in this call of waitReadable
	drained  bool // the kernel said that there is nothing more
	reads    int  // since the poller was waited for
	onRead   func(fd uintptr) bool
	readInto func() bool

	// mu comes after Conn.mu and TLS's own locks, which it may be taken under. It is
	// never held while waiting.
	mu      sync.Mutex
	block   *block // what rest is in
	rest    []byte // copy of what the kernel did not take
	err     error  // why it takes nothing any more
	closing bool   // nobody is to wait for it any more
	closed  bool

	onWritable func(fd uintptr) bool // writable, as a func made once

	flushMu sync.Mutex // held through a blocking write, where there is no descriptor
}

// waiting is the error of a read that would have to wait. crypto/tls keeps any other
// error for good.
type waiting struct{}

// Error is seen by nobody: who reads from a socket takes the error for a pause.
func (waiting) Error() string { return "wire: nothing to read yet" }

// Timeout and Temporary are what crypto/tls asks for.
func (waiting) Timeout() bool { return true }

// Temporary is true: the next read may find something.
func (waiting) Temporary() bool { return true }

var errWait net.Error = waiting{}

func newSocket(nc net.Conn) *socket {
	s := &socket{Conn: nc, raw: descriptorOf(nc)}
	s.onRead, s.onWritable = s.readable, s.writable
	return s
}

// goAsync ends the time of blocking reads and writes, which is the handshake's.
func (s *socket) goAsync() {
	s.async = true
	if s.raw == nil {
		return
	}
	err := s.raw.Control(func(fd uintptr) {
		s.fd = int(fd)
		s.hint.ask(s.fd)
	})
	s.closed = err != nil
}

// waitReadable calls use when there may be something to read, until use is done. Inside
// one call the poller remembers what came while use was at work; therefore use need not
// read until there is nothing if the kernel says that there is nothing. What came before
// the call the poller has forgotten, and the kernel says nothing of a reset that is behind
// the data; so the first read is not believed.
func (s *socket) waitReadable(use func() (done bool)) error {
	s.fresh, s.drained, s.readInto = true, false, use
	err := s.raw.Read(s.onRead)
	s.readInto = nil
	return err
}

func (s *socket) readable(uintptr) bool {
	s.reads = 0
	return s.readInto()
}

// Read reads once.
func (s *socket) Read(b []byte) (int, error) {
	if !s.async || s.raw == nil {
		return s.Conn.Read(b)
	}
	if s.drained {
		s.drained = false
		return 0, errWait
	}
	for {
		s.reads++
		n, drained, err := s.hint.read(s.fd, b, s.reads%quickReads != 0)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			return 0, errWait
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		}
		s.drained, s.fresh = drained && !s.fresh, false
		return n, nil
	}
}

// Write offers b to the kernel once and keeps a copy of what it does not take.
func (s *socket) Write(b []byte) (int, error) {
	if !s.async {
		return s.Conn.Write(b)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, s.err
	}
	size := len(b)
	if len(s.rest) == 0 && s.raw != nil {
		b = b[s.tryLocked(b):]
	}
	if len(b) > 0 && s.err == nil {
		s.keepLocked(b)
	}
	return size, s.err
}

// status tells whether everything was taken, and why nothing is any more.
func (s *socket) status() (empty bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.rest) == 0, s.err
}

// unacked is how many bytes wait here or in the kernel, which keeps what the peer has not acknowledged.
func (s *socket) unacked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.rest)
	if s.raw != nil && !s.closed {
		n += unackedFD(s.fd)
	}
	return n
}

// tryLocked makes one attempt and tells how much the kernel took.
func (s *socket) tryLocked(b []byte) int {
	for !s.closed {
		n, err := writeFD(s.fd, b)
		switch err {
		case nil:
			return n
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
		default:
			s.err = err
		}
		return 0
	}
	s.err = net.ErrClosed
	return 0
}

func (s *socket) keepLocked(b []byte) {
	if cap(s.rest)-len(s.rest) < len(b) {
		k := borrow(max(len(s.rest)+len(b), 2*len(s.rest))) // TLS brings a large message in many records
		rest := k.b[:copy(k.b, s.rest)]
		if s.block != nil {
			s.block.release()
		}
		s.block, s.rest = k, rest
	}
	s.rest = append(s.rest, b...)
}

// flushSomeLocked writes what fits and tells whether that was all there can be.
func (s *socket) flushSomeLocked() (done bool) {
	for s.err == nil && len(s.rest) > 0 {
		n := s.tryLocked(s.rest)
		if n == 0 {
			return s.err != nil
		}
		s.rest = s.rest[n:]
	}
	if s.block != nil {
		s.block.release()
		s.block, s.rest = nil, nil
	}
	return true
}

// flush waits until the kernel took everything, or close or the peer ends that.
func (s *socket) flush() {
	if s.raw == nil {
		s.flushBlocking()
		return
	}
	if err := s.raw.Write(s.onWritable); err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.closing && s.err == nil {
			s.err = err
		}
	}
}

func (s *socket) writable(uintptr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing || s.flushSomeLocked()
}

// flushBlocking is flush where there is no descriptor. Rest is taken out while it is
// being written, so that nobody waits for mu longer than a copy takes.
func (s *socket) flushBlocking() {
	s.flushMu.Lock()
	defer s.flushMu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.err == nil && len(s.rest) > 0 {
		k, b := s.block, s.rest
		s.block, s.rest = nil, nil
		s.mu.Unlock()
		_, err := s.Conn.Write(b)
		k.release()
		s.mu.Lock()
		s.err = err
	}
}

// idle tells, where there is no descriptor, whether nothing is on its way any more.
func (s *socket) idle() bool {
	if !s.flushMu.TryLock() {
		return false
	}
	defer s.flushMu.Unlock()
	empty, err := s.status()
	return empty || err != nil
}

// Close closes the descriptor, once a reader that is still in waitReadable has left.
func (s *socket) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	return s.Conn.Close()
}

// wake ends all waiting for good: reads and flushes return.
func (s *socket) wake() {
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	_ = s.SetDeadline(longAgo)
}

// shutWrite sends what is left, if the kernel takes it, and then the FIN.
func (s *socket) shutWrite() (sent bool) {
	s.mu.Lock()
	sent = s.flushSomeLocked()
	s.mu.Unlock()
	if sent {
		_ = s.raw.Control(func(fd uintptr) { shutFD(int(fd)) })
	}
	return sent
}

// discard throws away what has come and tells whether the peer has closed.
func (s *socket) discard() (closed bool) {
	k := borrow(minBlock)
	defer k.release()
	err := s.raw.Control(func(fd uintptr) {
		for range discardAtOnce {
			n, err := readFD(int(fd), k.b)
			if n <= 0 && !errors.Is(err, syscall.EINTR) {
				closed = !errors.Is(err, syscall.EAGAIN)
				return
			}
		}
	})
	return closed || err != nil
}
