package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/coder/websocket"
	"github.com/redis/go-redis/v9"
	"github.com/tidwall/gjson"

	"switchboard/session/redisstore/redistest"
	"switchboard/session/sessiontest"
)

// packedLimit is how many bytes of Redis a session of 20 turns may take when it has ended.
const packedLimit = 20 << 10

// A session that has ended takes little memory, and is read as before.
func TestEndedSessionTakesLittleMemory(t *testing.T) {
	server := redistest.Start(t)
	c, err := parse(t, map[string]string{"REDIS_URL": server.URL}, "--demo", "--listen", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url, key, _ := start(t, c)
	sessions := url + "/realtime/sessions"
	status, body := call(t, http.DefaultClient, "POST", sessions, key, `{"session_id":"long","config":{"output_modalities":["text"]}}`)
	if status != http.StatusCreated {
		t.Fatalf("create: %d %s", status, body)
	}
	conn, _, err := websocket.Dial(t.Context(), sessions+"/long/relay", &websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + key}}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	for n := range 20 {
		takeTurn(t, conn, fmt.Sprintf("This is question number %d: what would you say about the weather?", n))
	}
	_, items := call(t, http.DefaultClient, "GET", sessions+"/long/items", key, "")
	live := stream(t, sessions+"/long/events", key, 20)
	before := memoryOf(t, server.URL, "gw:{s:long}:*")
	if status, body := call(t, http.DefaultClient, "DELETE", sessions+"/long", key, ""); status != http.StatusOK {
		t.Fatalf("end: %d %s", status, body)
	}
	sessiontest.Eventually(t, fmt.Sprintf("%d bytes of Redis become at most %d", before, packedLimit), func() bool {
		return memoryOf(t, server.URL, "gw:{s:long}:*") <= packedLimit
	})
	if _, now := call(t, http.DefaultClient, "GET", sessions+"/long/items", key, ""); gjson.Get(now, "items").Raw != gjson.Get(items, "items").Raw {
		t.Errorf("items were %s\nand are %s", items, now)
	}
	ended := stream(t, sessions+"/long/events", key, -1)
	if n := len(live); len(ended) <= n || !slices.Equal(ended[:n], live) || !strings.Contains(ended[len(ended)-1], "switchboard.session.ended") {
		t.Errorf("%d events were logged, %d are read of the ended session%s", n, len(ended), difference(live, ended))
	}
	for _, e := range ended {
		if strings.Contains(e, ".delta\"") {
			t.Errorf("still has %s", e)
			break
		}
	}
}

// difference is where the second of two lists first differs from the first.
func difference(want, got []string) string {
	for i, event := range want {
		if i >= len(got) || got[i] != event {
			return fmt.Sprintf("; event %d was\n%s\nand is\n%s", i, event, strings.Join(got[min(i, len(got)):min(i+1, len(got))], ""))
		}
	}
	return ""
}

func takeTurn(t *testing.T, conn *websocket.Conn, question string) {
	t.Helper()
	text, _ := json.Marshal(question)
	for _, event := range []string{
		`{"type":"conversation.item.create","item":{"type":"message","role":"user","content":[{"type":"input_text","text":` + string(text) + `}]}}`,
		`{"type":"response.create"}`,
	} {
		if err := conn.Write(t.Context(), websocket.MessageText, []byte(event)); err != nil {
			t.Fatal(err)
		}
	}
	for {
		_, event, err := conn.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(event), `"response.done"`) {
			return
		}
	}
}

// stream reads the events of a session from the first on: up to the end of so many responses, or all.
func stream(t *testing.T, url, key string, responses int) (events []string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", url+"?last_event_id=0", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	for responses != 0 && lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			events = append(events, data)
			if strings.Contains(data, `"response.done"`) {
				responses--
			}
		}
	}
	return events
}

// memoryOf is how many bytes the keys of a pattern take.
func memoryOf(t *testing.T, url, pattern string) (sum int64) {
	t.Helper()
	opts, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(opts)
	defer client.Close()
	keys, err := client.Keys(t.Context(), pattern).Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		n, err := client.MemoryUsage(t.Context(), key, 0).Result()
		if err != nil && err != redis.Nil {
			t.Fatal(err)
		}
		sum += n
	}
	return sum
}
