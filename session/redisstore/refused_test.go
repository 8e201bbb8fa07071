package redisstore_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"switchboard/session"
	"switchboard/session/access"
	"switchboard/session/hub"
	"switchboard/session/redisstore"
	"switchboard/session/redisstore/redistest"
	"switchboard/session/sessiontest"
)

// refusing is an upstream that refuses the handshake or, with an event, what it was asked for.
type refusing struct{ event string }

func (r refusing) Dial(context.Context, session.DialRequest) (session.Conn, error) {
	if r.event == "" {
		return nil, &session.UpstreamError{Status: 429, Type: "rate_limit_error", Message: "slow down"}
	}
	ours, theirs := sessiontest.Pipe()
	return theirs, ours.Send(r.event)
}

// A session that is refused before it begins leaves nothing in Redis, for whatever reason.
func TestRefusedSessionsLeaveNothing(t *testing.T) {
	for name, row := range map[string]struct {
		dialer session.Dialer
		limits access.KeyLimits
		id     string
	}{
		"by the handshake":       {dialer: refusing{}},
		"by an error":            {dialer: refusing{`{"type":"error","event_id":"e","error":{"type":"invalid_request_error","code":"invalid_value","message":"no"}}`}},
		"by the limit of tokens": {dialer: refusing{}, limits: access.KeyLimits{Tokens: 1}},
		"by that of sessions":    {dialer: refusing{}, limits: access.KeyLimits{Sessions: 1}},
		"for the ID":             {dialer: refusing{}, id: "not an ID "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t)
			s := redisstore.New(connect(t, server.URL), redisstore.Options{})
			h := hub.New(hub.Options{
				Node: "http://a", Dialer: row.dialer, Store: s, Directory: s, Fleet: s, Meter: s,
				KeyLimits: func(string) access.KeyLimits { return row.limits },
			})
			another := []access.Spent{{ID: "another", Tokens: 10, Seconds: 1}}
			if _, err := s.Count(t.Context(), "shop", another, time.Hour); err != nil {
				t.Fatal(err)
			}
			before := len(server.Keys())
			ctx, stop := context.WithCancel(t.Context())
			var running sync.WaitGroup
			running.Go(func() { _ = h.Run(ctx) })
			var creates sync.WaitGroup
			for part := range 8 {
				creates.Go(func() {
					for i := range 25 {
						id := session.ID(fmt.Sprint(row.id, "s-", part, "-", i))
						if _, err := h.Create(ctx, session.Spec{ID: id, Key: "shop"}); err == nil {
							t.Error("created")
						}
					}
				})
			}
			creates.Wait()
			// What the node itself notes of the fleet goes with it.
			sessiontest.Eventually(t, "nothing is due", func() bool {
				return !slices.Contains(server.Keys(), "gw:{o}:due")
			})
			stop()
			running.Wait()
			sessiontest.Eventually(t, "nothing is left", func() bool {
				return len(slices.DeleteFunc(server.Keys(), func(key string) bool { return strings.HasPrefix(key, "gw:{n}:") })) <= before
			})
		})
	}
}
