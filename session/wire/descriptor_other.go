//go:build !unix

package wire

import (
	"errors"
	"net"
	"syscall"
)

// descriptorOf returns none: without non-blocking reads and writes on descriptors, connections
// are used as a pipe is, with a goroutine that waits.
func descriptorOf(net.Conn) syscall.RawConn { return nil }

// quickReads is without effect here.
const quickReads = 1

func readFD(int, []byte) (int, error) { return 0, errors.ErrUnsupported }

func writeFD(int, []byte) (int, error) { return 0, errors.ErrUnsupported }

func shutFD(int) {}
