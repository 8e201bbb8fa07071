package webhooks

import (
	"crypto/hmac"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"switchboard/webhooks/seal"
)

const (
	tolerance         = 5 * time.Minute
	longestSignatures = 4 << 10 // bytes of the webhook-signature header: some 80 signatures
)

var errSignature = errors.New("no accepted secret signed this")

// checkHeaders refuses what cannot be signed well whatever the body is: repeated headers, times that are not within
// five minutes of now, and signatures without a version.
func checkHeaders(h http.Header, now time.Time) error {
	for _, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
		if len(h.Values(name)) != 1 || h.Get(name) == "" {
			return errors.New("there must be one " + name + " header")
		}
	}
	seconds, err := strconv.ParseInt(h.Get("webhook-timestamp"), 10, 64)
	if off := now.Unix() - seconds; err != nil || off > int64(tolerance.Seconds()) || off < -int64(tolerance.Seconds()) {
		return errors.New("the timestamp is not within five minutes of now")
	}
	if len(h.Get("webhook-signature")) > longestSignatures {
		return errors.New("too many signatures")
	}
	if len(signatures(h)) == 0 {
		return errors.New("there is no signature of version v1")
	}
	return nil
}

// signatures are those of version v1.
func signatures(h http.Header) (all []string) {
	for part := range strings.FieldsSeq(h.Get("webhook-signature")) {
		if signature, ok := strings.CutPrefix(part, "v1,"); ok {
			all = append(all, signature)
		}
	}
	return all
}

// verifyWith is what the SDK's verification does, without its copies of the body: anybody can send one.
func verifyWith(secrets []seal.Secret, body []byte, h http.Header) error {
	for _, s := range secrets {
		want := []byte(s.Sign(h.Get("webhook-id"), h.Get("webhook-timestamp"), body))
		for _, signature := range signatures(h) {
			if hmac.Equal(want, []byte(signature)) {
				return nil
			}
		}
	}
	return errSignature
}
