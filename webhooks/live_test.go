package webhooks_test

import (
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/tidwall/gjson"
	"github.com/tmaxmax/go-sse"

	"switchboard/cmd/simulator/standin"
	"switchboard/session/redisstore/redistest"
)

// as asks with a role and returns the status.
func (n *node) as(role, path string) int {
	n.t.Helper()
	r, _ := http.NewRequest("GET", n.server.URL+path, nil)
	if role != "" {
		r.Header.Set("Authorization", "Bearer "+role)
	}
	status, _ := n.do(r)
	return status
}

// follow reads changes with another project's client until enough says so.
func (n *node) follow(last string, enough func(sse.Event) bool) {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(n.t.Context(), patience)
	defer cancel()
	r, _ := http.NewRequestWithContext(ctx, "GET", n.server.URL+"/api/events", nil)
	r.Header.Set("Authorization", "Bearer admin")
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	resp, err := n.server.Client().Do(r)
	if err != nil {
		n.t.Fatal(err)
	}
	defer resp.Body.Close()
	for e, err := range sse.Read(resp.Body, nil) {
		if err != nil {
			n.t.Fatal(err)
		}
		if enough(e) {
			return
		}
	}
	n.t.Fatal("the stream ended")
}

func TestChangesAreFollowedWithoutAGap(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		n := start(t, rdb, config(), standin.JobOptions{})
		from := n.must("GET", "/api/dashboard", nil).Get("last_event_id").Str
		id := n.submit(40, question, nil)
		var all []string
		progress := -1.0
		n.follow(from, func(e sse.Event) bool {
			all = append(all, e.LastEventID)
			b := gjson.Parse(e.Data)
			if e.Type != "batch.updated" || b.Get("id").Str != id {
				return false
			}
			if p := b.Get("progress").Num; p < progress {
				t.Errorf("progress went back from %v to %v", progress, p)
			} else {
				progress = p
			}
			return b.Get("status").Str == "completed"
		})
		// A client that lost its connection after the first change gets all others again, in order.
		i := 1
		n.follow(all[0], func(e sse.Event) bool {
			if e.LastEventID != all[i] {
				t.Fatalf("change %d is %s, was %s", i, e.LastEventID, all[i])
			}
			i++
			return i == len(all)
		})
	})
}

func TestAClientWhoseLastChangeIsForgottenIsTold(t *testing.T) {
	n := start(t, redistest.Mini(t), config(), standin.JobOptions{})
	n.deliver("wh_1", someEvent)
	for _, last := range []string{"1-1", "nonsense"} {
		n.follow(last, func(e sse.Event) bool {
			if e.Type != "resync" {
				t.Errorf("first came %s", e.Type)
			}
			return true
		})
	}
}

func TestDrainEndsTheStreams(t *testing.T) {
	n := start(t, redistest.Mini(t), config(), standin.JobOptions{})
	r, _ := http.NewRequest("GET", n.server.URL+"/api/events", nil)
	r.Header.Set("Authorization", "Bearer admin")
	resp, err := n.server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	n.hooks.Drain()
	n.hooks.Drain()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Error(err)
	}
}
