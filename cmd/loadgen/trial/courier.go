package trial

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"switchboard/cmd/loadgen/endpoint"
)

// webhookSecret signs what couriers deliver; the nodes are told it.
const webhookSecret = "whsec_bG9hZGdlbi1zaWducy13aXRoLXRoaXMtc2VjcmV0"

// intakeNode is what makes a node take a courier's deliveries.
var intakeNode = []string{"OPENAI_WEBHOOK_SECRET=" + webhookSecret, "SWITCHBOARD_JOB_DISCOVER=0s"}

// courier delivers webhooks as OpenAI does. Any number of goroutines may use it.
type courier struct {
	url    string
	client *http.Client
}

// newCourier delivers to a gateway over up to that many connections at once.
func newCourier(gateway string, connections int) *courier {
	return &courier{gateway + "/webhooks/openai", &http.Client{
		Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: connections},
	}}
}

func (c *courier) hangUp() { c.client.CloseIdleConnections() }

// receipt is the answer to a delivery.
type receipt struct {
	status    int
	duplicate bool
}

// deliver posts an event once.
func (c *courier) deliver(ctx context.Context, id string, body []byte) (receipt, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return receipt{}, err
	}
	at := strconv.FormatInt(time.Now().Unix(), 10)
	signature, err := signDelivery(webhookSecret, id, at, body)
	if err != nil {
		return receipt{}, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("webhook-id", id)
	r.Header.Set("webhook-timestamp", at)
	r.Header.Set("webhook-signature", signature)
	answer, err := c.client.Do(r)
	if err != nil {
		return receipt{}, err
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(io.LimitReader(answer.Body, 1<<10))
	return receipt{answer.StatusCode, bytes.Contains(said, []byte(`"duplicate":true`))}, err
}

// insist delivers until it is taken, as OpenAI does in the course of three days, and tells how often it was not.
func (c *courier) insist(ctx context.Context, id string, body []byte) (r receipt, refused int, err error) {
	pause := endpoint.Backoff{Shortest: 20 * time.Millisecond, Longest: 500 * time.Millisecond}
	for {
		if r, err = c.deliver(ctx, id, body); err == nil && r.status == http.StatusOK {
			return r, refused, nil
		}
		refused++
		if err := pause.Wait(ctx); err != nil {
			return r, refused, err
		}
	}
}

// signDelivery signs as Standard Webhooks say.
func signDelivery(secret, id, at string, body []byte) (string, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + at + "."))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)), nil
}
