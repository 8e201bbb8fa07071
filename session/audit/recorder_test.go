package audit_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/session/audit"
	"switchboard/session/sessiontest"
)

// run starts a recorder; the end of the test waits for it.
func run(t *testing.T, m *sessiontest.Memory, tell func(context.Context, audit.Entry)) (r *audit.Recorder, stop func()) {
	r = audit.NewRecorder(m, tell, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { r.Run(ctx) })
	return r, func() { cancel(); running.Wait() }
}

func actions(t *testing.T, m *sessiontest.Memory) (list []string) {
	t.Helper()
	page, err := m.AuditEntries(t.Context(), audit.Query{}, "", 10_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range page.Entries {
		list = append(list, e.Action)
	}
	return list
}

func TestRecorderTellsWhatItWrote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := sessiontest.NewMemory()
		var told []audit.Entry
		r, stop := run(t, m, func(_ context.Context, e audit.Entry) { told = append(told, e) })
		defer stop()
		r.Record(audit.Entry{Action: "one", Role: "app"})
		r.Record(audit.Entry{Action: "two", Role: "admin"})
		synctest.Wait()
		if len(told) != 2 || told[0].ID == "" || told[0].Action != "one" || told[1].Action != "two" {
			t.Fatalf("told %+v", told)
		}
	})
}

// While the store is away entries wait; each is there once when it is back.
func TestRecorderWaitsForTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := sessiontest.NewMemory()
		r, stop := run(t, m, nil)
		m.Fail(errors.New("away"))
		r.Record(audit.Entry{Action: "one"})
		time.Sleep(3 * time.Second)
		r.Record(audit.Entry{Action: "two"})
		if n, lost := r.Pending(); n != 2 || lost != 0 {
			t.Fatalf("%d pending, %d lost", n, lost)
		}
		m.Fail(nil)
		time.Sleep(3 * time.Second)
		r.Record(audit.Entry{Action: "last"})
		stop() // what is left is written
		if got := actions(t, m); len(got) != 3 || got[0] != "last" || got[2] != "one" {
			t.Fatalf("wrote %v", got)
		}
	})
}

func TestRecorderIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := sessiontest.NewMemory()
		m.Fail(errors.New("away"))
		r, stop := run(t, m, nil)
		for range 10_000 {
			r.Record(audit.Entry{Action: "x"})
		}
		if n, lost := r.Pending(); n != 4096 || lost != 10_000-4096 {
			t.Fatalf("%d pending, %d lost", n, lost)
		}
		m.Fail(nil)
		stop()
		if got := actions(t, m); len(got) != 4096 {
			t.Fatalf("wrote %d", len(got))
		}
	})
}
