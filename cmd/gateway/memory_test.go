package main

import (
	"math"
	"os"
	"path/filepath"
	"testing"
)

func TestSoftLimitIsBelowTheContainers(t *testing.T) {
	file := func(text string) string {
		name := filepath.Join(t.TempDir(), "limit")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	missing := filepath.Join(t.TempDir(), "missing")
	for name, row := range map[string]struct {
		files []string
		want  int64
	}{
		"version 2":           {[]string{file("1000000000\n"), missing}, 800_000_000},
		"version 1":           {[]string{missing, file("1000000000\n")}, 800_000_000},
		"version 2, no limit": {[]string{file("max\n"), missing}, math.MaxInt64},
		"version 1, no limit": {[]string{missing, file("9223372036854771712\n")}, math.MaxInt64},
		"no container":        {[]string{missing, missing}, math.MaxInt64},
	} {
		if got := softLimit(row.files); got != row.want {
			t.Errorf("%s: %d, want %d", name, got, row.want)
		}
	}
}
