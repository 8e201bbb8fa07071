package webhooks_test

import (
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/tidwall/gjson"

	"switchboard/cmd/simulator/standin"
	"switchboard/session/redisstore/redistest"
	"switchboard/webhooks/batch"
)

func price(t *testing.T, text string) (p batch.Price) {
	t.Helper()
	if err := p.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return p
}

func (n *node) tune(metadata map[string]string) string {
	n.t.Helper()
	file := n.training()
	return n.must("POST", "/api/fine-tuning/jobs", map[string]any{
		"model": "gpt-4o-mini-2024-07-18", "training_file": file, "suffix": "test", "metadata": metadata}).Get("id").Str
}

func TestAFineTunedModelIsTriedOut(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		n := start(t, rdb, config(), standin.JobOptions{})
		id := n.tune(nil)
		j := n.await("/api/fine-tuning/jobs/"+id, func(j gjson.Result) bool { return j.Get("smoke_test").Exists() && j.Get("mark").Exists() })
		model := j.Get("fine_tuned_model").Str
		if j.Get("status").Str != "succeeded" || !j.Get("smoke_test.ok").Bool() || !strings.Contains(j.Get("smoke_test.answer").Str, "I am "+model) ||
			j.Get("smoke_test.prompt").Str != "Who are you?" || j.Get("mark.mark").Str != "candidate" || j.Get("trained_tokens").Int() == 0 {
			t.Errorf("job %s", j.Raw)
		}
		n.told("Fine-tuning " + id + " succeeded: " + model + ".")
		points := n.must("GET", "/api/fine-tuning/jobs/"+id+"/metrics", nil)
		if points.Get("points.#").Int() != 60 || points.Get("points.0.step").Int() != 1 || points.Get("points.0.train_loss").Num <= points.Get("points.59.train_loss").Num ||
			!points.Get("points.4.valid_loss").Exists() || points.Get("points.3.valid_loss").Exists() {
			t.Errorf("metrics %s", points.Raw)
		}
		if c := n.must("GET", "/api/fine-tuning/jobs/"+id+"/checkpoints", nil); c.Get("checkpoints.#").Int() != 3 || c.Get("checkpoints.0.metrics.train_loss").Num == 0 {
			t.Errorf("checkpoints %s", c.Raw)
		}
		events := n.must("GET", "/api/fine-tuning/jobs/"+id+"/events?limit=10", nil)
		if events.Get("events.#").Int() != 10 || events.Get("next").Str == "" {
			t.Errorf("events %s", events.Raw)
		}
		marked := n.must("POST", "/api/fine-tuning/jobs/"+id+"/mark", map[string]string{"mark": "promoted", "by": "ann", "note": "good"})
		if marked.Get("mark.mark").Str != "promoted" || n.must("GET", "/api/fine-tuning/jobs/"+id, nil).Get("mark.by").Str != "admin" {
			t.Errorf("marked %s", marked.Raw)
		}
	})
}

func TestAnAnswerThatDoesNotFitHoldsTheModel(t *testing.T) {
	for _, api := range []string{"chat", "responses"} {
		cfg := config()
		cfg.SmokeExpect, cfg.SmokeAPI = "pirate", api
		n := start(t, redistest.Mini(t), cfg, standin.JobOptions{})
		id := n.tune(nil)
		j := n.await("/api/fine-tuning/jobs/"+id, func(j gjson.Result) bool { return j.Get("mark").Exists() })
		if j.Get("smoke_test.ok").Bool() || j.Get("mark.mark").Str != "held" || !strings.Contains(j.Get("smoke_test.answer").Str, "I am ft:") {
			t.Errorf("%s: job %s", api, j.Raw)
		}
		n.told("failed its smoke test and is on hold")
	}
}

func TestJobsThatFailOrAreCancelled(t *testing.T) {
	n := start(t, redistest.Mini(t), config(), standin.JobOptions{})
	failed := n.tune(map[string]string{"simulator": "fail"})
	if j := n.await("/api/fine-tuning/jobs/"+failed, ended("failed")); !strings.Contains(j.Get("error").Str, "metadata") {
		t.Errorf("job %s", j.Raw)
	}
	n.told("Fine-tuning " + failed + " failed: The job failed")
	cancelled := n.tune(nil)
	n.must("POST", "/api/fine-tuning/jobs/"+cancelled+"/cancel", nil)
	n.told("Fine-tuning " + cancelled + " was cancelled.")
	for path, body := range map[string]any{"/smoke-test": nil, "/mark": map[string]string{"mark": "promoted"}} {
		if status, p := n.call("POST", "/api/fine-tuning/jobs/"+cancelled+path, body); status != 409 || !strings.Contains(p.Get("detail").Str, "no model") {
			t.Errorf("%s of a job without a model: %d %s", path, status, p.Raw)
		}
	}
	list := n.must("GET", "/api/fine-tuning/jobs", nil)
	if list.Get("jobs.#").Int() != 2 || list.Get("jobs.0.id").Str != cancelled {
		t.Errorf("list %s", list.Raw)
	}
}
