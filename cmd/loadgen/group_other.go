//go:build !linux

package main

import "syscall"

// ownGroup does nothing: loadgen starts programs, and measures them, on Linux only.
func ownGroup() *syscall.SysProcAttr { return nil }

// yieldCPU does nothing, for the same reason.
func yieldCPU() error { return nil }
