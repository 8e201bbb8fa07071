package webhooks_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/tidwall/gjson"
	"github.com/tmaxmax/go-sse"

	"switchboard/cmd/simulator/standin"
	"switchboard/session/redisstore/redistest"
)

// with makes a request as a key: its role, or its role, a dot and more.
func (n *node) with(key, method, path, kind, body string) (int, gjson.Result) {
	n.t.Helper()
	r, _ := http.NewRequest(method, n.server.URL+path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+key)
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	return n.do(r)
}

// formOf is a form with fields and, unless it is empty, a file behind them.
func formOf(file string, fields ...string) (kind, body string) {
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	for i := 0; i < len(fields); i += 2 {
		_ = w.WriteField(fields[i], fields[i+1])
	}
	if file != "" {
		part, _ := w.CreateFormFile("file", "x.jsonl")
		_, _ = io.WriteString(part, file)
	}
	_ = w.Close()
	return w.FormDataContentType(), form.String()
}

var (
	batchLine = `{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"gpt-4o-mini","messages":[{"role":"user","content":"secret question"}]}}` + "\n"
	trainText = strings.Repeat(`{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"ahoy"}]}`+"\n", 10)
)

// What one app key made, another one finds on no route: not by ID, not in a list, a stream or a count, and not by the
// files that it is made of. Operators find everything.
func TestBatchesFilesAndJobsBelongToTheirKey(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		n := start(t, rdb, config(), standin.JobOptions{})
		_, b := n.with("app.a", "POST", "/api/batches", "application/jsonl", batchLine)
		kind, form := formOf(trainText, "model", "gpt-4o-mini-2024-07-18")
		_, j := n.with("app.a", "POST", "/api/fine-tuning/jobs", kind, form)
		batchID, jobID, input, training := b.Get("id").Str, j.Get("id").Str, b.Get("input_file_id").Str, j.Get("training_file").Str
		if batchID == "" || jobID == "" || b.Get("key").Str != "app.a" || j.Get("key").Str != "app.a" {
			t.Fatalf("made %s and %s", b.Raw, j.Raw)
		}
		n.await("/api/batches/"+batchID, ended("completed"))
		n.await("/api/fine-tuning/jobs/"+jobID, func(j gjson.Result) bool { return j.Get("mark").Exists() })

		byFile := `{"endpoint":"/v1/chat/completions","input_file_id":"` + input + `"}`
		byTraining := `{"model":"gpt-4o-mini-2024-07-18","training_file":"` + training + `"}`
		kind, validated := formOf(trainText, "model", "gpt-4o-mini-2024-07-18", "validation_file", training)
		for _, row := range []struct{ method, path, kind, body string }{
			{"GET", "/api/batches/" + batchID, "", ""},
			{"GET", "/api/batches/" + batchID + "/results", "", ""},
			{"GET", "/api/batches/" + batchID + "/results?include=request", "", ""},
			{"GET", "/api/batches/" + batchID + "/errors", "", ""},
			{"POST", "/api/batches/" + batchID + "/retry", "", ""},
			{"POST", "/api/batches/" + batchID + "/cancel", "", ""},
			{"POST", "/api/batches", "application/json", byFile},
			{"GET", "/api/fine-tuning/jobs/" + jobID, "", ""},
			{"GET", "/api/fine-tuning/jobs/" + jobID + "/events", "", ""},
			{"GET", "/api/fine-tuning/jobs/" + jobID + "/checkpoints", "", ""},
			{"GET", "/api/fine-tuning/jobs/" + jobID + "/metrics", "", ""},
			{"POST", "/api/fine-tuning/jobs/" + jobID + "/cancel", "", ""},
			{"POST", "/api/fine-tuning/jobs", "application/json", byTraining},
			{"POST", "/api/fine-tuning/jobs", kind, validated},
		} {
			missing := strings.NewReplacer(batchID, "batch_none", jobID, "ftjob-none", input, "file-none", training, "file-none")
			status, p := n.with("app.b", row.method, row.path, row.kind, row.body)
			statusNone, none := n.with("app.b", row.method, missing.Replace(row.path), row.kind, missing.Replace(row.body))
			if status != 404 || statusNone != 404 || p.Raw != none.Raw {
				t.Errorf("%s %s %.60s: %d %s; of what is not there %d %s", row.method, row.path, row.body, status, p.Raw, statusNone, none.Raw)
			}
			for _, key := range []string{"app.a", "operator", "admin"} {
				if status, p := n.with(key, row.method, row.path, row.kind, row.body); status == 404 || status == 403 {
					t.Errorf("%s %s as %s: %d %s", row.method, row.path, key, status, p.Raw)
				}
			}
		}
		for key, want := range map[string]bool{"app.a": true, "app.b": false, "operator": true} {
			_, batches := n.with(key, "GET", "/api/batches?limit=100", "", "")
			_, jobs := n.with(key, "GET", "/api/fine-tuning/jobs?limit=100", "", "")
			_, d := n.with(key, "GET", "/api/dashboard", "", "")
			for name, got := range map[string]bool{
				"batches": strings.Contains(batches.Raw, batchID), "jobs": strings.Contains(jobs.Raw, jobID),
				"dashboard":  strings.Contains(d.Raw, batchID) && strings.Contains(d.Raw, jobID),
				"its counts": d.Get("batch_counts.completed").Int() > 0 && d.Get("job_counts.succeeded").Int() > 0,
			} {
				if got != want {
					t.Errorf("%s of %s: %v", name, key, got)
				}
			}
		}
	})
}

// What was made elsewhere is the operators'.
func TestWhatWasMadeElsewhereIsTheOperators(t *testing.T) {
	n := start(t, redistest.Mini(t), config(), standin.JobOptions{})
	file := n.training()
	body := `{"model":"gpt-4o-mini-2024-07-18","training_file":"` + file + `"}`
	if status, p := n.with("app.a", "POST", "/api/fine-tuning/jobs", "application/json", body); status != 404 || p.Get("errors.0.location").Str != "body.training_file" {
		t.Errorf("an app: %d %s", status, p.Raw)
	}
	if status, p := n.with("operator", "POST", "/api/fine-tuning/jobs", "application/json", body); status != 201 {
		t.Errorf("an operator: %d %s", status, p.Raw)
	}
}

// An app key sees nothing of the inbox and of others' work, on no stream and no dashboard.
func TestAppKeysFollowTheirOwnOnly(t *testing.T) {
	n := start(t, redistest.Mini(t), config(), standin.JobOptions{})
	from := n.must("GET", "/api/dashboard", nil).Get("last_event_id").Str
	n.deliver("wh_dead", `{"type":"batch.failed","data":{}}`)
	n.deliver("wh_safety", `{"type":"safety_identifier.blocked","data":{"id":"sa_1"}}`)
	n.await("/webhooks/events?state=dead", func(l gjson.Result) bool { return l.Get("events.#").Int() == 1 })
	_, others := n.with("app.b", "POST", "/api/batches", "application/jsonl", batchLine)
	n.await("/api/batches/"+others.Get("id").Str, ended("completed"))
	_, own := n.with("app.a", "POST", "/api/batches", "application/jsonl", batchLine)
	n.await("/api/batches/"+own.Get("id").Str, ended("completed"))

	r, _ := http.NewRequestWithContext(t.Context(), "GET", n.server.URL+"/api/events?last_event_id="+from, nil)
	r.Header.Set("Authorization", "Bearer app.a")
	resp, err := n.server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	for e, err := range sse.Read(resp.Body, nil) {
		if err != nil {
			t.Fatal(err)
		}
		data := gjson.Parse(e.Data)
		if e.Type != "batch.updated" || data.Get("id").Str != own.Get("id").Str {
			t.Errorf("it was told of %s %s", e.Type, e.Data)
		}
		if data.Get("status").Str == "completed" {
			break
		}
	}
	_, d := n.with("app.a", "GET", "/api/dashboard", "", "")
	if d.Get("events.#").Int()+d.Get("dead.#").Int()+d.Get("inbox.kept").Int()+d.Get("inbox.dead").Int() != 0 || !d.Get("events").IsArray() {
		t.Errorf("dashboard %s", d.Raw)
	}
	if _, d := n.with("operator", "GET", "/api/dashboard", "", ""); d.Get("dead.#").Int() != 1 {
		t.Errorf("dashboard of an operator %s", d.Raw)
	}
}

// A batch that the process could not note has an owner by its input file.
func TestABatchIsFoundByTheOwnerOfItsFile(t *testing.T) {
	rdb := redistest.Mini(t)
	n := start(t, rdb, config(), standin.JobOptions{})
	_, b := n.with("app.a", "POST", "/api/batches", "application/jsonl", batchLine)
	for _, key := range []string{"owner:" + b.Get("id").Str, "r:" + b.Get("id").Str} {
		if rdb.Del(context.Background(), "gw:{wh:batches}:"+key).Val() != 1 {
			t.Fatalf("no %s", key)
		}
	}
	if status, _ := n.with("app.a", "GET", "/api/batches/"+b.Get("id").Str, "", ""); status != 200 {
		t.Errorf("its key: %d", status)
	}
	if status, _ := n.with("app.b", "GET", "/api/batches/"+b.Get("id").Str, "", ""); status != 404 {
		t.Errorf("another key: %d", status)
	}
}

// The gateway knows who did something; nobody says it in the body.
func TestWhoActedIsTheKey(t *testing.T) {
	n := start(t, redistest.Mini(t), config(), standin.JobOptions{})
	id := n.tune(nil)
	n.await("/api/fine-tuning/jobs/"+id, func(j gjson.Result) bool { return j.Get("mark").Exists() })
	_, j := n.with("operator.ann", "POST", "/api/fine-tuning/jobs/"+id+"/mark", "application/json", `{"mark":"promoted","by":"mallory"}`)
	if j.Get("mark.by").Str != "operator.ann" {
		t.Errorf("marked %s", j.Raw)
	}
	n.deliver("wh_1", `{"type":"batch.failed","data":{}}`)
	n.await("/webhooks/events/wh_1", func(e gjson.Result) bool { return e.Get("state").Str == "dead" })
	n.with("operator.ann", "POST", "/webhooks/events/wh_1/replay", "", "")
	e := n.await("/webhooks/events/wh_1", func(e gjson.Result) bool { return e.Get("attempts.#").Int() == 3 })
	if e.Get("attempts.1.action").Str != "replayed" || e.Get("attempts.1.by").Str != "operator.ann" {
		t.Errorf("event %s", e.Raw)
	}
}

func TestDeadLettersAreDiscardedWithANote(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		n := start(t, rdb, config(), standin.JobOptions{})
		for i := range 4 {
			n.deliver(fmt.Sprint("wh_", i), `{"type":"batch.failed","data":{}}`)
		}
		n.deliver("wh_done", `{"type":"hologram.created","data":{}}`)
		n.await("/webhooks/events?state=dead", func(l gjson.Result) bool { return l.Get("events.#").Int() == 4 })
		post := func(path, body string, want int) gjson.Result {
			t.Helper()
			status, r := n.with("operator.ann", "POST", "/webhooks/events/"+path, "application/json", body)
			if status != want {
				t.Errorf("%s %s: %d %s", path, body, status, r.Raw)
			}
			return r
		}
		post("wh_0/discard", `{"note":"a test of ours"}`, 200)
		e := n.must("GET", "/webhooks/events/wh_0", nil)
		if e.Get("state").Str != "discarded" || e.Get("note").Str != "a test of ours" || e.Get("error").Exists() ||
			e.Get("attempts.1.action").Str != "discarded" || e.Get("attempts.1.by").Str != "operator.ann" || e.Get("attempts.1.note").Str != "a test of ours" {
			t.Errorf("discarded %s", e.Raw)
		}
		post("wh_0/discard", "", 409)
		post("wh_done/discard", "", 409)
		post("nobody/discard", "", 404)
		post("discard", `{}`, 422)
		if r := post("discard", `{"ids":["wh_1","wh_done","nobody"]}`, 200); r.Get("discarded").Int() != 1 {
			t.Errorf("some: %s", r.Raw)
		}
		if r := post("discard", `{"all":true,"note":"cleaned up"}`, 200); r.Get("discarded").Int() != 2 {
			t.Errorf("all: %s", r.Raw)
		}
		d := n.must("GET", "/api/dashboard", nil)
		if d.Get("inbox.dead").Int() != 0 || d.Get("inbox.discarded").Int() != 4 || n.must("GET", "/webhooks/events?state=discarded", nil).Get("events.#").Int() != 4 {
			t.Errorf("dashboard %s", d.Get("inbox").Raw)
		}
		post("wh_0/replay", "", 200)
		n.await("/webhooks/events/wh_0", func(e gjson.Result) bool { return e.Get("state").Str == "dead" })
		if status, _ := n.with("app.a", "POST", "/webhooks/events/wh_0/discard", "", ""); status != 403 {
			t.Errorf("an app discards: %d", status)
		}
	})
}

// What an event is about may be gone, or never have been: samples end as done, and so do deleted files.
func TestEventsAboutWhatIsGoneAreDone(t *testing.T) {
	n := start(t, redistest.Mini(t), config(), standin.JobOptions{})
	for i, body := range []string{
		`{"type":"file.deleted","data":{"id":"file-gone"}}`, `{"type":"file.created","data":{"id":"file-gone"}}`,
		`{"type":"batch.completed","data":{"id":"batch_abc123"}}`, `{"type":"fine_tuning.job.succeeded","data":{"id":"ftjob-abc123"}}`,
		`{"type":"live.transport.connected","data":{"session_id":"s","type":"webrtc"}}`, `{"type":"safety.org_alert.created","data":{}}`,
		`{"type":"eval.run.succeeded","data":{"id":"evalrun_abc123"}}`, `{"type":7,"data":"text","created_at":"x"}`, `{"data":null}`,
		`{"type":"realtime.call.incoming","data":{"call_id":"rtc_1","sip_headers":"odd"}}`,
	} {
		id := fmt.Sprint("wh_", i)
		if status, p := n.deliver(id, body); status != 200 {
			t.Fatalf("%s: %d %s", body, status, p.Raw)
		}
		e := n.await("/webhooks/events/"+id, func(e gjson.Result) bool { return e.Get("state").Str != "waiting" })
		if e.Get("state").Str != "done" || e.Get("failures").Int() != 0 || i >= 1 && i < 4 && !strings.Contains(e.Get("note").Str, "no such object") {
			t.Errorf("%s: %s", body, e.Raw)
		}
	}
	e := n.must("POST", "/webhooks/endpoints", map[string]any{"name": "x", "url": n.server.URL + "/webhooks/openai", "event_types": []string{"batch.completed"}})
	n.must("POST", "/webhooks/endpoints/"+e.Get("id").Str+"/test", map[string]any{"event_type": "batch.completed"})
	n.await("/webhooks/events?type=batch.completed&state=done", func(l gjson.Result) bool { return l.Get("events.#").Int() == 2 })
	if d := n.must("GET", "/api/dashboard", nil); d.Get("inbox.dead").Int() != 0 {
		t.Errorf("dead letters of samples: %s", d.Get("dead").Raw)
	}
}

// raw gets a stream's text.
func (n *node) raw(path string) string {
	n.t.Helper()
	r, _ := http.NewRequest("GET", n.server.URL+path, nil)
	r.Header.Set("Authorization", "Bearer admin")
	resp, err := n.server.Client().Do(r)
	if err != nil {
		n.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		n.t.Fatalf("%s: %d %.200s, %v", path, resp.StatusCode, text, err)
	}
	return string(text)
}
