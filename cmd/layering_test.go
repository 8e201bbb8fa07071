// Package cmd_test holds the tree against the import table of docs/decisions/0001-layout.md.
// It is here because what the table is about is wired in the programs of this folder.
package cmd_test

import (
	"errors"
	"go/build"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// table says what of ours each package may import outside its tests. A package that is
// not here has no place yet.
var table = map[string][]string{
	"session":               {},
	"session/realtime":      {"session", "session/price"},
	"session/configuration": {"session", "session/realtime"},
	"session/access":        {"session"},
	"session/audit":         {"session", "session/contain"},
	"session/series":        {},
	"session/survey":        {"session"},
	"session/broadcast":     {"session"},
	"session/conversation":  {"session"},
	"session/buffer":        {"session", "session/realtime"},
	"session/journal":       {"session", "session/contain"},
	"session/hub": {"session", "session/access", "session/broadcast", "session/buffer", "session/configuration", "session/contain",
		"session/conversation", "session/journal", "session/liveness", "session/price", "session/realtime", "session/series", "session/trace"},
	"session/trace":                {"session"},
	"session/otlp":                 {"session", "session/trace"},
	"session/contain":              {},
	"session/liveness":             {"session"},
	"session/price":                {},
	"session/wire":                 {"session/contain", "session"},
	"session/upstream":             {"session", "session/wire"},
	"session/redisstore":           {"session", "session/access", "session/audit", "session/broadcast", "session/series", "session/survey"},
	"session/redisstore/embedded":  {},
	"session/redisstore/redistest": {},
	"session/sessiontest":          {"session", "session/access", "session/audit", "session/broadcast", "session/series", "session/survey"},
	"gateway":                      {"gateway/document", "gateway/openapi", "gateway/problem", "gateway/role", "gateway/sse", "gateway/strict", "session", "session/access", "session/audit", "session/broadcast", "session/configuration", "session/contain", "session/hub", "session/realtime", "session/series", "session/survey", "session/wire"},
	"gateway/document":             {},
	"gateway/openapi":              {"gateway/document", "gateway/problem", "gateway/role", "gateway/strict"},
	"gateway/problem":              {"gateway/strict"},
	"gateway/role":                 {},
	"gateway/sse":                  {},
	"gateway/strict":               {},
	"webhooks": {"gateway/openapi", "gateway/problem", "session/contain", "webhooks/api", "webhooks/batch", "webhooks/fanout", "webhooks/live", "webhooks/notify", "webhooks/queue",
		"webhooks/records", "webhooks/seal", "webhooks/tune", "webhooks/wake"},
	"webhooks/api": {"gateway/openapi", "gateway/problem", "gateway/role", "gateway/strict", "webhooks/batch", "webhooks/fanout", "webhooks/live", "webhooks/queue", "webhooks/records",
		"webhooks/seal", "webhooks/spool", "webhooks/tune"},
	"webhooks/spool":        {},
	"webhooks/batch":        {"gateway/strict", "session/price", "webhooks/follow", "webhooks/jsonl", "webhooks/notify", "webhooks/queue", "webhooks/records", "webhooks/spool"},
	"webhooks/follow":       {"webhooks/queue", "webhooks/records", "webhooks/spool"},
	"webhooks/jsonl":        {},
	"webhooks/tune":         {"gateway/strict", "webhooks/follow", "webhooks/jsonl", "webhooks/notify", "webhooks/queue", "webhooks/records", "webhooks/spool"},
	"webhooks/fanout":       {"session/contain", "webhooks/queue", "webhooks/seal", "webhooks/wake"},
	"webhooks/live":         {"gateway/problem", "gateway/sse", "webhooks/wake"},
	"webhooks/notify":       {"webhooks/queue"},
	"webhooks/queue":        {"session/contain"},
	"webhooks/records":      {},
	"webhooks/seal":         {},
	"webhooks/wake":         {},
	"webhooks/conformance":  {},
	"web":                   {"gateway/document"},
	"cmd":                   {},
	"cmd/gateway":           {"cmd/simulator/standin", "gateway", "session", "session/access", "session/audit", "session/contain", "session/hub", "session/otlp", "session/price", "session/redisstore", "session/redisstore/embedded", "session/trace", "session/upstream", "session/wire", "web", "webhooks", "webhooks/batch", "webhooks/seal"},
	"cmd/simulator":         {"cmd/simulator/standin"},
	"cmd/simulator/standin": {},
	"cmd/loadgen":           {"cmd/loadgen/endpoint", "cmd/loadgen/lab", "cmd/loadgen/load", "cmd/loadgen/trial"},
	"cmd/loadgen/figures":   {},
	"cmd/loadgen/program":   {"cmd/loadgen/figures"},
	"cmd/loadgen/endpoint":  {"cmd/loadgen/figures"},
	"cmd/loadgen/load":      {"cmd/loadgen/endpoint", "cmd/loadgen/figures", "cmd/loadgen/program"},
	"cmd/loadgen/lab":       {"cmd/loadgen/endpoint", "cmd/loadgen/figures", "cmd/loadgen/load", "cmd/loadgen/program"},
	"cmd/loadgen/trial":     {"cmd/loadgen/endpoint", "cmd/loadgen/figures", "cmd/loadgen/lab", "cmd/loadgen/load", "cmd/loadgen/program"},
	"examples/go":           {},
}

// thirdParty is what packages that must stay small may import beside the standard library and ours.
var thirdParty = map[string][]string{
	"session":               {},
	"session/realtime":      {"github.com/tidwall/gjson"},
	"session/configuration": {"github.com/tidwall/gjson"},
	"session/access":        {},
	"session/audit":         {},
	"session/series":        {},
	"session/broadcast":     {},
	"session/conversation":  {"github.com/tidwall/gjson"},
	"session/buffer":        {},
	"session/journal":       {},
	"session/liveness":      {},
	"session/trace":         {},
	"session/hub":           {"github.com/tidwall/gjson"},
}

func TestImports(t *testing.T) {
	for name, imports := range tree(t) {
		allowed, known := table[name]
		if !known {
			t.Errorf("%s is not in the import table", name)
			continue
		}
		for _, path := range imports {
			other, ours := strings.CutPrefix(path, "switchboard/")
			if ours && !slices.Contains(allowed, other) {
				t.Errorf("%s imports %s", name, other)
			}
			foreign := !ours && strings.Contains(strings.Split(path, "/")[0], ".")
			if allowed, strict := thirdParty[name]; strict && foreign && !slices.Contains(allowed, path) {
				t.Errorf("%s imports %s", name, path)
			}
		}
	}
}

// tree reads what every package of the module imports outside its tests. It reads the
// files itself, and does not ask go list, so that go test knows when its result is stale.
func tree(t *testing.T) map[string][]string {
	t.Helper()
	packages := map[string][]string{}
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		if name := entry.Name(); path != ".." && strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules" {
			return fs.SkipDir
		}
		p, err := build.ImportDir(path, 0)
		if none := new(build.NoGoError); errors.As(err, &none) {
			return nil
		}
		if err != nil {
			return err
		}
		name, err := filepath.Rel("..", path)
		packages[filepath.ToSlash(name)] = p.Imports
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return packages
}
