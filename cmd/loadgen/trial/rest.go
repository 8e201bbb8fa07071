package trial

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/tidwall/gjson"

	"switchboard/cmd/loadgen/endpoint"
)

// insistTime is how long a call is tried again that no node answers.
const insistTime = 30 * time.Second

// tally counts the calls of a trial.
type tally struct {
	calls atomic.Int64
	again atomic.Int64 // tries beyond the first, because a node had gone or said: later
}

// ask makes one call through a random node. What says "later", and a connection that
// broke, is tried again; any other refusal comes back.
func (f *fleet) ask(ctx context.Context, method, path string, body any) ([]byte, error) {
	var message []byte
	if body != nil {
		var err error
		if message, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	f.tally.calls.Add(1)
	pause := endpoint.Backoff{Shortest: shortestWait, Longest: longestWait}
	for begin := time.Now(); ; {
		answer, err := f.entry.Rest(ctx, method, path, message)
		var no *endpoint.Refused
		later := err != nil && (!errors.As(err, &no) || no.Status >= 502 && no.Status <= 504)
		if !later || time.Since(begin) > insistTime {
			if err != nil {
				err = fmt.Errorf("%s %s: %w", method, path, err)
			}
			return answer, err
		}
		f.tally.again.Add(1)
		if err := pause.Wait(ctx); err != nil {
			return nil, err
		}
	}
}

func sessionPath(id, rest string) string { return "realtime/sessions/" + url.PathEscape(id) + rest }

// whereabouts tells which node runs each session, as the fleet lists them.
func (f *fleet) whereabouts(ctx context.Context) (map[string]string, error) {
	where := make(map[string]string)
	for after := ""; ; {
		page, err := f.ask(ctx, http.MethodGet, "realtime/sessions?limit=200&after="+url.QueryEscape(after), nil)
		if err != nil {
			return nil, err
		}
		for _, s := range gjson.GetBytes(page, "sessions").Array() {
			if s.Get("status").Str != "ended" {
				where[s.Get("session_id").Str] = s.Get("node").Str
			}
		}
		if after = gjson.GetBytes(page, "next").Str; after == "" {
			return where, nil
		}
	}
}

// items are the conversation's, by ID, in order.
func (f *fleet) items(ctx context.Context, id string) (ids []string, err error) {
	body, err := f.ask(ctx, http.MethodGet, sessionPath(id, "/items"), nil)
	for _, it := range gjson.GetBytes(body, "items.#.id").Array() {
		ids = append(ids, it.Str)
	}
	return ids, err
}

// logTime is how long a log may take to show its last event.
const logTime = 10 * time.Second

// log reads a session's events as they are kept, up to the one with ID last.
func (f *fleet) log(ctx context.Context, id, last string) ([]heard, error) {
	ctx, cancel := context.WithTimeout(ctx, logTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, f.entry.Root.JoinPath(sessionPath(id, "/events")).String(), nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+f.entry.Key)
	r.Header.Set("Last-Event-ID", "0")
	answer, err := (&http.Client{Transport: f.entry.Client.Transport}).Do(r)
	if err != nil {
		return nil, fmt.Errorf("read log: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("read log: %s", answer.Status)
	}
	events, err := readLog(answer.Body, last)
	if err != nil {
		err = fmt.Errorf("read log of %s: %w", id, err)
	}
	return events, err
}

// readLog reads server-sent events until the one whose event has the ID last.
func readLog(from io.Reader, last string) (events []heard, err error) {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, endpoint.MaxMessage)
	for lines.Scan() {
		data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data: "))
		if !ok {
			continue
		}
		h := heard{id: gjson.GetBytes(data, "event_id").Str, kind: kindOf(gjson.GetBytes(data, "type").Str)}
		if events = append(events, h); h.id == last {
			return events, nil
		}
	}
	return events, fmt.Errorf("%d events and not %s: %w", len(events), last, lines.Err())
}
