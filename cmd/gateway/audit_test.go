package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/tidwall/gjson"
)

// subscriber takes deliveries and checks their signatures.
type subscriber struct {
	*httptest.Server
	verify chan *standardwebhooks.Webhook // holds one, once the secret is known
	events chan string                    // "type by status", or what is wrong
}

func newSubscriber(t *testing.T) *subscriber {
	s := &subscriber{verify: make(chan *standardwebhooks.Webhook, 1), events: make(chan string, 100)}
	s.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		hook := <-s.verify
		s.verify <- hook
		if err == nil {
			err = hook.Verify(body, r.Header)
		}
		if err != nil {
			s.events <- err.Error()
			return
		}
		e := gjson.ParseBytes(body)
		s.events <- fmt.Sprint(e.Get("type").Str, " ", e.Get("data.by").Str, " ", e.Get("data.status").Int())
	}))
	t.Cleanup(s.Close)
	return s
}

// subscribe registers it and learns its secret.
func (s *subscriber) subscribe(t *testing.T, url, types string) {
	t.Helper()
	status, body := call(t, http.DefaultClient, "POST", url+"/webhooks/subscriptions", adminKey, `{"url":"`+s.URL+`","event_types":[`+types+`]}`)
	hook, err := standardwebhooks.NewWebhook(gjson.Get(body, "secret").Str)
	if status != 201 || err != nil {
		t.Fatalf("subscribe: %d %s, %v", status, body, err)
	}
	s.verify <- hook
}

func (s *subscriber) want(t *testing.T, events ...string) {
	t.Helper()
	for _, want := range events {
		select {
		case got := <-s.events:
			if got != want {
				t.Errorf("delivered %q, want %q", got, want)
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("%q is not delivered", want)
		}
	}
}

// What somebody changes is delivered to those who subscribe to it, signed and once, with who it was;
// also what was refused.
func TestAuditReachesSubscribers(t *testing.T) {
	c, err := parse(t, map[string]string{
		"SWITCHBOARD_API_KEYS": "owner:app:" + ownerKey + ",op:operator:" + operatorKey + ",root:admin:" + adminKey,
	}, "--demo", "--listen", "127.0.0.1:0", "--subscriber-networks", "127.0.0.0/8,::1/128")
	if err != nil {
		t.Fatal(err)
	}
	url, _, _ := startLogging(t, c, io.Discard)
	all, ends := newSubscriber(t), newSubscriber(t)
	all.subscribe(t, url, `"audit.*"`)
	all.want(t, "audit.create-subscription root 201") // its own
	ends.subscribe(t, url, `"audit.end-session"`)
	all.want(t, "audit.create-subscription root 201")

	do := func(method, path, key string, want int) {
		t.Helper()
		body := ""
		if method == "POST" {
			body = `{"session_id":"one"}`
		}
		if status, answer := call(t, http.DefaultClient, method, url+path, key, body); status != want {
			t.Fatalf("%s %s: %d %s", method, path, status, answer)
		}
	}
	do("POST", "/realtime/sessions", ownerKey, 201)
	all.want(t, "audit.create-session owner 201")
	do("GET", "/realtime/sessions/one", ownerKey, 200) // changes nothing
	do("POST", "/realtime/sessions/one/renew", ownerKey, 403)
	all.want(t, "audit.renew-session owner 403")
	do("DELETE", "/realtime/sessions/one", operatorKey, 200)
	all.want(t, "audit.end-session op 200")
	ends.want(t, "audit.end-session op 200")
	if len(all.events)+len(ends.events) > 0 {
		t.Errorf("%d events were delivered that nobody caused", len(all.events)+len(ends.events))
	}
}
