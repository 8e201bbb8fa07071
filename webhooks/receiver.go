package webhooks

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/openai/openai-go/v3/option"
	sdk "github.com/openai/openai-go/v3/webhooks"
	"golang.org/x/time/rate"

	"switchboard/gateway/problem"
	"switchboard/webhooks/queue"
	"switchboard/webhooks/seal"
)

const (
	largestDelivery   = 1 << 20
	tolerance         = 5 * time.Minute
	longestSignatures = 4 << 10 // bytes of the webhook-signature header: some 80 signatures
)

var errSignature = errors.New("no accepted secret signed this")

// Receiver answers OpenAI's deliveries: 200 once the event is in Redis, whether it is new or a duplicate; 401 if no
// accepted secret signed it or its time is off by more than five minutes; 413, 400 for what is too large or not JSON;
// 503 if it could not be kept, so that OpenAI delivers again. Nothing unverified is stored.
type Receiver struct {
	secrets *secretSet
	keep    func(context.Context, queue.Item) (added bool, err error)
	now     func() time.Time
	log     *slog.Logger

	bodyTime time.Duration  // for a body to come in
	refusals rate.Sometimes // anybody can cause them, so not every one is logged
}

// ServeHTTP receives one delivery.
func (rc *Receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, ok := rc.readDelivery(w, r)
	if !ok {
		return
	}
	if err := rc.verify(r.Context(), body, r.Header); err != nil {
		rc.refusals.Do(func() { rc.log.Warn("delivery refused", "reason", err.Error(), "bytes", len(body)) })
		problem.Write(w, problem.Of(http.StatusUnauthorized, err.Error()))
		return
	}
	id := r.Header.Get("webhook-id")
	event, err := parseEvent(id, queue.FromOpenAI, body)
	if err == nil && len(id) > longestID {
		err = errors.New("webhook-id is longer than 256 bytes")
	}
	if err != nil {
		problem.Write(w, problem.Of(http.StatusBadRequest, err.Error()))
		return
	}
	added, err := rc.keep(r.Context(), queue.Item{ID: id, Topic: event.Type, Origin: queue.FromOpenAI, Body: body})
	if err != nil {
		rc.log.Error("delivery not kept; OpenAI will deliver it again", "id", id, "type", event.Type, "err", err)
		w.Header().Set("Retry-After", "5")
		problem.Write(w, problem.Of(http.StatusServiceUnavailable, "the store is away"))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if added {
		io.WriteString(w, `{"received":true}`)
	} else {
		io.WriteString(w, `{"received":true,"duplicate":true}`)
	}
}

// readDelivery reads the raw body, or refuses it. Anybody may post here: nobody may hold a connection for long.
func (rc *Receiver) readDelivery(w http.ResponseWriter, r *http.Request) (body []byte, ok bool) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(rc.bodyTime)) // a recorder in a test has none
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, largestDelivery))
	if err == nil {
		_ = control.SetReadDeadline(time.Time{}) // it would cancel the request
		return body, true
	}
	w.Header().Set("Connection", "close") // what is left of the body is not waited for
	_, tooLarge := errors.AsType[*http.MaxBytesError](err)
	switch {
	case tooLarge:
		problem.Write(w, problem.Of(http.StatusRequestEntityTooLarge, "a delivery has at most 1 MiB"))
	case errors.Is(err, os.ErrDeadlineExceeded):
		problem.Write(w, problem.Of(http.StatusRequestTimeout, "the body did not arrive in time"))
	default:
		problem.Write(w, problem.Of(http.StatusBadRequest, "the body was cut off"))
	}
	return nil, false
}

// verify tries every accepted secret, and once more with fresh ones, since another node may just have got a new one.
func (rc *Receiver) verify(ctx context.Context, body []byte, h http.Header) error {
	if err := checkHeaders(h); err != nil {
		return err
	}
	now := rc.now()
	err := verifyWith(rc.secrets.current(now), body, h, now)
	if errors.Is(err, errSignature) && rc.secrets.refresh(ctx) {
		err = verifyWith(rc.secrets.current(now), body, h, now)
	}
	return err
}

// checkHeaders refuses what the library would read leniently: repeated headers and signatures without a version.
func checkHeaders(h http.Header) error {
	for _, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
		if len(h.Values(name)) != 1 || h.Get(name) == "" {
			return errors.New("there must be one " + name + " header")
		}
	}
	signatures := h.Get("webhook-signature")
	if len(signatures) > longestSignatures {
		return errors.New("too many signatures")
	}
	for part := range strings.FieldsSeq(signatures) {
		if strings.HasPrefix(part, "v1,") {
			return nil
		}
	}
	return errors.New("there is no signature of version v1")
}

func verifyWith(secrets []seal.Secret, body []byte, h http.Header, now time.Time) error {
	verifier := sdk.NewWebhookService()
	for _, s := range secrets {
		err := verifier.VerifySignatureWithToleranceAndTime(body, h, tolerance, now, option.WithWebhookSecret(string(s)))
		if err == nil {
			return nil
		}
		if stale := strings.Contains(err.Error(), "timestamp"); stale {
			return errors.New("the timestamp is not within five minutes of now")
		}
	}
	return errSignature
}
