package sessiontest

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"switchboard/session"
)

// TestGrants is what every [session.Grants] must pass. open returns an empty one.
func TestGrants(t *testing.T, open func(t *testing.T) session.Grants) {
	t.Run("round trip", func(t *testing.T) { testGrant(t, open(t)) })
	t.Run("expiry", func(t *testing.T) { testGrantExpiry(t, open(t)) })
}

func testGrant(t *testing.T, g session.Grants) {
	_, err := g.Grant(t.Context(), "ek_}{")
	wantNotFound(t, err)
	want := session.Grant{
		Session: "s-1", Key: "shop}", Policy: session.Voice(),
		Config: []byte(`{"instructions":"</b> ü"}`), ExpiresAt: created,
	}
	must(t, g.PutGrant(t.Context(), "ek_}{", want, time.Hour))
	got, err := g.Grant(t.Context(), "ek_}{")
	must(t, err)
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v, want %+v", got, want)
	}
	_, err = g.Grant(t.Context(), "ek_")
	wantNotFound(t, err)
	_, err = g.Grant(t.Context(), "")
	wantNotFound(t, err)
	other := session.Grant{Key: "desk", ExpiresAt: created}
	must(t, g.PutGrant(t.Context(), "ek_}{", other, time.Hour))
	if got, err := g.Grant(t.Context(), "ek_}{"); err != nil || !reflect.DeepEqual(got, other) {
		t.Fatalf("got %+v, %v", got, err)
	}
}

func testGrantExpiry(t *testing.T, g session.Grants) {
	for _, ttl := range []time.Duration{0, -time.Second} {
		wantInvalid(t, g.PutGrant(t.Context(), "ek_1", session.Grant{}, ttl), "ttl")
	}
	must(t, g.PutGrant(t.Context(), "ek_1", session.Grant{Key: "shop"}, 20*time.Millisecond))
	Eventually(t, "the grant expires", func() bool {
		_, err := g.Grant(t.Context(), "ek_1")
		return errors.Is(err, session.ErrNotFound)
	})
}
