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
	sealed = "v1:" // AES-256-GCM, nonce first
	plain  = "v0:" // no key was configured
)

// Box seals with AES-256-GCM under a key derived from the operator's text. The zero Box stores as it is.
type Box struct{ aead cipher.AEAD }

// New derives the Box of a key text; every node needs the same. An empty text makes the zero Box.
func New(keyText string) (Box, error) {
	if keyText == "" {
		return Box{}, nil
	}
	key, err := hkdf.Key(sha256.New, []byte(keyText), nil, "switchboard webhook secrets", 32)
	if err != nil {
		return Box{}, fmt.Errorf("derive seal key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return Box{}, fmt.Errorf("derive seal key: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return Box{aead}, err
}

// Seal returns text to store.
func (b Box) Seal(secret []byte) string {
	if b.aead == nil {
		return plain + base64.StdEncoding.EncodeToString(secret)
	}
	return sealed + base64.StdEncoding.EncodeToString(b.aead.Seal(nil, nil, secret, nil))
}

// Open returns what Seal was given. What was stored before a key was configured opens too.
func (b Box) Open(text string) ([]byte, error) {
	body, isSealed := strings.CutPrefix(text, sealed)
	if !isSealed {
		return base64.StdEncoding.DecodeString(strings.TrimPrefix(text, plain))
	}
	if b.aead == nil {
		return nil, errors.New("seal: this was sealed with a key, and none is configured")
	}
	raw, err := base64.StdEncoding.DecodeString(body)
	if err != nil {
		return nil, fmt.Errorf("open sealed secret: %w", err)
	}
	secret, err := b.aead.Open(nil, nil, raw, nil)
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
