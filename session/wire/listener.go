package wire

import "net"

// Listener makes inner's connections such that, with TLS over them as http.Server's
// ServeTLS does it, [Accept] still need not wait in writes nor hold a buffer for reads.
// Without TLS it changes nothing.
func Listener(inner net.Listener) net.Listener { return listener{inner} }

type listener struct{ net.Listener }

// Accept waits for the next connection; its errors are those of the inner listener.
func (l listener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return newSocket(nc), nil
}
