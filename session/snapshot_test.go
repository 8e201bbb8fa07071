package session_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"switchboard/session"
)

func TestSnapshotOfALaterRelease(t *testing.T) {
	later := fmt.Sprintf(`{"version":%d,"items":"told otherwise by then"}`, session.SnapshotVersion+1)
	_, err := session.ParseSnapshot([]byte(later))
	invalid, ok := errors.AsType[*session.InvalidError](err)
	if !ok || invalid.Field != "version" {
		t.Errorf("error is %v", err)
	}
	if s, err := session.ParseSnapshot([]byte(`{"record":{"id":"one"},"wanted":true,"of_a_later_patch":1}`)); err != nil || s.Record.ID != "one" || !s.Wanted {
		t.Errorf("of an earlier release: %+v, %v", s, err)
	}
}

func FuzzSnapshot(f *testing.F) {
	f.Add([]byte(`{"version":1,"record":{"id":"one"},"items":[{"id":"i"}],"history":["e30="],"seq":7}`))
	f.Add([]byte(`{"version":1e9}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := session.ParseSnapshot(raw)
		if err != nil {
			return
		}
		again, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := session.ParseSnapshot(again); err != nil {
			t.Errorf("what was read cannot be read again: %v", err)
		}
	})
}
