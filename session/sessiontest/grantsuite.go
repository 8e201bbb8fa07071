package sessiontest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"switchboard/session"
	"switchboard/session/access"
)

// TestGrants is what every [session.Grants] must pass. open returns an empty one.
func TestGrants(t *testing.T, open func(t *testing.T) access.Grants) {
	t.Run("round trip", func(t *testing.T) { testGrant(t, open(t)) })
	t.Run("expiry", func(t *testing.T) { testGrantExpiry(t, open(t)) })
	t.Run("extension", func(t *testing.T) { testGrantExtension(t, open(t)) })
	t.Run("revocation", func(t *testing.T) { testGrantRevocation(t, open(t)) })
	t.Run("end", func(t *testing.T) { testGrantEnd(t, open(t)) })
	t.Run("bound", func(t *testing.T) { testGrantBound(t, open(t)) })
}

func testGrant(t *testing.T, g access.Grants) {
	_, err := g.Grant(t.Context(), "ek_}{")
	wantNotFound(t, err)
	want := access.Grant{
		Session: "s-1", Created: created, Key: "shop}", Issuer: "key_1", Round: 3, Policy: session.Voice(),
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
	other := access.Grant{Key: "desk", ExpiresAt: created}
	must(t, g.PutGrant(t.Context(), "ek_}{", other, time.Hour))
	if got, err := g.Grant(t.Context(), "ek_}{"); err != nil || !reflect.DeepEqual(got, other) {
		t.Fatalf("got %+v, %v", got, err)
	}
}

func testGrantExpiry(t *testing.T, g access.Grants) {
	for _, ttl := range []time.Duration{0, -time.Second} {
		wantInvalid(t, g.PutGrant(t.Context(), "ek_1", access.Grant{}, ttl), "ttl")
	}
	must(t, g.PutGrant(t.Context(), "ek_1", access.Grant{Key: "shop"}, 20*time.Millisecond))
	Eventually(t, "the grant expires", func() bool {
		_, err := g.Grant(t.Context(), "ek_1")
		return errors.Is(err, session.ErrNotFound)
	})
}

func testGrantExtension(t *testing.T, g access.Grants) {
	grant := access.Grant{Session: "s-1", Key: "shop", ExpiresAt: created}
	wantNotFound(t, g.ExtendGrant(t.Context(), "ek_1", grant, time.Hour))
	first := grant
	grant.Round = 7
	Eventually(t, "a use comes before the grant expires", func() bool { // not at once on a machine that stalls
		must(t, g.PutGrant(t.Context(), "ek_1", first, 20*time.Millisecond))
		return g.ExtendGrant(t.Context(), "ek_1", grant, time.Hour) == nil
	})
	if got, err := g.Grant(t.Context(), "ek_1"); err != nil || !reflect.DeepEqual(got, grant) {
		t.Fatalf("got %+v, %v", got, err)
	}
	_, err := g.RevokeGrants(t.Context(), "s-1", "")
	must(t, err)
	wantNotFound(t, g.ExtendGrant(t.Context(), "ek_1", grant, time.Hour)) // a use does not bring it back
	_, err = g.Grant(t.Context(), "ek_1")
	wantNotFound(t, err)
}

func testGrantRevocation(t *testing.T, g access.Grants) {
	for token, id := range map[string]session.ID{"ek_1": "s-1", "ek_2": "s-1", "ek_3": "s-1", "ek_other": "s-2", "ek_free": ""} {
		must(t, g.PutGrant(t.Context(), token, access.Grant{Session: id, Key: "shop"}, time.Hour))
	}
	revoke := func(id session.ID, token string, want ...string) {
		t.Helper()
		got, err := g.RevokeGrants(t.Context(), id, token)
		must(t, err)
		for i := range want {
			want[i] = access.TokenID(want[i])
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("revoked %v, want %v", got, want)
		}
	}
	known := func(token string, want bool) {
		t.Helper()
		if _, err := g.Grant(t.Context(), token); (err == nil) != want {
			t.Fatalf("%s: %v", token, err)
		}
	}
	revoke("s-1", access.TokenID("ek_other")) // another session's
	known("ek_other", true)
	revoke("s-1", access.TokenID("ek_1"), "ek_1")
	known("ek_1", false)
	known("ek_2", true)
	revoke("s-1", "", "ek_2", "ek_3")
	known("ek_2", false)
	known("ek_3", false)
	revoke("s-1", "")
	known("ek_other", true)
	known("ek_free", true)
	must(t, g.RevokeGrant(t.Context(), "ek_free"))
	known("ek_free", false)
	wantNotFound(t, g.RevokeGrant(t.Context(), "ek_free"))
}

func testGrantEnd(t *testing.T, g access.Grants) {
	must(t, g.PutGrant(t.Context(), "ek_1", access.Grant{Session: "s-1", Key: "shop"}, time.Hour))
	must(t, g.PutGrant(t.Context(), "ek_2", access.Grant{Session: "s-2", Key: "shop"}, time.Hour))
	must(t, g.EndGrants(t.Context(), "s-1", time.Hour/2))
	if _, err := g.Grant(t.Context(), "ek_1"); err != nil {
		t.Fatal(err)
	}
	must(t, g.EndGrants(t.Context(), "s-1", 20*time.Millisecond))
	must(t, g.EndGrants(t.Context(), "s-1", time.Hour)) // does not bring it back
	Eventually(t, "the grant ends", func() bool {
		_, err := g.Grant(t.Context(), "ek_1")
		return errors.Is(err, session.ErrNotFound)
	})
	if _, err := g.Grant(t.Context(), "ek_2"); err != nil {
		t.Fatal(err)
	}
	must(t, g.EndGrants(t.Context(), "s-none", time.Hour))
}

// A session has so many tokens at most, and those that expired make room.
func testGrantBound(t *testing.T, g access.Grants) {
	grant := access.Grant{Session: "s-1", Key: "shop"}
	for i := range access.MaxSessionTokens - 1 {
		must(t, g.PutGrant(t.Context(), fmt.Sprintf("ek_%d", i), grant, time.Hour))
	}
	must(t, g.PutGrant(t.Context(), "ek_short", grant, 20*time.Millisecond))
	Eventually(t, "a grant makes room", func() bool {
		err := g.PutGrant(t.Context(), "ek_more", grant, time.Hour)
		if err != nil {
			wantBound(t, err, "session_tokens")
		}
		return err == nil
	})
	wantBound(t, g.PutGrant(t.Context(), "ek_most", grant, time.Hour), "session_tokens")
	must(t, g.PutGrant(t.Context(), "ek_more", grant, time.Hour)) // is there already
	must(t, g.PutGrant(t.Context(), "ek_free", access.Grant{Key: "shop"}, time.Hour))
}
