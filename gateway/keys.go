package gateway

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"switchboard/gateway/role"
	"switchboard/session/access"
)

// Key is an API key without its secret.
type Key struct {
	ID   string // made of the secret: a key of the same name with another secret is another key
	Name string
	Role role.Role
}

// tokenPrefix starts every client token and no API key.
const tokenPrefix = "ek_"

// secretMin is how many characters a secret must have that people choose.
const secretMin = 6

var keyName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

// Where an API key comes from.
const (
	sourceEnvironment = "environment" // SWITCHBOARD_API_KEYS, or the file
	sourceAPI         = "api"         // made at run time
)

// keyEntry is an API key as this node knows it.
type keyEntry struct {
	access.APIKey
	source string
}

func (k *keyEntry) key() Key { return Key{ID: k.ID, Name: k.Name, Role: role.Role(k.Role)} }

func (k *keyEntry) expired(now time.Time) bool {
	return !k.ExpiresAt.IsZero() && !now.Before(k.ExpiresAt)
}

// Keys holds the API keys by the SHA-256 of their secrets; the secrets are not kept. Those of the
// environment never change; those made at run time are what the last read of the store said.
// Safe for many callers at once.
type Keys struct {
	reading sync.Mutex // held through one read of the store: the next one knows no less

	fixed []keyEntry
	known atomic.Pointer[keyRing]
}

// keyRing is all that is known of keys at one moment. It is not changed, but replaced.
type keyRing struct {
	version string
	loaded  bool       // the store was read, or there is none
	all     []keyEntry // of the environment first, then by name
	bySum   map[[sha256.Size]byte]*keyEntry
	byName  map[string]*keyEntry
	byID    map[string]*keyEntry
	revoked map[string]int64 // key ID to how often its tokens were revoked
	tokens  map[string]bool  // IDs of single tokens that were revoked a moment ago
}

// ParseKeys reads "name:role:secret" entries, separated by commas or line ends. Blank
// lines and lines that start with # are skipped. Errors name the entry, never the secret.
func ParseKeys(r io.Reader) (*Keys, error) {
	k := &Keys{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if strings.HasPrefix(line, "#") {
			continue
		}
		for entry := range strings.SplitSeq(line, ",") {
			if entry = strings.TrimSpace(entry); entry == "" {
				continue
			}
			if err := k.add(entry); err != nil {
				return nil, err
			}
		}
	}
	k.known.Store(k.ring(access.KeySet{}))
	return k, lines.Err()
}

func (k *Keys) add(entry string) error {
	n := len(k.fixed) + 1
	parts := strings.SplitN(entry, ":", 3)
	if len(parts) != 3 {
		return fmt.Errorf("API key %d: want name:role:secret", n)
	}
	name, granted, secret := parts[0], role.Role(parts[1]), parts[2]
	switch {
	case !keyName.MatchString(name):
		return fmt.Errorf("API key %d: the name must be 1 to 64 of A-Z a-z 0-9 _ . -", n)
	case !granted.Valid():
		return fmt.Errorf("API key %q: the role must be app, operator or admin", name)
	case len(secret) < secretMin || strings.ContainsAny(secret, " \t"):
		return fmt.Errorf("API key %q: the secret must have at least %d characters and no blanks", name, secretMin)
	case strings.HasPrefix(secret, tokenPrefix):
		return fmt.Errorf("API key %q: a secret must not start with %s, as client tokens do", name, tokenPrefix)
	}
	sum := sha256.Sum256([]byte(secret))
	fresh := keyEntry{access.APIKey{ID: keyID(sum[:]), Name: name, Role: string(granted), Sum: sum[:]}, sourceEnvironment}
	for _, other := range k.fixed {
		if other.Name == name || other.ID == fresh.ID {
			return fmt.Errorf("API key %q: name or secret is there twice", name)
		}
	}
	k.fixed = append(k.fixed, fresh)
	return nil
}

// keyID names a key by the hash of its secret, without telling that hash.
func keyID(sum []byte) string {
	again := sha256.Sum256(sum)
	return "key_" + hex.EncodeToString(again[:12])
}

// Len is the number of keys of the environment.
func (k *Keys) Len() int { return len(k.fixed) }

// ring indexes what the store has beside the keys of the environment, whose names win.
func (k *Keys) ring(set access.KeySet) *keyRing {
	r := &keyRing{
		version: set.Version, revoked: set.Revoked, tokens: map[string]bool{}, all: slices.Clone(k.fixed),
		bySum: map[[sha256.Size]byte]*keyEntry{}, byName: map[string]*keyEntry{}, byID: map[string]*keyEntry{},
	}
	slices.SortFunc(set.Keys, func(a, b access.APIKey) int { return strings.Compare(a.Name, b.Name) })
	for _, stored := range set.Keys {
		r.all = append(r.all, keyEntry{stored, sourceAPI})
	}
	for i := range r.all {
		e := &r.all[i]
		if r.byName[e.Name] != nil || len(e.Sum) != sha256.Size {
			continue
		}
		r.bySum[[sha256.Size]byte(e.Sum)], r.byName[e.Name], r.byID[e.ID] = e, e, e
	}
	for _, id := range set.Tokens {
		r.tokens[id] = true
	}
	return r
}

// learn takes over what the store has, and reports whether that is news.
func (k *Keys) learn(set access.KeySet) bool {
	before := k.known.Load()
	if before.loaded && before.version == set.Version {
		return false
	}
	r := k.ring(set)
	r.loaded = true
	k.known.Store(r)
	return true
}

// version is what of the store is known.
func (k *Keys) version() string { return k.known.Load().version }

// complete reports whether the keys of the store are known, if there is one.
func (k *Keys) complete() bool { return k.known.Load().loaded }

// expiredBetween reports whether a key has expired since before.
func (k *Keys) expiredBetween(before, now time.Time) bool {
	return slices.ContainsFunc(k.known.Load().all, func(e keyEntry) bool { return !e.expired(before) && e.expired(now) })
}

// Lookup finds the key of a secret. It compares hashes, whose time tells nothing of the secret.
func (k *Keys) Lookup(secret string) (Key, bool) {
	e := k.known.Load().bySum[sha256.Sum256([]byte(secret))]
	if e == nil || e.expired(time.Now()) {
		return Key{}, false
	}
	return e.key(), true
}

// Limits are those of a key that was made with limits of its own, else the gateway's.
func (k *Keys) Limits(name string, gateway access.KeyLimits) access.KeyLimits {
	e := k.known.Load().byName[name]
	if e == nil {
		return gateway
	}
	return access.KeyLimits{
		Sessions: cmp.Or(e.Limits.Sessions, gateway.Sessions),
		Tokens:   cmp.Or(e.Limits.Tokens, gateway.Tokens),
		Seconds:  cmp.Or(e.Limits.Seconds, gateway.Seconds),
	}
}

// round is how often the tokens of a key have been revoked.
func (k *Keys) round(id string) int64 { return k.known.Load().revoked[id] }

// good reports whether a caller that was let in would be let in now: its key is still there, and
// its token was not revoked.
func (k *Keys) good(who caller) bool {
	r, now := k.known.Load(), time.Now()
	there := func(e *keyEntry) bool { return e != nil && !e.expired(now) }
	if who.Grant == nil {
		return there(r.byID[who.Key.ID])
	}
	payer := r.byName[who.Grant.Key]
	issuer := payer
	if who.Grant.Issuer != "" {
		issuer = r.byID[who.Grant.Issuer]
	}
	return there(payer) && there(issuer) && who.Grant.Round >= r.revoked[issuer.ID] && !r.tokens[who.tokenID]
}
