package session_test

import (
	"errors"
	"testing"

	"switchboard/session"
)

// Of several wrong fields the same one is named each time: the first in the order of the document.
func TestPolicyNamesTheFirstWrongField(t *testing.T) {
	many := make([]string, 10_000)
	for range 50 {
		for want, p := range map[string]session.Policy{
			"events":      {Events: many, Roles: many, Items: many, Response: many},
			"event_bytes": {EventBytes: -1, EventsPerSecond: -1, BytesPerSecond: -1},
		} {
			if wrong, ok := errors.AsType[*session.InvalidError](p.Validate()); !ok || wrong.Field != want {
				t.Fatalf("named %v, want %s", wrong, want)
			}
		}
	}
}
