//go:build unix

package gateway

import (
	"syscall"
	"time"
)

// processTime is how long the process has kept cores busy.
func processTime() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
