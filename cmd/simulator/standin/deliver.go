package standin

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// DeliveryFaults are what goes wrong with webhooks on purpose; percentages are of deliveries.
type DeliveryFaults struct {
	DuplicatePercent int `json:"duplicate_percent,omitempty" help:"Deliver this many percent of webhooks twice."`
	DelayMS          int `json:"delay_ms,omitempty" help:"Hold each delivery back by up to this long, so that they come in another order."`
	ForgePercent     int `json:"forge_percent,omitempty" help:"Send this many percent with a wrong signature first."`
}

// Delivery is the trace of one POST.
type Delivery struct {
	WebhookID string `json:"webhook_id"`
	Type      string `json:"type"`
	URL       string `json:"url"`
	Status    int    `json:"status"` // 0: no answer
	Forged    bool   `json:"forged,omitempty"`
	At        int64  `json:"at"`
}

const (
	deliveryUA  = "OpenAI/1.0 (+https://platform.openai.com/docs/webhooks)"
	retryWindow = 72 * time.Hour
	longestGap  = time.Hour
)

// webhookEvent is a webhook's payload.
type webhookEvent struct {
	ID        string `json:"id"`
	Object    string `json:"object"`
	CreatedAt int64  `json:"created_at"`
	Type      string `json:"type"`
	Data      any    `json:"data"`
}

type target struct {
	url     string
	secrets []string
}

func newEvent(kind string, data any) webhookEvent {
	return webhookEvent{ID: newID("evt_"), Object: "event", CreatedAt: time.Now().Unix(), Type: kind, Data: data}
}

// sampleData is what a test delivery carries.
func sampleData(kind string) any {
	headers := []any{map[string]string{"name": "From", "value": "sip:+15550100@sip.example.com"}, map[string]string{"name": "To", "value": "sip:project@sip.api.openai.com"}}
	prefix := map[string]string{"batch": "batch_", "response": "resp_", "eval": "evalrun_", "fine_tuning": "ftjob-", "video": "video_"}
	category, _, _ := strings.Cut(kind, ".")
	switch category {
	case "realtime":
		return map[string]any{"call_id": newID("rtc_"), "sip_headers": headers}
	case "live":
		if kind == "live.transport.connected" {
			return map[string]any{"session_id": newID("live_"), "type": "webrtc"}
		}
		return map[string]any{"session_id": newID("live_"), "type": "sip", "sip_headers": headers}
	}
	return map[string]any{"id": newID(prefix[category])}
}

// Announce sends a webhook of that type to everybody who wants it.
func (srv *Server) Announce(kind string, data any) { srv.account.announce(kind, data) }

// announce delivers to the configured address and to every endpoint that is for the type.
func (a *account) announce(kind string, data any) {
	event := newEvent(kind, data)
	a.mu.Lock()
	faults := a.delivery
	ids := []string{}
	for _, e := range a.endpoints {
		if slices.Contains(e.Types, kind) {
			ids = append(ids, e.ID)
		}
	}
	a.mu.Unlock()
	if a.opts.Webhook.URL != "" {
		ids = append(ids, "")
	}
	for _, id := range ids {
		webhookID := newID("wh_")
		a.start(func() { a.deliver(id, webhookID, event, faults) })
		if rand.IntN(100) < faults.DuplicatePercent {
			a.start(func() { a.deliver(id, webhookID, event, faults) })
		}
	}
}

// start runs a task unless the stand-in is closing.
func (a *account) start(run func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.life.Err() == nil {
		a.tasks.Go(run)
	}
}

// deliver tries until the endpoint answers 2xx, is gone, or 72 hours have passed.
func (a *account) deliver(endpointID, webhookID string, event webhookEvent, f DeliveryFaults) {
	forge := rand.IntN(100) < f.ForgePercent
	if f.DelayMS > 0 && !a.wait(time.Duration(rand.IntN(f.DelayMS+1))*time.Millisecond) {
		return
	}
	limit := time.Now().Add(retryWindow)
	for gap := a.opts.RetryFirst; time.Now().Before(limit); gap = min(2*gap, longestGap) {
		to, ok := a.target(endpointID)
		if !ok {
			return
		}
		status, _ := a.post(a.life, to, webhookID, event, forge)
		if status >= 200 && status < 300 {
			return
		}
		forge = false
		if !a.wait(gap) {
			return
		}
	}
}

// target is where an endpoint's deliveries go now; "" is the configured one.
func (a *account) target(endpointID string) (target, bool) {
	if endpointID == "" {
		return target{a.opts.Webhook.URL, []string{a.opts.Webhook.Secret}}, true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	e, ok := find(a.endpoints, endpointID)
	if !ok {
		return target{}, false
	}
	return target{e.URL, e.secrets(time.Now())}, true
}

// post sends one delivery and remembers it.
func (a *account) post(ctx context.Context, to target, webhookID string, event webhookEvent, forge bool) (status int, err error) {
	body, err := json.Marshal(event)
	if err != nil {
		return 0, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to.url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	now := time.Now()
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", deliveryUA)
	r.Header.Set("webhook-id", webhookID)
	r.Header.Set("webhook-timestamp", strconv.FormatInt(now.Unix(), 10))
	if forge {
		body = append(body, ' ') // what is signed is not what is sent
	}
	signature, err := signAll(to.secrets, webhookID, now, body)
	if err != nil {
		return 0, err
	}
	r.Header.Set("webhook-signature", signature)
	resp, err := a.client.Do(r)
	if err == nil {
		status = resp.StatusCode
		resp.Body.Close()
	}
	a.mu.Lock()
	a.delivered = keep(a.delivered, Delivery{webhookID, event.Type, to.url, status, forge, now.Unix()})
	a.mu.Unlock()
	return status, err
}

func signAll(secrets []string, id string, now time.Time, body []byte) (string, error) {
	signatures := make([]string, len(secrets))
	for i, secret := range secrets {
		webhook, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			return "", err
		}
		if signatures[i], err = webhook.Sign(id, now, body); err != nil {
			return "", err
		}
	}
	return strings.Join(signatures, " "), nil
}

// Deliveries are the last webhooks that were sent, oldest first.
func (srv *Server) Deliveries() []Delivery {
	srv.account.mu.Lock()
	defer srv.account.mu.Unlock()
	return slices.Clone(srv.account.delivered)
}

// SetDeliveryFaults sets the faults of the deliveries that follow.
func (srv *Server) SetDeliveryFaults(f DeliveryFaults) {
	srv.account.mu.Lock()
	defer srv.account.mu.Unlock()
	srv.account.delivery = f
}

func (a *account) sendWebhook(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Type string          `json:"type"`
		Data json.RawMessage `json:"data"`
	}
	if !readBody(w, r, &in) {
		return
	}
	var data any = in.Data
	if in.Data == nil {
		data = sampleData(in.Type)
	}
	a.announce(in.Type, data)
	w.WriteHeader(http.StatusAccepted)
}

func (a *account) showDeliveries(w http.ResponseWriter, _ *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	writeJSON(w, map[string]any{"deliveries": append([]Delivery{}, a.delivered...)})
}

func (a *account) showDeliveryFaults(w http.ResponseWriter, _ *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	writeJSON(w, a.delivery)
}

func (a *account) setDeliveryFaults(w http.ResponseWriter, r *http.Request) {
	var f DeliveryFaults
	if !readFaults(w, r, &f) {
		return
	}
	a.mu.Lock()
	a.delivery = f
	a.mu.Unlock()
	writeJSON(w, f)
}
