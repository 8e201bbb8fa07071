//go:build unix && !linux

package wire

import "syscall"

// quickReads is without effect here: the scheduler is told of each call.
const quickReads = 1

func writeFD(fd int, b []byte) (int, error) { return syscall.Write(fd, b) }
