package cmd_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestLibraries holds the table of libraries against what is required.
func TestLibraries(t *testing.T) {
	table := read(t, "../docs/decisions/0002-libraries.md")
	for _, name := range append(goModules(t), nodePackages(t)...) {
		if !strings.Contains(table, "`"+name+"`") {
			t.Errorf("0002-libraries.md does not say why %s", name)
		}
	}
}

// goModules lists what the module requires by itself.
func goModules(t *testing.T) (names []string) {
	direct := regexp.MustCompile(`(?m)^\t(\S+) v\S+$`)
	for _, match := range direct.FindAllStringSubmatch(read(t, "../go.mod"), -1) {
		names = append(names, match[1])
	}
	return names
}

// nodePackages lists what the pages, and tests with other people's clients, require.
func nodePackages(t *testing.T) (names []string) {
	manifests, err := filepath.Glob("../*/package.json")
	if err != nil || len(manifests) == 0 {
		t.Fatal("no package.json:", err)
	}
	nested, _ := filepath.Glob("../*/*/package.json") // the pattern is as good as the one above
	for _, file := range append(manifests, nested...) {
		var manifest struct{ Dependencies, DevDependencies map[string]string }
		if err := json.Unmarshal([]byte(read(t, file)), &manifest); err != nil {
			t.Fatal(err)
		}
		names = slices.AppendSeq(names, maps.Keys(manifest.Dependencies))
		names = slices.AppendSeq(names, maps.Keys(manifest.DevDependencies))
	}
	return names
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
