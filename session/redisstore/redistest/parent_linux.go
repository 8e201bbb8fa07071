package redistest

import "syscall"

// endWithParent makes the kernel end a server whose test died without its clean-up.
func endWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
