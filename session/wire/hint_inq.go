//go:build linux && !386 && !s390x

package wire

import (
	"syscall"
	"unsafe"
)

// tcpINQ is TCP_INQ of linux/tcp.h, since Linux 4.18: each recvmsg tells how many bytes
// are left, and tells of at least one when the peer has closed.
const tcpINQ = 36

// hint (not on 386 and s390x, which have no recvmsg of their own) reads and learns on the way whether there is more. Without it the only way to know
// is another read that finds nothing. That a read was short does not tell: the FIN may
// have come with the data, and the poller reports both as one edge.
type hint struct{ given bool }

func (h *hint) ask(fd int) {
	h.given = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, tcpINQ, 1) == nil
}

// inqMessage is the control message that the kernel writes.
type inqMessage struct {
	header syscall.Cmsghdr
	left   int32
	_      int32
}

// read calls recvmsg itself: syscall.Recvmsg takes 400 bytes of stack for addresses that
// a TCP socket does not give, and that alone would double a waiting goroutine's stack.
func (h *hint) read(fd int, b []byte, quick bool) (n int, drained bool, err error) {
	if !h.given {
		n, err = syscall.Read(fd, b)
		return n, false, err
	}
	var inq inqMessage
	part := syscall.Iovec{Base: unsafe.SliceData(b)}
	part.SetLen(len(b))
	message := syscall.Msghdr{Iov: &part, Iovlen: 1, Control: (*byte)(unsafe.Pointer(&inq))}
	message.SetControllen(int(unsafe.Sizeof(inq)))
	n, err = recvmsg(fd, &message, quick && len(b) <= quickBytes)
	return n, n > 0 && inq.header.Type == tcpINQ && inq.left == 0, err
}

// recvmsg is recvmsg(2). quick: the scheduler is not told.
func recvmsg(fd int, m *syscall.Msghdr, quick bool) (int, error) {
	var n uintptr
	var errno syscall.Errno
	if quick {
		n, _, errno = syscall.RawSyscall(syscall.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(m)), 0)
	} else {
		n, _, errno = syscall.Syscall(syscall.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(m)), 0)
	}
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
