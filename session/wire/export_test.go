package wire

import (
	"net"
	"testing"

	"github.com/gobwas/ws"
)

// Wrap makes an end of a connection without a handshake.
func Wrap(nc net.Conn, server bool, o Options) *Conn {
	role := ws.StateClientSide
	if server {
		role = ws.StateServerSide
	}
	return wrap(nc, nil, role, o)
}

// Hold has n bytes of a key's share held until it is released.
func Hold(t testing.TB, q *Quota, key string, n int64) (release func()) {
	s, leave := q.Share(key)
	taken, err := s.acquire(t.Context(), n, n)
	if err != nil {
		t.Fatal(err)
	}
	return func() { s.release(taken); leave() }
}
