package webhooks_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/tidwall/gjson"

	"switchboard/cmd/simulator/standin"
	"switchboard/session/redisstore/redistest"
)

func TestMetricsOfTheInbox(t *testing.T) {
	rdb := redistest.Mini(t)
	n := start(t, rdb, config(), standin.JobOptions{})
	n.deliver("wh_done", `{"type":"hologram.created","data":{}}`)
	n.deliver("wh_dead", `{"type":"batch.completed","data":{}}`)

	m := n.hooks.Metrics()
	if problems, err := testutil.CollectAndLint(m); err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
	n.await("/api/dashboard", func(d gjson.Result) bool { // the server adds work of its own
		inbox := d.Get("inbox")
		text := fmt.Sprintf(`
# HELP switchboard_inbox_events Events in the inbox, of all nodes: kept are all of them, waiting is to be handled, dead was given up, discarded was given up and needs nobody.
# TYPE switchboard_inbox_events gauge
switchboard_inbox_events{state="dead"} %d
switchboard_inbox_events{state="discarded"} %d
switchboard_inbox_events{state="kept"} %d
switchboard_inbox_events{state="waiting"} %d
`, inbox.Get("dead").Int(), inbox.Get("discarded").Int(), inbox.Get("kept").Int(), inbox.Get("waiting").Int())
		return inbox.Get("dead").Int() == 1 && testutil.CollectAndCompare(m, strings.NewReader(text), "switchboard_inbox_events") == nil
	})
}

func TestHandlingIsMeasured(t *testing.T) {
	n := start(t, redistest.Mini(t), config(), standin.JobOptions{})
	n.deliver("wh_done", `{"type":"hologram.created","data":{}}`)
	n.await("/webhooks/events/wh_done", func(e gjson.Result) bool { return e.Get("state").Str == "done" })
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(n.hooks.Metrics())
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "switchboard_webhook_handling_seconds" && f.GetMetric()[0].GetHistogram().GetSampleCount() > 0 {
			return
		}
	}
	t.Error("no attempt to handle an event was measured")
}

func TestMetricsWhileRedisIsAway(t *testing.T) {
	rdb := redistest.Mini(t)
	hooks := newWebhooks(t, rdb, config(), "http://127.0.0.1:1", t.Name(), io.Discard)
	if err := rdb.Close(); err != nil {
		t.Fatal(err)
	}
	if n := testutil.CollectAndCount(hooks.Metrics(), "switchboard_inbox_events"); n != 0 {
		t.Errorf("%d numbers of an inbox that nobody can see", n)
	}
}
