package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/gateway/sse"
	"switchboard/session"
	"switchboard/session/hub"
)

// script is a feed that hands out events at given times and then ends.
type script struct {
	events []session.LoggedEvent
	every  time.Duration
	due    time.Time
}

func (s *script) Next(ctx context.Context) (session.LoggedEvent, error) {
	if s.due.IsZero() {
		s.due = time.Now().Add(s.every)
	}
	select {
	case <-ctx.Done():
		return session.LoggedEvent{}, context.Cause(ctx)
	case <-time.After(time.Until(s.due)):
	}
	s.due = time.Time{}
	if len(s.events) == 0 {
		return session.LoggedEvent{}, hub.ErrEnded
	}
	e := s.events[0]
	s.events = s.events[1:]
	return e, nil
}

func TestStreamFramesPingsAndSkipsWhatWasSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := httptest.NewRecorder()
		s := &stream{out: sse.New(w), last: "5-1"}
		s.open()
		s.follow(t.Context(), &script{every: 20 * time.Second, events: []session.LoggedEvent{
			{ID: "5-1", Type: "old", Raw: json.RawMessage(`{}`)},
			{ID: "5-2", Type: "error", Raw: json.RawMessage("{\"a\":\n1}")},
			{ID: "10-0", Type: "done", Raw: json.RawMessage(`{"b":2}`)},
		}})
		const want = "retry: 2000\n\n" +
			": ping\n\n" + // 15 s; at 20 s the one that was sent before
			": ping\n\nid: 5-2\nevent: error\ndata: {\"a\":1}\n\n" +
			": ping\n\nid: 10-0\nevent: done\ndata: {\"b\":2}\n\n" +
			": ping\n\n"
		if got := w.Body.String(); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	})
}

func TestNewer(t *testing.T) {
	for _, row := range []struct {
		a, b string
		want bool
	}{
		{"1-0", "", true}, {"1-0", "1-0", false}, {"1-1", "1-0", true}, {"9-0", "10-0", false},
		{"10-0", "9-9", true}, {"1-10", "1-9", true}, {"1-0", "0-0", true},
	} {
		if got := newer(row.a, row.b); got != row.want {
			t.Errorf("newer(%q, %q) = %v", row.a, row.b, got)
		}
	}
}

// TestEveryErrorHasAStatus holds the one table; what is not in it says nothing.
func TestEveryErrorHasAStatus(t *testing.T) {
	for status, errs := range map[int][]error{
		404: {session.ErrNotFound},
		409: {session.ErrExists, &session.HeldError{}, &session.UpstreamError{Code: "response_cancel_not_active"}},
		410: {hub.ErrEnded},
		422: {&session.InvalidError{Field: "a"}, &session.UpstreamError{Code: "unknown_parameter"}, &session.UpstreamError{Code: "invalid_model"}},
		429: {&session.LimitError{Limit: "key_sessions", Max: 1}, &session.UpstreamError{Status: 429}},
		502: {&session.UpstreamError{Code: "invalid_api_key"}, &session.UpstreamError{Status: 502}, &session.CloseError{Code: 1011}},
		503: {hub.ErrDraining, hub.ErrBusy, hub.ErrUpstreamLost, hub.ErrLeaseLost, storeError{errors.New("secret")}, &session.UpstreamError{Status: 503}},
		504: {session.ErrTimeout},
		500: {errors.New("secret"), hub.ErrFeedBehind},
	} {
		for _, err := range errs {
			p := asProblem(errors.Join(errors.New("secret"), err))
			if p.Status != status {
				t.Errorf("%v: %d, want %d", err, p.Status, status)
			}
			if raw, err := json.Marshal(p); err != nil || bytes.Contains(raw, []byte("secret")) {
				t.Errorf("%s tells too much (%v)", raw, err)
			}
		}
	}
}
