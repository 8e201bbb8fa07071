package fanout

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"switchboard/webhooks/queue"
)

const (
	userAgent     = "Switchboard/1 (+webhooks)"
	testType      = "switchboard.test"
	longestAnswer = 200 // bytes of a refusal that are kept
	longestWait   = 4 * time.Hour
)

// deliver is the handler of one subscription's queue.
func (f *Fanout) deliver(id string) queue.Handler {
	return func(ctx context.Context, c queue.Claim) (string, error) {
		s, ok := f.current(id)
		if !ok {
			return "", queue.Fatal(ErrNotFound)
		}
		status, err := f.send(ctx, s, c.ID, c.Body)
		f.note(context.WithoutCancel(ctx), s, status, err)
		return answerOf(status), err
	}
}

func answerOf(status int) string {
	if status == 0 {
		return "no answer"
	}
	return fmt.Sprint("status ", status)
}

func (f *Fanout) current(id string) (stored, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, ok := f.subs[id]
	if !ok {
		return stored{}, false
	}
	return s.stored, true
}

// send posts one event, signed with every secret that is valid now.
func (f *Fanout) send(ctx context.Context, s stored, id string, body []byte) (status int, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, bytes.NewReader(body))
	if err != nil {
		return 0, queue.Fatal(err)
	}
	now := time.Now()
	if err := sign(r.Header, s.valid(now), id, now, body); err != nil {
		return 0, queue.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", userAgent)
	client := f.client
	if r.URL.Scheme == "http" {
		client = f.plain
	}
	resp, err := client.Do(r)
	if err != nil {
		return 0, fmt.Errorf("deliver: %w", err)
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, longestAnswer))
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
		return resp.StatusCode, nil
	}
	err = fmt.Errorf("answered %d: %s", resp.StatusCode, strings.ToValidUTF8(string(answer), "�"))
	return resp.StatusCode, queue.RetryIn(err, retryAfter(resp.Header.Get("Retry-After"), now))
}

func sign(h http.Header, secrets []string, id string, now time.Time, body []byte) error {
	signatures := make([]string, 0, len(secrets))
	for _, secret := range secrets {
		webhook, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			return errors.New("the subscription's secret cannot sign")
		}
		signature, err := webhook.Sign(id, now, body)
		if err != nil {
			return err
		}
		signatures = append(signatures, signature)
	}
	h.Set(standardwebhooks.HeaderWebhookID, id)
	h.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	h.Set(standardwebhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
	return nil
}

func retryAfter(header string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(header); err == nil {
		return min(max(0, time.Duration(seconds)*time.Second), longestWait)
	}
	if at, err := http.ParseTime(header); err == nil {
		return min(max(0, at.Sub(now)), longestWait)
	}
	return 0
}

// note remembers since when a subscription fails, and disables one that failed for too long or says that it is gone.
func (f *Fanout) note(ctx context.Context, s stored, status int, err error) {
	if err == nil {
		if rerr := f.rdb.HDel(ctx, failingKey, s.ID).Err(); rerr != nil {
			f.o.Logger.Warn("a success was not noted", "subscription", s.ID, "err", rerr)
		}
		return
	}
	now := time.Now()
	f.rdb.HSetNX(ctx, failingKey, s.ID, now.Unix())
	since, rerr := f.rdb.HGet(ctx, failingKey, s.ID).Result()
	reason := ""
	switch {
	case status == http.StatusGone:
		reason = "it answered 410 Gone"
	case rerr == nil && now.Sub(parseTime(since)) > f.o.DisableAfter:
		reason = "it failed since " + parseTime(since).Format(time.RFC3339)
	default:
		return
	}
	if kept, gerr := f.get(ctx, s.ID); gerr == nil && kept.Enabled {
		kept.Enabled, kept.Reason = false, reason
		if f.write(ctx, kept) == nil && f.o.OnDisabled != nil {
			f.o.OnDisabled(kept.Subscription, reason)
		}
	}
}

// Tried is the outcome of a test delivery.
type Tried struct {
	Delivered  bool   `json:"delivered"`
	StatusCode int    `json:"status_code,omitempty"`
	Error      string `json:"error,omitempty"`
	Ms         int64  `json:"ms"`
}

// Test sends a subscription an event of type switchboard.test now.
func (f *Fanout) Test(ctx context.Context, id string) (Tried, error) {
	s, err := f.get(ctx, id)
	if err != nil {
		return Tried{}, err
	}
	start := time.Now()
	event := NewEvent(NewID(), testType, map[string]string{"subscription_id": id})
	status, err := f.send(ctx, s, event.ID, event.Body)
	tried := Tried{Delivered: err == nil, StatusCode: status, Ms: time.Since(start).Milliseconds()}
	if err != nil {
		tried.Error = err.Error()
	}
	return tried, nil
}

// NewID is that of an event that nobody else tells of.
func NewID() string { return "msg_" + strings.ToLower(rand.Text()) }

// NewEvent makes an event of this gateway's own, in the form that Standard Webhooks recommends. Data must be something
// that encodes to JSON.
func NewEvent(id, eventType string, data any) queue.Item {
	body, err := json.Marshal(map[string]any{
		"type": eventType, "timestamp": time.Now().UTC().Format(time.RFC3339Nano), "data": data,
	})
	if err != nil {
		panic("fanout: event data does not encode: " + err.Error())
	}
	return queue.Item{ID: id, Topic: eventType, Origin: queue.FromGateway, Body: body}
}
