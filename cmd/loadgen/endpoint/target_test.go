package endpoint

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"github.com/tidwall/gjson"
)

func TestNewTarget(t *testing.T) {
	for address, want := range map[string]string{
		"http://h:1":                       "http://h:1",
		"https://h/v1":                     "https://h",
		"wss://h/v1/realtime?model=x":      "https://h",
		"ws://h:1/":                        "http://h:1",
		"https://h/openai/v1/":             "https://h/openai",
		"http://h/openai/v1/realtime?a=b&": "http://h/openai",
	} {
		got, err := NewTarget("t", address, 0, Access{})
		if err != nil || got.Root.String() != want {
			t.Errorf("%s is %v, %v; want %s", address, got.Root, err, want)
		}
	}
	for _, bad := range []string{"h:1", "ftp://h", "http://h:x", ""} {
		if got, err := NewTarget("t", bad, 0, Access{}); err == nil {
			t.Errorf("%q became %v", bad, got.Root)
		}
	}
}

// sessionsAPI is the gateway's own way in, as far as opening and ending goes.
func sessionsAPI(t *testing.T, live *atomic.Int64) http.Handler {
	routes := http.NewServeMux()
	routes.HandleFunc("POST /realtime/sessions", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Header.Get("Authorization") != "Bearer sk-app" || gjson.GetBytes(body, "config.model").Str != "m" {
			http.Error(w, `{"title":"refused"}`, http.StatusForbidden)
			return
		}
		live.Add(1)
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"session_id":"s1","client_secret":{"value":"ek_1"},"relay_url":"/realtime/sessions/s1/relay"}`)
	})
	routes.HandleFunc("GET /realtime/sessions/s1/relay", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer ek_1" {
			http.Error(w, "wrong token", http.StatusUnauthorized)
			return
		}
		nc, _, _, err := ws.UpgradeHTTP(r, w)
		if err != nil {
			t.Error(err)
			return
		}
		defer nc.Close()
		_ = wsutil.WriteServerText(nc, []byte(`{"type":"session.created"}`))
		_, _ = io.Copy(io.Discard, nc)
	})
	routes.HandleFunc("DELETE /realtime/sessions/s1", func(http.ResponseWriter, *http.Request) { live.Add(-1) })
	return routes
}

func TestOpenBySessions(t *testing.T) {
	var live atomic.Int64
	server := httptest.NewServer(sessionsAPI(t, &live))
	defer server.Close()
	target, err := NewTarget("t", server.URL, 0, Access{Key: "sk-app", Mode: ModeSessions, Model: "m"})
	if err != nil {
		t.Fatal(err)
	}
	defer target.HangUp()
	l, err := target.Open(context.Background(), Scenario{})
	if err != nil {
		t.Fatal(err)
	}
	if live.Load() != 1 || l.SetUp <= 0 {
		t.Errorf("%d sessions live, set up in %s", live.Load(), l.SetUp)
	}
	l.End()
	if live.Load() != 0 {
		t.Error("the session was left behind")
	}
	target.Key = "sk-other"
	if _, err := target.Open(context.Background(), Scenario{}); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("a refusal is %v", err)
	}
}
