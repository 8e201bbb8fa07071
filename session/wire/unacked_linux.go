package wire

import (
	"syscall"
	"unsafe"
)

// unackedFD asks the kernel how much of what was written the peer has not acknowledged (tcp(7),
// SIOCOUTQ).
func unackedFD(fd int) int {
	var n int32
	_, _, errno := syscall.RawSyscall(syscall.SYS_IOCTL, uintptr(fd), syscall.TIOCOUTQ, uintptr(unsafe.Pointer(&n)))
	if errno != 0 {
		return 0
	}
	return int(n)
}
