package wire

import (
	"syscall"
	"unsafe"
)

// Go's scheduler expects that a system call may block. It is told of each before and after, and one
// that begins while nothing else runs wakes the runtime's monitor (sysmon), which from then on looks
// every 20 µs whether a call has lasted. With live sessions that was an eighth of all CPU. A call on a
// socket that never blocks is over after microseconds: the scheduler is not told of it.
//
// The monitor is also what lets others run while one goroutine finds ever more to read. So the scheduler
// is told of calls with more than quickBytes, and of each quickReads-th read without a pause.
const (
	quickBytes = 64 << 10
	quickReads = 32
)

// writeFD is write(2), of which the scheduler is told only if b is long.
func writeFD(fd int, b []byte) (int, error) {
	if len(b) > quickBytes {
		return syscall.Write(fd, b)
	}
	n, _, errno := syscall.RawSyscall(syscall.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
