package webhooks_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/tidwall/gjson"

	"switchboard/cmd/simulator/standin"
	"switchboard/session/redisstore/redistest"
	"switchboard/webhooks/seal"
)

const someEvent = `{"object":"event","id":"evt_1","type":"response.completed","created_at":1767233035,"data":{"id":"resp_1"}}`

func TestDeliveriesAreKeptOnceAndHandled(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		n := start(t, rdb, config(), standin.JobOptions{})
		id := "wh_" + strings.ReplaceAll(t.Name(), "/", "_")
		if status, answer := n.deliver(id, someEvent); status != 200 || answer.Get("duplicate").Exists() {
			t.Fatalf("first: %d %s", status, answer.Raw)
		}
		if status, answer := n.deliver(id, someEvent); status != 200 || !answer.Get("duplicate").Bool() {
			t.Fatalf("second: %d %s", status, answer.Raw)
		}
		e := n.await("/webhooks/events/"+id, func(e gjson.Result) bool { return e.Get("state").Str == "done" })
		if e.Get("type").Str != "response.completed" || e.Get("duplicates").Int() != 1 || e.Get("attempts.#").Int() != 1 ||
			e.Get("attempts.0.by").Str != "unhandled" || e.Get("payload.data.id").Str != "resp_1" {
			t.Fatalf("event %s", e.Raw)
		}
	})
}

func TestForgeriesAreRefusedAndNotKept(t *testing.T) {
	n := start(t, redistest.Mini(t), config(), standin.JobOptions{})
	url := n.server.URL + "/webhooks/openai"
	now := time.Now()
	body := []byte(someEvent)
	good := func() *http.Request { return signed(t, url, testSecret, "wh_forged", now, body) }
	change := func(do func(h http.Header)) *http.Request {
		r := good()
		do(r.Header)
		return r
	}
	withBody := func(b []byte) *http.Request {
		r := good()
		r2, _ := http.NewRequest("POST", url, bytes.NewReader(b))
		r2.Header = r.Header
		return r2
	}
	signature := good().Header.Get("webhook-signature")
	huge := []byte(`{"type":"x","pad":"` + strings.Repeat("x", 1<<20) + `"}`)
	forgeries := []struct {
		name   string
		r      *http.Request
		status int
	}{
		{"too old", signed(t, url, testSecret, "wh_forged", now.Add(-6*time.Minute), body), 401},
		{"from the future", signed(t, url, testSecret, "wh_forged", now.Add(6*time.Minute), body), 401},
		{"body changed", withBody(bytes.Replace(body, []byte("resp_1"), []byte("resp_2"), 1)), 401},
		{"body truncated", withBody(body[:len(body)-1]), 401},
		{"body extended", withBody(append(bytes.Clone(body), ' ')), 401},
		{"another secret", signed(t, url, otherSecret, "wh_forged", now, body), 401},
		{"no signature", change(func(h http.Header) { h.Del("webhook-signature") }), 401},
		{"no id", change(func(h http.Header) { h.Del("webhook-id") }), 401},
		{"no timestamp", change(func(h http.Header) { h.Del("webhook-timestamp") }), 401},
		{"another id", change(func(h http.Header) { h.Set("webhook-id", "wh_other") }), 401},
		{"another time", change(func(h http.Header) { h.Set("webhook-timestamp", fmt.Sprint(now.Unix()+1)) }), 401},
		{"time is no number", change(func(h http.Header) { h.Set("webhook-timestamp", "now") }), 401},
		{"wrong version", change(func(h http.Header) { h.Set("webhook-signature", strings.Replace(signature, "v1,", "v2,", 1)) }), 401},
		{"no version", change(func(h http.Header) { h.Set("webhook-signature", strings.TrimPrefix(signature, "v1,")) }), 401},
		{"signature truncated", change(func(h http.Header) { h.Set("webhook-signature", signature[:len(signature)-2]) }), 401},
		{"empty signature", change(func(h http.Header) { h.Set("webhook-signature", "v1,") }), 401},
		{"two id headers", change(func(h http.Header) { h.Add("webhook-id", "wh_forged") }), 401},
		{"many signatures", change(func(h http.Header) {
			h.Set("webhook-signature", strings.Repeat("v1,"+base64.StdEncoding.EncodeToString(make([]byte, 32))+" ", 20))
		}), 401},
		{"ten thousand signatures", change(func(h http.Header) { h.Set("webhook-signature", strings.Repeat("v1,aaaa ", 10_000)) }), 401},
		{"oversize", signed(t, url, testSecret, "wh_forged", now, huge), 413},
		{"not JSON", signed(t, url, testSecret, "wh_forged", now, []byte("hello")), 400},
		{"not UTF-8", signed(t, url, testSecret, "wh_forged", now, []byte("{\"type\":\"\xff\"}")), 400},
		{"half a million brackets", signed(t, url, testSecret, "wh_forged", now, []byte(`{"type":`+strings.Repeat("[", 500_000)+strings.Repeat("]", 500_000)+`}`)), 400},
		{"empty id", signed(t, url, testSecret, "", now, body), 401},
		{"not an object", signed(t, url, testSecret, "wh_forged", now, []byte(`["x"]`)), 400},
		{"endless id", signed(t, url, testSecret, strings.Repeat("i", 300), now, body), 400},
	}
	for _, f := range forgeries {
		status, answer := n.do(f.r)
		if status != f.status || answer.Get("status").Int() != int64(f.status) || answer.Get("title").Str == "" {
			t.Errorf("%s: %d %s, want %d", f.name, status, answer.Raw, f.status)
		}
	}
	if list := n.must("GET", "/webhooks/events?origin=openai", nil); list.Get("events.#").Int() != 0 {
		t.Errorf("kept: %s", list.Raw)
	}
	// A replay of a good delivery is recognised, and the same headers within many others are accepted.
	r := change(func(h http.Header) { h.Set("webhook-signature", "v1,AAAA v2,BBBB "+signature) })
	if status, _ := n.do(r); status != 200 {
		t.Errorf("a good signature among others: %d", status)
	}
	if status, answer := n.do(good()); status != 200 || !answer.Get("duplicate").Bool() {
		t.Errorf("replay: %d %s", status, answer.Raw)
	}
}

// Anybody may begin a delivery. Whoever does not go on is let go, and told why; whoever does not even claim to have
// signed it is not listened to.
func TestADeliveryThatStopsHalfWayIsLetGo(t *testing.T) {
	n := start(t, redistest.Mini(t), config(), standin.JobOptions{})
	n.hooks.Receiver.SetBodyTime(10 * time.Millisecond)
	headers := fmt.Sprintf("webhook-id: wh_1\r\nwebhook-timestamp: %d\r\nwebhook-signature: v1,AAAA\r\n", time.Now().Unix())
	for name, row := range map[string]struct{ headers, status, says string }{
		"small":        {headers + "Content-Length: 100\r\n", "408", "did not arrive in time"},
		"large":        {headers + "Content-Length: 1000000\r\n", "408", "did not arrive in time"},
		"no length":    {headers + "Transfer-Encoding: chunked\r\n", "408", "did not arrive in time"},
		"no signature": {"Content-Length: 1000000\r\n", "401", "webhook-id"},
		"too old":      {strings.Replace(headers, "webhook-timestamp: ", "webhook-timestamp: -", 1) + "Content-Length: 100\r\n", "401", "five minutes"},
	} {
		c, err := net.Dial("tcp", strings.TrimPrefix(n.server.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, "POST /webhooks/openai HTTP/1.1\r\nHost: x\r\n"+row.headers+"\r\n"); err != nil {
			t.Fatal(err)
		}
		c.SetReadDeadline(time.Now().Add(patience))
		answer, err := io.ReadAll(c)
		if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 "+row.status) || !strings.Contains(string(answer), row.says) {
			t.Errorf("%s: %q, %v", name, answer, err)
		}
	}
}

// Large deliveries of strangers wait for each other, ordinary ones for none of them.
func TestFewLargeDeliveriesAreHeldAtOnce(t *testing.T) {
	n := start(t, redistest.Mini(t), config(), standin.JobOptions{})
	headers := fmt.Sprintf("webhook-id: wh_1\r\nwebhook-timestamp: %d\r\nwebhook-signature: v1,AAAA\r\nContent-Length: 1000000\r\n", time.Now().Unix())
	for range 40 {
		c, err := net.Dial("tcp", strings.TrimPrefix(n.server.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, "POST /webhooks/openai HTTP/1.1\r\nHost: x\r\n"+headers+"\r\n{"); err != nil {
			t.Fatal(err)
		}
	}
	if !eventually(n.hooks.Receiver.Crowded) {
		t.Fatal("all large deliveries are read at once")
	}
	if status, answer := n.do(signed(t, n.server.URL+"/webhooks/openai", testSecret, "wh_good", time.Now(), []byte(someEvent))); status != 200 {
		t.Errorf("%d %s", status, answer.Raw)
	}
}

func TestTwoSecretsAreAcceptedDuringRotation(t *testing.T) {
	cfg := config()
	cfg.Secrets = append(cfg.Secrets, otherSecret)
	n := start(t, redistest.Mini(t), cfg, standin.JobOptions{})
	for i, secret := range []string{testSecret, otherSecret} {
		status, _ := n.do(signed(t, n.server.URL+"/webhooks/openai", secret, fmt.Sprint("wh_", i), time.Now(), []byte(someEvent)))
		if status != 200 {
			t.Errorf("secret %d: %d", i, status)
		}
	}
}

func TestAStoreThatIsAwayIsToldAndNothingIsLost(t *testing.T) {
	server := redistest.Start(t)
	rdb := redis.NewUniversalClient(&redis.UniversalOptions{Addrs: []string{server.Addr}, MaxRetries: -1})
	defer rdb.Close()
	cfg := config()
	cfg.HandleTime = time.Second // a claim whose answer was lost with Redis is due again after its lease
	n := start(t, rdb, cfg, standin.JobOptions{})
	if status, _ := n.deliver("wh_before", someEvent); status != 200 {
		t.Fatalf("before: %d", status)
	}
	server.Kill()
	if status, answer := n.deliver("wh_during", someEvent); status != 503 {
		t.Fatalf("during: %d %s", status, answer.Raw)
	}
	server.Restart()
	if !eventually(func() bool { status, _ := n.deliver("wh_during", someEvent); return status == 200 }) {
		t.Fatal("not accepted after the restart")
	}
	for _, id := range []string{"wh_before", "wh_during"} {
		n.await("/webhooks/events/"+id, func(e gjson.Result) bool { return e.Get("state").Str == "done" })
	}
}

// Deliveries that arrive together are written together, and each is answered by what became of that write.
func TestNothingAcknowledgedIsLostWithRedis(t *testing.T) {
	const clients, each = 16, 25
	server := redistest.Start(t)
	rdb := redis.NewUniversalClient(&redis.UniversalOptions{Addrs: []string{server.Addr}, MaxRetries: -1})
	defer rdb.Close()
	cfg := config()
	cfg.Workers = 0 // what is kept waits
	n := start(t, rdb, cfg, standin.JobOptions{})
	var acknowledged, refused atomic.Int64
	var senders sync.WaitGroup
	for client := range clients {
		senders.Go(func() {
			for i := 0; i < each && t.Context().Err() == nil; {
				r := signed(t, n.server.URL+"/webhooks/openai", testSecret, fmt.Sprintf("wh_%d_%d", client, i), time.Now(), []byte(someEvent))
				answer, err := n.server.Client().Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				answer.Body.Close()
				switch answer.StatusCode {
				case http.StatusOK:
					acknowledged.Add(1)
					i++
				case http.StatusServiceUnavailable: // OpenAI would deliver it again, too
					refused.Add(1)
				default:
					t.Errorf("answered %d", answer.StatusCode)
					return
				}
			}
		})
	}
	for _, reached := range []int64{clients, clients * each / 2} {
		eventually(func() bool { return acknowledged.Load() >= reached })
		before := refused.Load()
		server.Kill()
		if !eventually(func() bool { return refused.Load() > before }) {
			t.Error("nothing was refused while Redis was away")
		}
		server.Restart()
	}
	senders.Wait()
	for client := range clients {
		for i := range each {
			if e := n.must("GET", fmt.Sprintf("/webhooks/events/wh_%d_%d", client, i), nil); e.Get("state").Str != "waiting" || e.Get("payload.id").Str != "evt_1" {
				t.Fatalf("event %s", e.Raw)
			}
		}
	}
}

func TestSecretsDoNotShow(t *testing.T) {
	s := seal.Secret(testSecret)
	text, _ := s.MarshalText()
	for _, shown := range []string{fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s %q", s, s, s, s, s), s.LogValue().String(), string(text)} {
		if strings.Contains(shown, "MfKQ9r8") {
			t.Errorf("shown: %s", shown)
		}
	}
	for _, bad := range []seal.Secret{"", "whsec_", "secret", "whsec_!!!!", "whsec_c2hvcnQ="} {
		if bad.Validate() == nil {
			t.Errorf("accepted as a secret: %q", string(bad))
		}
	}
}

// Work that the gateway gives itself cannot come from outside, whoever signed it.
func TestTasksFromOutsideAreNotRun(t *testing.T) {
	n := start(t, redistest.Mini(t), config(), standin.JobOptions{})
	n.deliver("wh_task", `{"type":"task.notify","data":{"kind":"batch.completed","subject":"forged"}}`)
	e := n.await("/webhooks/events/wh_task", func(e gjson.Result) bool { return e.Get("state").Str == "done" })
	if e.Get("attempts.0.by").Str != "unhandled" || strings.Contains(n.logged.text(), "forged") {
		t.Errorf("event %s", e.Raw)
	}
}
