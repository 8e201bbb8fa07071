package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

var update = flag.Bool("update", false, "write the table of docs/configuration.md")

const (
	document   = "../../docs/configuration.md"
	tableBegin = "<!-- begin: made of the struct by go test ./cmd/gateway -run Configuration -update -->\n"
	tableEnd   = "<!-- end -->\n"
)

// TestConfigurationIsDocumented holds the document against the struct.
func TestConfigurationIsDocumented(t *testing.T) {
	raw, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(raw), tableBegin)
	_, after, ok2 := strings.Cut(rest, tableEnd)
	if !ok || !ok2 {
		t.Fatal("the document has lost its marks")
	}
	want := before + tableBegin + table(t) + tableEnd + after
	if want == string(raw) {
		return
	}
	if !*update {
		t.Fatal("docs/configuration.md is not of this struct: run with -update")
	}
	if err := os.WriteFile(document, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// table lists every flag under its group.
func table(t *testing.T) string {
	t.Helper()
	p, err := kong.New(&config{}, options()...)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	group := ""
	for _, f := range p.Model.Flags {
		if f.Group == nil { // --help
			continue
		}
		if f.Group.Title != group {
			group = f.Group.Title
			fmt.Fprintf(&b, "\n### %s\n\n| flag | environment | default | |\n|---|---|---|---|\n", group)
		}
		value := f.Default
		if value != "" {
			value = "`" + value + "`"
		}
		fmt.Fprintf(&b, "| `--%s` | `%s` | %s | %s |\n", f.Name, strings.Join(f.Envs, ", "), value, strings.ReplaceAll(f.Help, "|", `\|`))
	}
	return b.String() + "\n"
}

// TestVersionIsPrintedWhateverIsMissing runs --version as a person does who has set nothing up.
func TestVersionIsPrintedWhateverIsMissing(t *testing.T) {
	var out strings.Builder
	exited := -1
	p, err := kong.New(&config{}, append(options(), kong.Writers(&out, &out), kong.Exit(func(code int) { exited = code }))...)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = p.Parse([]string{"--version"}) // the real one does not return
	if exited != 0 || !strings.HasPrefix(out.String(), "switchboard "+buildVersion()) || buildVersion() == "" {
		t.Errorf("exit %d, printed %q", exited, out.String())
	}
}
