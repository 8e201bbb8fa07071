//go:build !linux

package redistest

import "syscall"

// endWithParent does nothing where the kernel does not offer it.
func endWithParent() *syscall.SysProcAttr { return nil }
