package seal_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"

	"switchboard/webhooks/seal"
)

func TestWhatIsSealedOpensOnlyWithItsKeyAndForItsOwner(t *testing.T) {
	box, err := seal.New("a key", false)
	if err != nil {
		t.Fatal(err)
	}
	other, _ := seal.New("another key", false)
	text := box.Seal("endpoint:1", []byte("whsec_secret"))
	if again := box.Seal("endpoint:1", []byte("whsec_secret")); again == text || strings.Contains(text, "secret") {
		t.Error("the same twice, or readable")
	}
	if got, err := box.Open("endpoint:1", text); err != nil || string(got) != "whsec_secret" {
		t.Errorf("%q, %v", got, err)
	}
	for name, open := range map[string]func() ([]byte, error){
		"with another key":     func() ([]byte, error) { return other.Open("endpoint:1", text) },
		"without a key":        func() ([]byte, error) { return seal.Box{}.Open("endpoint:1", text) },
		"although changed":     func() ([]byte, error) { return box.Open("endpoint:1", text[:len(text)-4]+"AAAA") },
		"for another endpoint": func() ([]byte, error) { return box.Open("endpoint:2", text) },
		"though never sealed":  func() ([]byte, error) { return box.Open("endpoint:1", "d2hzZWM=") },
	} {
		if got, err := open(); err == nil {
			t.Errorf("opened %s: %q", name, got)
		}
	}
}

// What was stored before there was a key is read only by who is told to: anybody who writes to Redis can store the like.
func TestWhatIsNotSealedIsRefusedWhereThereIsAKey(t *testing.T) {
	old := seal.Box{}.Seal("endpoint:1", []byte("older"))
	strict, _ := seal.New("a key", false)
	migrating, _ := seal.New("a key", true)
	if got, err := strict.Open("endpoint:1", old); err == nil || !strings.Contains(err.Error(), "--webhook-seal-migrate") {
		t.Errorf("%q, %v", got, err)
	}
	for _, box := range []seal.Box{migrating, {}} {
		if got, err := box.Open("endpoint:1", old); err != nil || string(got) != "older" {
			t.Errorf("%q, %v", got, err)
		}
	}
}

// Values of earlier versions, which are not bound to an endpoint, are read.
func TestWhatEarlierVersionsSealedIsRead(t *testing.T) {
	key, _ := hkdf.Key(sha256.New, []byte("a key"), nil, "switchboard webhook secrets", 32)
	block, _ := aes.NewCipher(key)
	aead, _ := cipher.NewGCMWithRandomNonce(block)
	text := "v1:" + base64.StdEncoding.EncodeToString(aead.Seal(nil, nil, []byte("older"), nil))
	box, _ := seal.New("a key", false)
	if got, err := box.Open("endpoint:1", text); err != nil || string(got) != "older" {
		t.Errorf("%q, %v", got, err)
	}
}
