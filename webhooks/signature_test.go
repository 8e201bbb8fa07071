package webhooks_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/openai/openai-go/v3/option"
	sdk "github.com/openai/openai-go/v3/webhooks"

	"switchboard/webhooks"
)

// What OpenAI's SDK takes for signed is taken for signed here, and nothing that it refuses.
func TestSignaturesAreThoseOfTheSDK(t *testing.T) {
	now := time.Now()
	body := []byte(someEvent)
	good := signed(t, "http://x", testSecret, "wh_1", now, body).Header
	for name, change := range map[string]func(h http.Header){
		"good":           func(http.Header) {},
		"another ID":     func(h http.Header) { h.Set("webhook-id", "wh_2") },
		"another time":   func(h http.Header) { h.Set("webhook-timestamp", "1") },
		"empty":          func(h http.Header) { h.Set("webhook-signature", "v1,") },
		"among others":   func(h http.Header) { h.Set("webhook-signature", "v1,x v2,y "+h.Get("webhook-signature")) },
		"truncated":      func(h http.Header) { h.Set("webhook-signature", strings.TrimSuffix(h.Get("webhook-signature"), "=")) },
		"plus sign":      func(h http.Header) { h.Set("webhook-timestamp", "+"+h.Get("webhook-timestamp")) },
		"not its secret": nil,
	} {
		secret, h := testSecret, good.Clone()
		if change == nil {
			secret = otherSecret
		} else {
			change(h)
		}
		service := sdk.NewWebhookService(option.WithWebhookSecret(secret))
		theirs := service.VerifySignatureWithToleranceAndTime(body, h, 5*time.Minute, now)
		ours := webhooks.Verify(secret, body, h, now)
		if (theirs == nil) != (ours == nil) {
			t.Errorf("%s: the SDK says %v, we %v", name, theirs, ours)
		}
	}
}

// BenchmarkVerify shows that a refused body of 1 MiB costs no copy of it.
func BenchmarkVerify(b *testing.B) {
	body := make([]byte, 1<<20)
	h := signed(b, "http://x", testSecret, "wh_1", time.Now(), []byte(someEvent)).Header
	b.ReportAllocs()
	for b.Loop() {
		_ = webhooks.Verify(testSecret, body, h, time.Now())
	}
}
