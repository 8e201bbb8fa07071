//go:build unix

package wire

import (
	"net"
	"syscall"
)

// descriptorOf returns how to use a connection's descriptor directly; nil if it has none.
func descriptorOf(nc net.Conn) syscall.RawConn {
	switch nc := nc.(type) {
	case *net.TCPConn:
		raw, _ := nc.SyscallConn()
		return raw
	case *net.UnixConn:
		raw, _ := nc.SyscallConn()
		return raw
	}
	return nil
}

func readFD(fd int, b []byte) (int, error) { return syscall.Read(fd, b) }

// shutFD sends the FIN; a connection that is gone needs none.
func shutFD(fd int) { _ = syscall.Shutdown(fd, syscall.SHUT_WR) }
