package seal

import (
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
