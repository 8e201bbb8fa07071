package webhooks

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"

	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"

	"switchboard/gateway/problem"
	"switchboard/webhooks/queue"
)

const (
	largestDelivery = 1 << 20
	smallDelivery   = 64 << 10 // OpenAI's have some hundred bytes
	largeAtOnce     = 8        // deliveries over smallDelivery in memory
)

// Receiver answers OpenAI's deliveries: 200 once the event is in Redis, whether it is new or a duplicate; 401 if no
// accepted secret signed it or its time is off by more than five minutes; 413, 400 for what is too large or not JSON;
// 503 if it could not be kept, so that OpenAI delivers again. Nothing unverified is stored.
type Receiver struct {
	secrets *secretSet
	keep    func(context.Context, queue.Item) (added bool, err error)
	now     func() time.Time
	log     *slog.Logger

	bodyTime time.Duration // for a body to come in
	large    *semaphore.Weighted
	refusals rate.Sometimes // anybody can cause them, so not every one is logged
	failures rate.Sometimes // the same while the store is away: thousands in a second
}

// ServeHTTP receives one delivery.
func (rc *Receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(rc.bodyTime)) // a recorder in a test has none
	if r.ContentLength > largestDelivery {
		rc.refuseLarge(w)
		return
	}
	if err := checkHeaders(r.Header, rc.now()); err != nil { // before its body takes memory
		w.Header().Set("Connection", "close")
		rc.refuse(w, err)
		return
	}
	leave, ok := rc.enter(w, r)
	if !ok {
		return
	}
	defer leave()
	body, ok := rc.readDelivery(w, r)
	if !ok {
		return
	}
	if err := rc.verify(r.Context(), body, r.Header); err != nil {
		rc.refuse(w, err)
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
		rc.failures.Do(func() {
			rc.log.Error("delivery not kept; OpenAI will deliver it again", "id", id, "type", event.Type, "err", err)
		})
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

func (rc *Receiver) refuse(w http.ResponseWriter, why error) {
	rc.refusals.Do(func() { rc.log.Warn("delivery refused", "reason", why.Error()) })
	problem.Write(w, problem.Of(http.StatusUnauthorized, why.Error()))
}

// enter waits for one of the places for large deliveries, as long as a body may take; small ones need none. leave gives
// it back.
func (rc *Receiver) enter(w http.ResponseWriter, r *http.Request) (leave func(), ok bool) {
	if r.ContentLength >= 0 && r.ContentLength <= smallDelivery {
		return func() {}, true
	}
	ctx, cancel := context.WithTimeout(r.Context(), rc.bodyTime)
	defer cancel()
	if rc.large.Acquire(ctx, 1) != nil {
		w.Header().Set("Retry-After", "5")
		w.Header().Set("Connection", "close") // the body is not waited for
		problem.Write(w, problem.Of(http.StatusServiceUnavailable, "too many large deliveries at once"))
		return nil, false
	}
	return func() { rc.large.Release(1) }, true
}

// readDelivery reads the raw body, or refuses it. Anybody may post here: nobody may hold a connection for long.
func (rc *Receiver) readDelivery(w http.ResponseWriter, r *http.Request) (body []byte, ok bool) {
	var all bytes.Buffer
	if r.ContentLength > 0 {
		all.Grow(int(min(r.ContentLength, largestDelivery)) + bytes.MinRead)
	}
	_, err := all.ReadFrom(http.MaxBytesReader(w, r.Body, largestDelivery))
	if err == nil {
		_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // it would cancel the request
		return all.Bytes(), true
	}
	w.Header().Set("Connection", "close") // what is left of the body is not waited for
	_, tooLarge := errors.AsType[*http.MaxBytesError](err)
	switch {
	case tooLarge:
		rc.refuseLarge(w)
	case errors.Is(err, os.ErrDeadlineExceeded):
		problem.Write(w, problem.Of(http.StatusRequestTimeout, "the body did not arrive in time"))
	default:
		problem.Write(w, problem.Of(http.StatusBadRequest, "the body was cut off"))
	}
	return nil, false
}

func (rc *Receiver) refuseLarge(w http.ResponseWriter) {
	w.Header().Set("Connection", "close")
	problem.Write(w, problem.Of(http.StatusRequestEntityTooLarge, "a delivery has at most 1 MiB"))
}

// verify tries every accepted secret, and once more with fresh ones, since another node may just have got a new one.
func (rc *Receiver) verify(ctx context.Context, body []byte, h http.Header) error {
	err := verifyWith(rc.secrets.current(rc.now()), body, h)
	if errors.Is(err, errSignature) && rc.secrets.refresh(ctx) {
		err = verifyWith(rc.secrets.current(rc.now()), body, h)
	}
	return err
}
