package problem_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"switchboard/gateway/problem"
)

// Every kind that the code makes is described to callers, on the page and in docs/api.md.
func TestKindsAreDescribed(t *testing.T) {
	made := regexp.MustCompile(`problem\.New\([^,]*, "([a-z-]+)"|, [45][0-9][0-9], "([a-z-]+)", "`)
	docs, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, pattern := range []string{"../*.go", "../../webhooks/*.go", "../../webhooks/*/*.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range made.FindAllStringSubmatch(string(text), -1) {
				if !strings.HasSuffix(file, "_test.go") {
					names[m[1]+m[2]] = true
				}
			}
		}
	}
	if len(names) < 20 {
		t.Fatalf("found only %d", len(names))
	}
	for name := range names {
		if !slices.ContainsFunc(problem.Kinds, func(k problem.Kind) bool { return k.Name == name }) {
			t.Errorf("%s is not in Kinds", name)
		}
		if !strings.Contains(string(docs), "`"+name+"`") && name != "client-gone" {
			t.Errorf("%s is not in docs/api.md", name)
		}
	}
}
