package notify

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"switchboard/webhooks/queue"
)

// collected keeps the items that a Notifier makes.
type collected []queue.Item

func (c *collected) Add(_ context.Context, items ...queue.Item) ([]bool, error) {
	*c = append(*c, items...)
	return make([]bool, len(items)), nil
}

func dataOf(t *testing.T, it queue.Item) []byte {
	t.Helper()
	var event struct {
		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(it.Body, &event); err != nil {
		t.Fatal(err)
	}
	return event.Data
}

func TestANoticeGoesToEveryTargetAtItsOwnPace(t *testing.T) {
	got := make(chan string, 100)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b := make([]byte, 1000)
		n, _ := r.Body.Read(b)
		got <- string(b[:n])
	}))
	defer hook.Close()
	url := "generic+" + hook.URL + "/T0KENSECRET?disabletls=yes"
	n, err := New(Options{URLs: []string{"log://", url}, Every: time.Hour, Templates: `{{define "batch.completed"}}done: {{.Subject}}{{end}}`})
	if err != nil {
		t.Fatal(err)
	}
	var items collected
	notice := Notice{Kind: "batch.completed", Subject: "batch_1"}
	if err := n.Spread(t.Context(), dataOf(t, notice.Item("x")), "notify:x", &items); err != nil || len(items) != 2 || items[0].ID == items[1].ID {
		t.Fatalf("%d items, %v", len(items), err)
	}
	for _, it := range items {
		if strings.Contains(string(it.Body), "T0KENSECRET") {
			t.Error("a target's secret is in the queue")
		}
		if err := n.Send(t.Context(), dataOf(t, it)); err != nil {
			t.Fatal(err)
		}
	}
	if text := <-got; !strings.Contains(text, "done: batch_1") {
		t.Errorf("got %q", text)
	}
	for range burst {
		err = n.Send(t.Context(), dataOf(t, items[0]))
	}
	if err == nil || !strings.Contains(err.Error(), "called again") {
		t.Errorf("beyond the burst: %v", err)
	}
}

func TestTextsAndSecretsOfTargets(t *testing.T) {
	n, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	json.Unmarshal([]byte(`{"total":3,"completed":2,"failed":1,"cost_usd":0.5,"errors":[{"line":2,"message":"bad"}]}`), &fields)
	for kind, want := range map[string]string{
		"batch.completed": "Batch b is completed: 2 of 3 requests answered, 1 failed. Cost: $0.5000.",
		"batch.failed":    "Batch b was refused. Line 2: bad",
		"hologram":        "hologram: b",
	} {
		if text, err := n.text(Notice{Kind: kind, Subject: "b", Fields: fields}); err != nil || text != want {
			t.Errorf("%s: %q, %v", kind, text, err)
		}
	}
	for _, bad := range []string{"", "nonsense", "unknown-service://x"} {
		if _, err := New(Options{URLs: []string{bad}}); err == nil {
			t.Errorf("accepted %q", bad)
		}
	}
	shown := redact(errors.New("post https://hooks.slack.com/services/TAAA/BBBB/cccc1234: refused"), "slack://hook:TAAA-BBBB-cccc1234@webhook")
	if strings.Contains(shown.Error(), "cccc1234") || !strings.Contains(shown.Error(), "refused") {
		t.Errorf("shown %v", shown)
	}
}
