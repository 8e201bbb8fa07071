//go:build !linux

package program

import "syscall"

// ownGroup does nothing: loadgen starts programs, and measures them, on Linux only.
func ownGroup() *syscall.SysProcAttr { return nil }

// YieldCPU does nothing, for the same reason.
func YieldCPU() error { return nil }
