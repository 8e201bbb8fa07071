package sessiontest_test

import (
	"errors"
	"testing"

	"switchboard/session"
	"switchboard/session/access"
	"switchboard/session/audit"
	"switchboard/session/series"
	"switchboard/session/sessiontest"
)

func TestMemory(t *testing.T) {
	t.Run("store", func(t *testing.T) {
		sessiontest.TestStore(t, func(*testing.T) session.Store { return sessiontest.NewMemory() })
	})
	t.Run("directory", func(t *testing.T) {
		sessiontest.TestDirectory(t, func(*testing.T) session.Directory { return sessiontest.NewMemory() })
	})
	t.Run("grants", func(t *testing.T) {
		sessiontest.TestGrants(t, func(*testing.T) access.Grants { return sessiontest.NewMemory() })
	})
	t.Run("keyring", func(t *testing.T) {
		sessiontest.TestKeyRing(t, func(*testing.T) access.KeyRing { return sessiontest.NewMemory() })
	})
	t.Run("audit", func(t *testing.T) {
		sessiontest.TestAudit(t, func(*testing.T) audit.Log { return sessiontest.NewMemory() })
	})
	t.Run("series", func(t *testing.T) {
		sessiontest.TestSeries(t, func(*testing.T) series.Store { return sessiontest.NewMemory() })
	})
	t.Run("lives", func(t *testing.T) {
		sessiontest.TestLives(t, func(*testing.T) series.Lives { return sessiontest.NewMemory() })
	})
	t.Run("meter", func(t *testing.T) {
		sessiontest.TestMeter(t, func(*testing.T) access.Meter { return sessiontest.NewMemory() })
	})
	t.Run("fleet", func(t *testing.T) {
		sessiontest.TestFleet(t, func(*testing.T) sessiontest.Fleet { return sessiontest.NewMemory() })
	})
	t.Run("broadcasts", func(t *testing.T) {
		sessiontest.TestBroadcasts(t, func(*testing.T) sessiontest.BroadcastLog { return sessiontest.NewMemory() })
	})
}

func TestMemoryFails(t *testing.T) {
	m, away := sessiontest.NewMemory(), errors.New("away")
	m.Fail(away)
	if _, err := m.Record(t.Context(), "s-1"); !errors.Is(err, away) {
		t.Fatalf("Record: %v", err)
	}
	m.Fail(nil)
	if _, err := m.Record(t.Context(), "s-1"); !errors.Is(err, session.ErrNotFound) {
		t.Fatalf("Record: %v", err)
	}
}
