package main

import (
	"cmp"
	"runtime/debug"
)

// version is set by the linker for builds without a checkout beside them (the container
// image): -ldflags "-X main.version=v1.2.3".
var version string

// buildVersion names this build: the release, or a pseudo-version with the commit that Go
// stamps into programs it builds in a checkout; "unknown" where neither is there.
func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "(devel)" {
		return cmp.Or(info.Main.Version, "unknown")
	}
	return "unknown"
}
