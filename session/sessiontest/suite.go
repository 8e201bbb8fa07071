package sessiontest

import (
	"errors"
	"testing"
	"time"

	"switchboard/session"
)

// created is when the suites' sessions were created: a time that JSON keeps whole.
var created = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// record is one of session id, at a time when it is active.
func record(id session.ID) session.Record {
	return session.Record{
		ID: id, Key: "shop", Status: session.StatusActive, Node: "http://a", Epoch: 1,
		CreatedAt: created, UpdatedAt: created,
	}
}

// Eventually waits until done, and fails the test if that takes half a minute: for a time to
// live to pass, or for a server to be back.
func Eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	late := time.After(2 * time.Minute)
	for !done() {
		select {
		case <-poll.C:
		case <-late:
			t.Fatalf("did not happen: %s", what)
		}
	}
}

func wantNotFound(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, session.ErrNotFound) {
		t.Fatalf("error is %v, want session.ErrNotFound", err)
	}
}

func wantInvalid(t *testing.T, err error, field string) {
	t.Helper()
	if invalid, ok := errors.AsType[*session.InvalidError](err); !ok || invalid.Field != field {
		t.Fatalf("error is %v, want a *session.InvalidError of %s", err, field)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
