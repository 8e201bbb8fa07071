package sessiontest_test

import (
	"errors"
	"net"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"switchboard/session"
	"switchboard/session/sessiontest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPipePassesMessagesThenTheClose(t *testing.T) {
	a, b := sessiontest.Pipe()
	send(t, a, "one")
	send(t, a, "two")
	if err := a.Close(4001, "enough"); err != nil {
		t.Fatal(err)
	}
	receive(t, b, "one")
	if !b.Buffered() {
		t.Fatal("the second message is not buffered")
	}
	receive(t, b, "two")
	_, err := b.Read()
	if ended, ok := errors.AsType[*session.CloseError](err); !ok || ended.Code != 4001 || ended.Reason != "enough" {
		t.Fatalf("Read after the peer's close: %v", err)
	}
	if _, err := a.Read(); !errors.Is(err, net.ErrClosed) {
		t.Fatalf("Read after our own close: %v", err)
	}
	if err := b.Send("late"); err == nil {
		t.Fatal("a write to a closed peer was taken")
	}
}

func TestPipeKeepsFramesByReferenceWhileMoreIsSet(t *testing.T) {
	a, b := sessiontest.Pipe()
	f := session.NewFrame([]byte("one"))
	if _, err := a.Write(f, session.WithNext); err != nil {
		t.Fatal(err)
	}
	if b.Buffered() {
		t.Fatal("a frame with more set was passed on at once")
	}
	copy(f.Payload(), "eno")
	send(t, a, "two")
	receive(t, b, "eno")
	receive(t, b, "two")
}

func TestPipeOverwritesFramesOnceItHasToWait(t *testing.T) {
	a, b := sessiontest.Pipe()
	send(t, a, "one")
	send(t, a, "two")
	first, err := b.Read()
	if err != nil {
		t.Fatal(err)
	}
	receive(t, b, "two")
	if got := string(first.Payload()); got != "one" {
		t.Fatalf("the first frame reads %q while the next was waiting", got)
	}
	a.Close(session.CloseNormal, "")
	if _, err := b.Read(); err == nil {
		t.Fatal("read from a closed pipe")
	}
	if got := string(first.Payload()); got != "###" {
		t.Fatalf("the first frame still reads %q", got)
	}
}

func TestPipeStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := sessiontest.Pipe()
		b.Stall()
		if taken, err := a.Write(session.NewFrame([]byte("one")), session.AtOnce); taken || err != nil {
			t.Fatalf("Write into a stalled end: %v, %v", taken, err)
		}
		flushed := make(chan error, 1)
		go func() { flushed <- a.Flush() }()
		synctest.Wait()
		if len(flushed) > 0 {
			t.Fatal("Flush returned while the end was stalled")
		}
		b.Release()
		if err := <-flushed; err != nil {
			t.Fatal(err)
		}
		receive(t, b, "one")
	})
}

func TestPipeCloseUnblocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := sessiontest.Pipe()
		b.Stall()
		if _, err := a.Write(session.NewFrame([]byte("one")), session.AtOnce); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 2)
		go func() { ended <- a.Flush() }()
		go func() { _, err := a.Read(); ended <- err }()
		synctest.Wait()
		a.Drop()
		for range 2 {
			if err := <-ended; !errors.Is(err, net.ErrClosed) {
				t.Fatalf("ended with %v", err)
			}
		}
		if how := b.Closed(); how == nil || how.Code != 1006 {
			t.Fatalf("the peer sees %v", how)
		}
	})
}

func TestPipeSendError(t *testing.T) {
	a, b := sessiontest.Pipe()
	a.SendError(session.ErrNotText)
	send(t, a, "one")
	if _, err := b.Read(); !errors.Is(err, session.ErrNotText) {
		t.Fatalf("Read: %v", err)
	}
	receive(t, b, "one")
}

func send(t *testing.T, c *sessiontest.Conn, text string) {
	t.Helper()
	if err := c.Send(text); err != nil {
		t.Fatal(err)
	}
}

func receive(t *testing.T, c *sessiontest.Conn, want string) {
	t.Helper()
	if got, err := c.Receive(); err != nil || got != want {
		t.Fatalf("received %q, %v; want %q", got, err, want)
	}
}
