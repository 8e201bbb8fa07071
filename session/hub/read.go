package hub

import (
	"slices"
)

// Bounds of what a session remembers of facts: what comes twice comes soon.
const (
	factsKept = 64
	factBytes = 256 // a longer name is not remembered
)

// Kinds of facts.
const (
	factResponse   = "response" // it ended
	factTranscript = "transcript"
)

// facts are what the upstream has reported, so that what it reports twice counts once.
type facts struct{ known []string }

// first reports whether a fact is new, and remembers it.
func (f *facts) first(kind, id string) bool {
	switch {
	case f.has(kind, id):
		return false
	case len(kind)+len(id) > factBytes:
		return true
	case len(f.known) == factsKept:
		f.known = slices.Delete(f.known, 0, 1)
	}
	f.known = append(f.known, kind+" "+id)
	return true
}

func (f *facts) has(kind, id string) bool { return slices.Contains(f.known, kind+" "+id) }
