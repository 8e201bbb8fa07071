package gateway_test

import (
	"strings"
	"testing"

	"switchboard/cmd/simulator/standin"
	"switchboard/gateway"
	"switchboard/session/sessiontest"
)

func TestCostIsShownAndSummed(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	r.must(201, "POST", "/realtime/sessions", app, `{"session_id":"one","labels":{"team":"red"}}`)
	r.must(200, "POST", "/realtime/sessions/one/message", app, `{"text":"hello"}`)
	r.must(201, "POST", "/realtime/sessions", other, `{"session_id":"two","labels":{"team":"blue"}}`)
	var cost float64
	sessiontest.Eventually(t, "the response has a cost", func() bool {
		cost, _ = r.must(200, "GET", "/realtime/sessions/one", app, "").field(t, "cost_usd").(float64)
		return cost > 0
	})
	r.must(200, "DELETE", "/realtime/sessions/one", app, "")
	cost = r.must(200, "GET", "/realtime/sessions/one", app, "").field(t, "cost_usd").(float64)
	if list := r.must(200, "GET", "/realtime/sessions?fields=summary&label=team:red", operator, "").field(t, "sessions").([]any); list[0].(map[string]any)["cost_usd"] != cost {
		t.Errorf("listed with %v, want %v", list[0], cost)
	}
	row := func(by, key, name string) (usd float64, rows int) {
		list := r.must(200, "GET", "/realtime/usage"+by, key, "").field(t, "rows").([]any)
		for _, row := range list {
			if row := row.(map[string]any); row["name"] == name {
				usd = row["cost_usd"].(float64)
			}
		}
		return usd, len(list)
	}
	sessiontest.Eventually(t, "it is counted", func() bool { usd, _ := row("", operator, "app"); return usd == cost })
	for _, c := range []struct {
		by, key, name string
		usd           float64
	}{
		{"?by=key", app, "app", cost}, {"", other, "app", 0}, {"?by=label:team", operator, "red", cost},
		{"?by=label:team", app, "red", cost}, {"?by=label:team", other, "red", 0}, {"?day=2026-01-01", operator, "app", 0},
	} {
		if usd, _ := row(c.by, c.key, c.name); usd != c.usd {
			t.Errorf("%s of %s is %v, want %v", c.by, c.name, usd, c.usd)
		}
	}
	if _, rows := row("", other, ""); rows > 1 {
		t.Errorf("an app key sees %d keys", rows)
	}
	for query, location := range map[string]string{"?by=x": "query.by", "?by=label:tier": "query.by", "?day=yesterday": "query.day", "?day=2026-02-31": "query.day"} {
		if a := r.must(422, "GET", "/realtime/usage"+query, operator, ""); !strings.Contains(string(a.body), location) {
			t.Errorf("%s: %s", query, a.body)
		}
	}
	metrics := string(r.must(200, "GET", "/metrics", "", "").body)
	for _, name := range []string{`switchboard_cost_usd_total{model="gpt-realtime-2.1"} `, `switchboard_key_cost_usd_total{key="app"} `, `switchboard_label_cost_usd_total{label="team",value="red"} `} {
		if !strings.Contains(metrics, "\n"+name) {
			t.Errorf("no %s in the metrics", name)
		}
	}
}

func TestCostOfAnUnknownModel(t *testing.T) {
	r := newRig(t, standin.Faults{}, func(o *gateway.Options) { o.Model = "gpt-realtime" })
	r.must(201, "POST", "/realtime/sessions", app, `{"session_id":"one"}`)
	if cost := r.must(200, "GET", "/realtime/sessions/one", app, "").field(t, "cost_usd"); cost != "unknown" {
		t.Errorf("it costs %v", cost)
	}
}
