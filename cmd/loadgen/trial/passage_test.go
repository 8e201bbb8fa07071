package trial

import (
	"context"
	"io"
	"net"
	"testing"
	"testing/synctest"
)

// What is sent through a blocked passage arrives once it is not, or never if it is stopped.
func TestPassageBlocked(t *testing.T) {
	for name, tc := range map[string]struct {
		then func(*passage)
		want string
	}{
		"until unblocked": {(*passage).unblock, "late"},
		"until stopped":   {func(p *passage) { p.stopped() }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &passage{}
				p.ctx, p.stopped = context.WithCancel(t.Context())
				defer p.stopped()
				near, far := net.Pipe()
				read := make(chan string)
				p.block(toNear)
				go func() {
					b := make([]byte, 8)
					n, _ := (&through{far, p, toNear}).Read(b)
					read <- string(b[:n])
				}()
				if _, err := io.WriteString(near, "late"); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				select {
				case got := <-read:
					t.Fatalf("%q came through", got)
				default:
				}
				tc.then(p)
				if got := <-read; got != tc.want {
					t.Errorf("read %q, not %q", got, tc.want)
				}
			})
		})
	}
}

// A passage that is blocked one way lets the other through.
func TestPassageBlockedOneWay(t *testing.T) {
	p := &passage{}
	p.ctx, p.stopped = context.WithCancel(t.Context())
	defer p.stopped()
	p.block(toFar)
	if err := p.flows(toNear); err != nil {
		t.Error(err)
	}
	p.stopped()
	if p.flows(toFar) == nil {
		t.Error("it flows both ways")
	}
}
