// Package seal encrypts small secrets before they go to Redis.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

const (
	bound  = "v2:" // AES-256-GCM, nonce first, with what it is for as additional data
	sealed = "v1:" // the same without; read, but no longer written
	plain  = "v0:" // no key was configured
)

// Box seals with AES-256-GCM under a key derived from the operator's text. The zero Box stores as it is.
type Box struct {
	aead  cipher.AEAD
	plain bool // opens what was stored before there was a key
}

// What keys are derived for: what was sealed with one does not open with another.
const (
	webhookSecrets = "switchboard webhook secrets"
	sessionSecrets = "switchboard session secrets"
)

// Errors of Open.
var (
	errNoKey = errors.New("seal: this was sealed with a key, and none is configured")
	errPlain = errors.New("seal: this is not sealed, although a key is configured: it was stored before there was one, or by somebody who has no key; --webhook-seal-migrate reads it")
)

// New derives the Box of a key text; every node needs the same. An empty text makes the zero Box. With migrate it also
// opens what was stored before there was a key, which anybody who can write to Redis may have done.
func New(keyText string, migrate bool) (Box, error) { return derive(keyText, webhookSecrets, migrate) }

// ForSessions derives the Box for the secrets of sessions, which are never stored without a key.
func ForSessions(keyText string) (Box, error) {
	if keyText == "" {
		return Box{}, errNoKey
	}
	return derive(keyText, sessionSecrets, false)
}

func derive(keyText, purpose string, migrate bool) (Box, error) {
	if keyText == "" {
		return Box{}, nil
	}
	key, err := hkdf.Key(sha256.New, []byte(keyText), nil, purpose, 32)
	if err != nil {
		return Box{}, fmt.Errorf("derive seal key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return Box{}, fmt.Errorf("derive seal key: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return Box{aead, migrate}, err
}

// Seal returns text to store. What it is for, a kind and an ID, opens it again, and nothing else does.
func (b Box) Seal(what string, secret []byte) string {
	if b.aead == nil {
		return plain + base64.StdEncoding.EncodeToString(secret)
	}
	return bound + base64.StdEncoding.EncodeToString(b.aead.Seal(nil, nil, secret, []byte(what)))
}

// Open returns what Seal was given.
func (b Box) Open(what, text string) ([]byte, error) {
	version, body, _ := strings.Cut(text, ":")
	var additional []byte
	switch version + ":" {
	case bound:
		additional = []byte(what)
	case sealed:
	case plain:
		if b.aead != nil && !b.plain {
			return nil, errPlain
		}
		return base64.StdEncoding.DecodeString(body)
	default:
		return nil, errors.New("seal: this was never sealed")
	}
	if b.aead == nil {
		return nil, errNoKey
	}
	raw, err := base64.StdEncoding.DecodeString(body)
	if err != nil {
		return nil, fmt.Errorf("open sealed secret: %w", err)
	}
	secret, err := b.aead.Open(nil, nil, raw, additional)
	if err != nil {
		return nil, fmt.Errorf("open sealed secret: %w", err)
	}
	return secret, nil
}

// NewSecret makes a signing secret of Standard Webhooks: 32 random bytes.
func NewSecret() string {
	key := make([]byte, 32)
	rand.Read(key)
	return "whsec_" + base64.StdEncoding.EncodeToString(key)
}
