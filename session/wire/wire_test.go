package wire_test

import (
	"errors"
	"net"
	"strings"
	"testing"

	"switchboard/session"
	"switchboard/session/wire"
)

func TestEchoSizes(t *testing.T) {
	for name, serveEcho := range map[string]func(*wire.Conn) error{"Read": echo, "Each": echoEach} {
		t.Run(name, func(t *testing.T) {
			url := serve(t, wire.Options{}, func(c *wire.Conn) { serveEcho(c) })
			c := dial(t, url, wire.DialOptions{})
			for _, n := range []int{0, 1, 125, 126, 127, 65535, 65536, 32<<10 - 8, 32 << 10, 1 << 20, 15 << 20} {
				text := strings.Repeat("x", n)
				sendText(t, c, text)
				wantText(t, c, text)
			}
		})
	}
}

func TestCloseTellsThePeer(t *testing.T) {
	got := make(chan error, 1)
	url := serve(t, wire.Options{}, func(c *wire.Conn) {
		_, err := c.Read()
		got <- err
	})
	c := dial(t, url, wire.DialOptions{})
	c.Close(4001, "come back")
	wantClose(t, <-got, 4001, "come back")
	if _, err := c.Read(); !errors.Is(err, net.ErrClosed) {
		t.Fatalf("read after close: %v", err)
	}
	if _, err := c.Write(session.NewFrame(nil), session.AtOnce); !errors.Is(err, net.ErrClosed) {
		t.Fatalf("write after close: %v", err)
	}
}
