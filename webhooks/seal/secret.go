package seal

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"log/slog"
	"strings"
)

// Secret signs deliveries. It never shows in logs, JSON or formatted text; convert it to string to use it.
type Secret string

const (
	secretPrefix  = "whsec_"
	shortestBytes = 24 // of a whsec_ secret, as OpenAI's own libraries demand
)

// ErrSecret says that a signing secret is not one.
var ErrSecret = errors.New(`a signing secret is "whsec_" and base64 of at least 24 bytes`)

// String hides the secret.
func (s Secret) String() string { return secretPrefix + "…" }

// GoString hides the secret.
func (s Secret) GoString() string { return s.String() }

// LogValue hides the secret.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText hides the secret.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a secret as people write lists of them, with blanks.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = Secret(strings.TrimSpace(string(text)))
	return nil
}

// Validate is called by kong; an error stops the start.
func (s Secret) Validate() error {
	if !strings.HasPrefix(string(s), secretPrefix) {
		return ErrSecret
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(string(s), secretPrefix))
	if err != nil || len(key) < shortestBytes {
		return ErrSecret
	}
	return nil
}

// Sign is the signature of a delivery, as Standard Webhooks has it. A secret without the prefix is the key itself.
func (s Secret) Sign(id, timestamp string, body []byte) string {
	key := []byte(s)
	if encoded, ok := strings.CutPrefix(string(s), secretPrefix); ok {
		var err error
		if key, err = base64.StdEncoding.DecodeString(encoded); err != nil || len(key) < shortestBytes {
			return "" // equals no signature: those have 44 characters
		}
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
