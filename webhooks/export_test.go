package webhooks

import (
	"net/http"
	"time"

	"switchboard/webhooks/seal"
)

// ParseEvent is parseEvent.
var ParseEvent = parseEvent

// SetBodyTime is for tests that have no time.
func (rc *Receiver) SetBodyTime(d time.Duration) { rc.bodyTime = d }

// Crowded reports whether there is no place for another large delivery.
func (rc *Receiver) Crowded() bool {
	if !rc.large.TryAcquire(1) {
		return true
	}
	rc.large.Release(1)
	return false
}

// Verify is how a delivery is verified with one secret.
func Verify(secret string, body []byte, h http.Header, now time.Time) error {
	if err := checkHeaders(h, now); err != nil {
		return err
	}
	return verifyWith([]seal.Secret{seal.Secret(secret)}, body, h)
}
