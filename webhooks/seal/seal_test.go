package seal_test

import (
	"strings"
	"testing"

	"switchboard/webhooks/seal"
)

func TestWhatIsSealedOpensOnlyWithItsKey(t *testing.T) {
	box, err := seal.New("a key")
	if err != nil {
		t.Fatal(err)
	}
	other, _ := seal.New("another key")
	text := box.Seal([]byte("whsec_secret"))
	if again := box.Seal([]byte("whsec_secret")); again == text || strings.Contains(text, "secret") {
		t.Error("the same twice, or readable")
	}
	if got, err := box.Open(text); err != nil || string(got) != "whsec_secret" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := other.Open(text); err == nil {
		t.Error("opened with another key")
	}
	if _, err := (seal.Box{}).Open(text); err == nil {
		t.Error("opened without a key")
	}
	if _, err := box.Open(text[:len(text)-4] + "AAAA"); err == nil {
		t.Error("opened although changed")
	}
	old := seal.Box{}.Seal([]byte("older"))
	if got, err := box.Open(old); err != nil || string(got) != "older" {
		t.Errorf("what was kept before the key: %q, %v", got, err)
	}
}
