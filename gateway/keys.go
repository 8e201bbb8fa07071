package gateway

import (
	"bufio"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// Role is what an API key may do.
type Role string

// The roles, each with all rights of the one before.
const (
	RoleApp      Role = "app"      // its own sessions
	RoleOperator Role = "operator" // all sessions
	RoleAdmin    Role = "admin"    // the gateway's own settings
)

var ranks = map[Role]int{RoleApp: 1, RoleOperator: 2, RoleAdmin: 3}

// atLeast reports whether r has the rights of min.
func (r Role) atLeast(min Role) bool { return ranks[r] >= ranks[min] }

// Key is an API key without its secret.
type Key struct {
	Name string
	Role Role
}

// tokenPrefix starts every client token and no API key.
const tokenPrefix = "ek_"

var keyName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

// Keys holds the API keys by the SHA-256 of their secrets; the secrets are not kept.
type Keys struct {
	sums [][sha256.Size]byte
	keys []Key
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
	return k, lines.Err()
}

func (k *Keys) add(entry string) error {
	n := len(k.keys) + 1
	parts := strings.SplitN(entry, ":", 3)
	if len(parts) != 3 {
		return fmt.Errorf("API key %d: want name:role:secret", n)
	}
	name, role, secret := parts[0], Role(parts[1]), parts[2]
	switch {
	case !keyName.MatchString(name):
		return fmt.Errorf("API key %d: the name must be 1 to 64 of A-Z a-z 0-9 _ . -", n)
	case ranks[role] == 0:
		return fmt.Errorf("API key %q: the role must be app, operator or admin", name)
	case secret == "" || strings.ContainsAny(secret, " \t"):
		return fmt.Errorf("API key %q: the secret is empty or has blanks", name)
	case strings.HasPrefix(secret, tokenPrefix):
		return fmt.Errorf("API key %q: a secret must not start with %s, as client tokens do", name, tokenPrefix)
	}
	sum := sha256.Sum256([]byte(secret))
	for i, other := range k.keys {
		if other.Name == name || k.sums[i] == sum {
			return fmt.Errorf("API key %q: name or secret is there twice", name)
		}
	}
	k.keys = append(k.keys, Key{Name: name, Role: role})
	k.sums = append(k.sums, sum)
	return nil
}

// Len is the number of keys.
func (k *Keys) Len() int { return len(k.keys) }

// Lookup finds the key of a secret in a time that does not tell how much of it is right.
func (k *Keys) Lookup(secret string) (Key, bool) {
	sum := sha256.Sum256([]byte(secret))
	found := -1
	for i := range k.sums {
		if subtle.ConstantTimeCompare(sum[:], k.sums[i][:]) == 1 {
			found = i
		}
	}
	if found < 0 {
		return Key{}, false
	}
	return k.keys[found], true
}
