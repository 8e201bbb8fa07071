package wire

import (
	"net"

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
