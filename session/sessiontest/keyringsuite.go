package sessiontest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"switchboard/session"
	"switchboard/session/access"
)

// TestKeyRing is what every [session.KeyRing] must pass. open returns an empty one.
func TestKeyRing(t *testing.T, open func(t *testing.T) access.KeyRing) {
	t.Run("keys", func(t *testing.T) { testKeys(t, open(t)) })
	t.Run("names", func(t *testing.T) { testKeyNames(t, open(t)) })
	t.Run("revocations", func(t *testing.T) { testRevocations(t, open(t)) })
	t.Run("bounds", func(t *testing.T) { testKeyBounds(t, open(t)) })
}

func apiKey(id, name string) access.APIKey {
	sum := sha256.Sum256([]byte(id))
	return access.APIKey{
		ID: id, Name: name, Role: "app", Sum: sum[:], Limits: access.KeyLimits{Sessions: 1, Tokens: 2, Seconds: 3},
		CreatedAt: created, CreatedBy: "root}", ExpiresAt: created.AddDate(1, 0, 0),
	}
}

// keys reads the ring as it is now, sorted.
func keys(t *testing.T, r access.KeyRing) access.KeySet {
	t.Helper()
	s, err := r.Keys(t.Context(), "no such version")
	must(t, err)
	slices.SortFunc(s.Keys, func(a, b access.APIKey) int { return strings.Compare(a.ID, b.ID) })
	return s
}

func testKeys(t *testing.T, r access.KeyRing) {
	if s := keys(t, r); s.Version != "" || len(s.Keys) != 0 {
		t.Fatalf("empty: %+v", s)
	}
	one, two := apiKey("key_1", "shop}"), apiKey("key_2", "desk")
	must(t, r.AddKey(t.Context(), one))
	first := keys(t, r)
	must(t, r.AddKey(t.Context(), two))
	s := keys(t, r)
	if !reflect.DeepEqual(s.Keys, []access.APIKey{one, two}) {
		t.Fatalf("got %+v", s.Keys)
	}
	if first.Version == "" || s.Version == "" || s.Version == first.Version {
		t.Fatalf("versions %q, %q", first.Version, s.Version)
	}
	if same, err := r.Keys(t.Context(), s.Version); err != nil || same.Version != s.Version || same.Keys != nil {
		t.Fatalf("unchanged: %+v, %v", same, err)
	}
	must(t, r.RemoveKey(t.Context(), "key_1"))
	if now := keys(t, r); !reflect.DeepEqual(now.Keys, []access.APIKey{two}) || now.Version == s.Version {
		t.Fatalf("after removal: %+v", now)
	}
	wantNotFound(t, r.RemoveKey(t.Context(), "key_1"))
}

func testKeyNames(t *testing.T, r access.KeyRing) {
	must(t, r.AddKey(t.Context(), apiKey("key_1", "shop")))
	if err := r.AddKey(t.Context(), apiKey("key_2", "shop")); !errors.Is(err, session.ErrExists) {
		t.Fatalf("a name twice: %v", err)
	}
	must(t, r.RemoveKey(t.Context(), "key_1"))
	must(t, r.AddKey(t.Context(), apiKey("key_2", "shop")))
}

func testRevocations(t *testing.T, r access.KeyRing) {
	must(t, r.AddKey(t.Context(), apiKey("key_1", "shop")))
	for range 2 {
		must(t, r.RevokeKeyTokens(t.Context(), "key_1"))
	}
	must(t, r.RevokeKeyTokens(t.Context(), "key_environment"))
	before := keys(t, r)
	if want := map[string]int64{"key_1": 2, "key_environment": 1}; !reflect.DeepEqual(before.Revoked, want) {
		t.Fatalf("revoked %v, want %v", before.Revoked, want)
	}
	must(t, r.RevokeToken(t.Context(), "tok_1"))
	s := keys(t, r)
	if !slices.Equal(s.Tokens, []string{"tok_1"}) || s.Version == before.Version {
		t.Fatalf("tokens %v", s.Tokens)
	}
	must(t, r.RemoveKey(t.Context(), "key_1"))
	if s := keys(t, r); len(s.Revoked) != 1 {
		t.Fatalf("revoked after removal: %v", s.Revoked)
	}
}

func testKeyBounds(t *testing.T, r access.KeyRing) {
	for i := range access.MaxAPIKeys {
		must(t, r.AddKey(t.Context(), apiKey(fmt.Sprintf("key_%d", i), fmt.Sprintf("name-%d", i))))
	}
	wantBound(t, r.AddKey(t.Context(), apiKey("key_more", "more")), "keys")
	for i := range access.MaxTokenRevocations {
		must(t, r.RevokeToken(t.Context(), fmt.Sprintf("tok_%d", i)))
	}
	wantBound(t, r.RevokeToken(t.Context(), "tok_more"), "token_revocations")
	if s := keys(t, r); len(s.Keys) != access.MaxAPIKeys || len(s.Tokens) != access.MaxTokenRevocations {
		t.Fatalf("%d keys, %d tokens", len(s.Keys), len(s.Tokens))
	}
}

func wantBound(t *testing.T, err error, name string) {
	t.Helper()
	if limit, ok := errors.AsType[*session.LimitError](err); !ok || limit.Limit != name {
		t.Fatalf("error is %v, want a *session.LimitError of %s", err, name)
	}
}
