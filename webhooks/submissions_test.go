package webhooks_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/tidwall/gjson"

	"switchboard/cmd/simulator/standin"
	"switchboard/session/redisstore/redistest"
)

// between puts do before the stand-in: it answers by itself and returns true, or lets the stand-in answer.
func (n *node) between(do func(w http.ResponseWriter, r *http.Request, body string) bool) {
	behind := n.front.get()
	n.front.set(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(raw))
		if !do(w, r, string(raw)) {
			behind.ServeHTTP(w, r)
		}
	}))
}

// front is a handler that a test replaces while a server runs.
type front struct {
	mu      sync.Mutex
	handler http.Handler
}

func (f *front) get() http.Handler {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.handler
}

func (f *front) set(h http.Handler) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.handler = h
}

// ServeHTTP implements http.Handler.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) { f.get().ServeHTTP(w, r) }

// asked keeps the bodies that OpenAI was asked with at a path.
func (n *node) asked(path string) func() []gjson.Result {
	var mu sync.Mutex
	var bodies []gjson.Result
	n.between(func(_ http.ResponseWriter, r *http.Request, body string) bool {
		mu.Lock()
		defer mu.Unlock()
		if r.Method == "POST" && r.URL.Path == path {
			bodies = append(bodies, gjson.Parse(body))
		}
		return false
	})
	return func() []gjson.Result {
		mu.Lock()
		defer mu.Unlock()
		return append([]gjson.Result(nil), bodies...)
	}
}

func TestAJobIsStartedWithAllThatWasAsked(t *testing.T) {
	n := start(t, redistest.Mini(t), config(), standin.JobOptions{})
	asked := n.asked("/v1/fine_tuning/jobs")
	file, valid := n.training(), n.training()
	method := `{"type":"dpo","dpo":{"hyperparameters":{"beta":0.1,"n_epochs":"auto"}}}`
	rest := `"seed":42,"suffix":"s","validation_file":"` + valid + `","metadata":{"a":"b"},"integrations":[{"type":"wandb","wandb":{"project":"p","tags":["x"]}}]`
	base := `{"model":"gpt-4o-mini-2024-07-18","training_file":"` + file + `",`
	kind, form := formOf(trainText, "model", "gpt-4o-mini-2024-07-18", "method", method, "seed", "42", "suffix", "s", "validation_file", valid,
		"metadata", `{"a":"b"}`, "integrations", `[{"type":"wandb","wandb":{"project":"p","tags":["x"]}}]`)
	for _, body := range []struct{ kind, text string }{
		{"application/json", base + `"method":` + method + `,` + rest + `}`}, {kind, form},
	} {
		if status, j := n.with("admin", "POST", "/api/fine-tuning/jobs", body.kind, body.text); status != 201 || j.Get("method").Str != "dpo" {
			t.Fatalf("%s: %d %s", body.kind, status, j.Raw)
		}
	}
	for i, a := range asked() {
		if a.Get("method.dpo.hyperparameters.beta").Num != 0.1 || a.Get("seed").Int() != 42 || a.Get("suffix").Str != "s" || a.Get("validation_file").Str != valid ||
			a.Get("metadata.a").Str != "b" || a.Get("integrations.0.wandb.tags.0").Str != "x" {
			t.Errorf("%d asked %s", i, a.Raw)
		}
	}
	rft := `"method":{"type":"reinforcement","reinforcement":{"grader":{"type":"string_check","name":"n","free":1},"hyperparameters":{"reasoning_effort":"low"}}}}`
	n.with("admin", "POST", "/api/fine-tuning/jobs", "application/json", base+rft)
	if all := asked(); all[len(all)-1].Get("method.reinforcement.grader.free").Int() != 1 {
		t.Errorf("asked %s", all[len(all)-1].Raw)
	}
	before := len(asked())
	for body, name := range map[string]string{
		`"sufix":"x"}`: "body.sufix", `"MODEL":"x"}`: "body.MODEL", `"model":"x"}`: "body.model", `"method":{"type":"dpo","dpo":{"hyperparameters":{"bta":1}}}}`: "body.method.dpo.hyperparameters.bta",
		`"integrations":[{"type":"wandb","wandb":{"projet":"p"}}]}`: "body.integrations[0].wandb.projet", `"seed":"x"}`: "body.seed",
	} {
		if status, p := n.with("admin", "POST", "/api/fine-tuning/jobs", "application/json", base+body); status != 422 || p.Get("errors.0.location").Str != name {
			t.Errorf("%s: %d %s", body, status, p.Raw)
		}
	}
	for name, fields := range map[string][]string{
		"body.sufix": {"sufix", "x"}, "body.suffix": {"suffix", "x", "suffix", "y"}, "body.method": {"method", "dpo"}, "body.training_file": {"training_file", file},
	} {
		kind, form := formOf(trainText, append([]string{"model", "gpt-4o-mini-2024-07-18"}, fields...)...)
		if status, p := n.with("admin", "POST", "/api/fine-tuning/jobs", kind, form); status != 422 || p.Get("errors.0.location").Str != name {
			t.Errorf("form with %v: %d %s", fields, status, p.Raw)
		}
	}
	if len(asked()) != before {
		t.Error("a refused job was asked for")
	}
}

func TestABatchIsMadeWithAllThatWasAsked(t *testing.T) {
	n := start(t, redistest.Mini(t), config(), standin.JobOptions{})
	asked := n.asked("/v1/batches")
	request := `"requests":[{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"gpt-4o-mini","messages":[]}}]`
	kind, form := formOf(batchLine, "output_expires_after", `{"anchor":"created_at","seconds":3600}`, "metadata", `{"a":"b"}`, "completion_window", "24h")
	for _, body := range []struct{ path, kind, text string }{
		{"", "application/json", `{"output_expires_after":{"anchor":"created_at","seconds":3600},"metadata":{"a":"b"},` + request + `}`},
		{"", "application/json", `{` + request + `,"output_expires_after_seconds":3600,"metadata":{"a":"b"}}`}, {"", kind, form},
		{"?output_expires_after_seconds=3600&metadata=%7B%22a%22%3A%22b%22%7D", "application/jsonl", batchLine},
	} {
		if status, b := n.with("admin", "POST", "/api/batches"+body.path, body.kind, body.text); status != 201 {
			t.Fatalf("%s: %d %s", body.kind, status, b.Raw)
		}
		all := asked()
		if a := all[len(all)-1]; a.Get("output_expires_after.seconds").Int() != 3600 || a.Get("output_expires_after.anchor").Str != "created_at" || a.Get("metadata.a").Str != "b" {
			t.Errorf("asked %s", a.Raw)
		}
	}
	for body, name := range map[string]string{
		`{"metadta":{},` + request + `}`: "body.metadta", `{"METADATA":{},` + request + `}`: "body.METADATA", `{"metadata":{"a":"b"},"metadata":{"c":"d"},` + request + `}`: "body.metadata",
		`{"metadata":{"a":"b","a":"c"},` + request + `}`: "body.metadata.a", `{"requests":[{"customid":"a","body":{}}]}`: "body.requests[0].customid",
		`{"requests":[{"body":{}},{"body":{},"body":{}}],"endpoint":"/v1/responses"}`: "body.requests[1].body", `{"output_expires_after":{"second":1},` + request + `}`: "body.output_expires_after.second",
	} {
		if status, p := n.with("admin", "POST", "/api/batches", "application/json", body); status != 422 || p.Get("errors.0.location").Str != name && !strings.HasPrefix(p.Get("errors.0.location").Str, "line 1") {
			t.Errorf("%s: %d %s", body, status, p.Raw)
		}
	}
	for _, path := range []string{"?endpont=/v1/responses", "?endpoint=a&endpoint=b"} {
		if status, p := n.with("admin", "POST", "/api/batches"+path, "application/jsonl", batchLine); status != 422 {
			t.Errorf("%s: %d %s", path, status, p.Raw)
		}
	}
}

// What is built of a body is bounded, not only the body; and so is what is said of it.
func TestBatchesAreCheckedBeforeTheyAreBuilt(t *testing.T) {
	n := start(t, redistest.Mini(t), config(), standin.JobOptions{})
	before := memory()
	long := strings.Repeat("e", 1<<20)
	for name, body := range map[string]string{
		"a long endpoint":   `{"endpoint":"/` + long + `","requests":[{}` + strings.Repeat(",{}", 300) + `]}`,
		"too many requests": `{"endpoint":"/v1/responses","requests":[{}` + strings.Repeat(",{}", 5<<20) + `]}`,
		"a long url":        `{"requests":[{"url":"/` + long + `","body":{}}]}`,
		"a long name":       `{"` + long + `":1}`,
		"a long custom_id":  `{"endpoint":"/v1/responses","requests":[{"custom_id":"` + long + `","body":{}}]}`,
		"long custom_ids":   `{"endpoint":"/v1/responses","requests":[{"custom_id":"` + long + `"}` + strings.Repeat(`,{"custom_id":"`+long[:100<<10]+`"}`, 120) + `]}`,
	} {
		status, p := n.with("admin", "POST", "/api/batches", "application/json", body)
		if status != 422 || len(p.Raw) > 64<<10 {
			t.Errorf("%s: %d, %d bytes", name, status, len(p.Raw))
		}
	}
	if growth := (memory() - before) >> 20; growth > 400 {
		t.Errorf("the process grew by %d MiB", growth)
	}
	for name, file := range map[string]string{
		"BOM": "\xef\xbb\xbf" + batchLine, "UTF-16": "\xff\xfe{\x00", "gzip": "\x1f\x8b\x08", "Latin-1": strings.Replace(batchLine, "secret", "caf\xe9", 1),
	} {
		if status, p := n.with("admin", "POST", "/api/batches", "application/jsonl", file); status != 422 || !strings.Contains(p.Get("detail").Str, name) {
			t.Errorf("%s: %d %s", name, status, p.Raw)
		}
		kind, form := formOf(strings.Replace(file, `"custom_id"`, `"messages"`, 1), "model", "gpt-4o-mini-2024-07-18")
		if status, p := n.with("admin", "POST", "/api/fine-tuning/jobs", kind, form); status != 422 || !strings.Contains(p.Get("detail").Str, name) {
			t.Errorf("training file, %s: %d %s", name, status, p.Raw)
		}
	}
}

// files counts what OpenAI keeps.
func (n *node) files() int64 {
	n.t.Helper()
	r, _ := http.NewRequest("GET", n.api.URL+"/v1/files", nil)
	r.Header.Set("Authorization", "Bearer sk-test")
	_, list := n.do(r)
	return list.Get("data.#").Int()
}

func TestTheFileOfARefusedJobIsDeleted(t *testing.T) {
	n := start(t, redistest.Mini(t), config(), standin.JobOptions{})
	kind, form := formOf(trainText, "model", "no-such-model")
	if status, p := n.with("app.a", "POST", "/api/fine-tuning/jobs", kind, form); status != 422 || n.files() != 0 {
		t.Errorf("%d %s, %d files are left", status, p.Raw, n.files())
	}
	n.between(func(w http.ResponseWriter, r *http.Request, _ string) bool {
		if r.Method != "POST" || r.URL.Path != "/v1/fine_tuning/jobs" {
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(403)
		_, _ = io.WriteString(w, `{"error":{"message":"Fine-tuning is no longer available for your organization.","type":"invalid_request_error"}}`)
		return true
	})
	kind, form = formOf(trainText, "model", "gpt-4o-mini-2024-07-18")
	if status, p := n.with("app.a", "POST", "/api/fine-tuning/jobs", kind, form); status != 422 || !strings.Contains(p.Get("detail").Str, "no longer available") || n.files() != 0 {
		t.Errorf("%d %s, %d files are left", status, p.Raw, n.files())
	}
}

// A result line of 20 MB passes, its neighbours too, and what it left over can be retried.
func TestResultLinesOfAnyLength(t *testing.T) {
	n := start(t, redistest.Mini(t), config(), standin.JobOptions{})
	id := n.submit(3, question, nil)
	b := n.await("/api/batches/"+id, ended("completed"))
	long := strings.Repeat("[0.125],", 20<<17)
	line := func(i int, status int, body string) string {
		return fmt.Sprintf(`{"id":"x","custom_id":"request-%d","response":{"status_code":%d,"request_id":"r","body":%s},"error":null}`+"\n", i, status, body)
	}
	content := line(1, 200, `"short"`) + line(2, 200, "["+long+"0]") + line(3, 500, `"failed"`)
	n.between(func(w http.ResponseWriter, r *http.Request, _ string) bool {
		if r.URL.Path != "/v1/files/"+b.Get("output_file_id").Str+"/content" {
			return false
		}
		_, _ = io.WriteString(w, content)
		return true
	})
	for query, want := range map[string]string{"": "123", "?offset=1": "23", "?offset=1&limit=1": "2", "?offset=2": "3", "?limit=2": "12", "?include=request": "123",
		"?search=REQUEST-2": "2", "?search=request&offset=1&limit=1": "2", "?search=-3": "3", "?search=short": "", "?search=-2&include=request": "2"} {
		got := ""
		for line := range strings.Lines(n.raw("/api/batches/" + id + "/results" + query)) {
			r := gjson.Parse(line)
			if !gjson.Valid(line) || !r.Get("response").Exists() || query == "?include=request" && r.Get("line").Int() != int64(len(got)+1) ||
				strings.HasSuffix(query, "include=request") && !r.Get("request").IsObject() {
				t.Errorf("%s: %.300s", query, line)
			}
			got += strings.TrimPrefix(r.Get("custom_id").Str, "request-")
		}
		if got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
	if n.raw("/api/batches/"+id+"/results?format=openai") != content || n.raw("/api/batches/"+id+"/results?format=openai&search=request-2") != line(2, 200, "["+long+"0]") {
		t.Error("OpenAI's format is not what OpenAI wrote")
	}
	again := n.must("POST", "/api/batches/"+id+"/retry", nil)
	if b := n.await("/api/batches/"+again.Get("id").Str, ended("completed")); b.Get("request_counts.total").Int() != 1 {
		t.Errorf("retry %s", b.Raw)
	}
}

// A retry is one batch, however often and wherever it is asked for.
func TestARetryIsMadeOnce(t *testing.T) {
	rdb := redistest.Redis(t)
	n := start(t, rdb, config(), standin.JobOptions{})
	metadata := map[string]string{"simulator": "expire"}
	for i := range 15 {
		metadata[fmt.Sprint("k", i)] = "v"
	}
	id := n.submit(4, question, metadata)
	old := n.await("/api/batches/"+id, func(b gjson.Result) bool { return b.Get("ended_at").Exists() })
	asked := n.asked("/v1/batches")
	var mu sync.Mutex
	made := map[string]int{}
	var group sync.WaitGroup
	for range 5 {
		group.Go(func() {
			status, b := n.with("admin", "POST", "/api/batches/"+id+"/retry", "", "")
			mu.Lock()
			defer mu.Unlock()
			if made[b.Get("id").Str]++; status != 200 || b.Get("retry_of").Str != id {
				t.Errorf("%d %s (of %s)", status, b.Raw, old.Raw)
			}
		})
	}
	group.Wait()
	if len(made) != 1 || len(asked()) != 1 {
		t.Fatalf("made %v, asked %d times", made, len(asked()))
	}
	again := n.must("POST", "/api/batches/"+id+"/retry", nil)
	if made[again.Get("id").Str] == 0 || !again.Get("repeated").Bool() || n.must("GET", "/api/batches/"+id, nil).Get("retried_by").Str != again.Get("id").Str {
		t.Errorf("once more: %s", again.Raw)
	}
	// A process that ended before it could say what it made finds it by its file.
	rdb.HDel(t.Context(), "gw:{wh:batches}:r:"+id, "own:retry_batch")
	if found := n.must("POST", "/api/batches/"+id+"/retry", nil); found.Get("id").Str != again.Get("id").Str || len(asked()) != 1 {
		t.Errorf("found %s, asked %d times", found.Raw, len(asked()))
	}
}

func TestMetricsOfOtherMethodsGivePoints(t *testing.T) {
	n := start(t, redistest.Mini(t), config(), standin.JobOptions{})
	id := n.tune(nil)
	n.between(func(w http.ResponseWriter, r *http.Request, _ string) bool {
		if !strings.HasSuffix(r.URL.Path, "/events") {
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"object":"list","has_more":false,"data":[{"id":"e2","type":"metrics","data":{"step":2,"total_steps":9,"train_mean_reward":0.5,"name":"x","valid_loss":null}},
			{"id":"e1","type":"metrics","data":{"step":1,"train_mean_reward":0.25,"rewards/margins":1.5}},{"id":"e0","type":"message","data":{}}]}`)
		return true
	})
	points := n.must("GET", "/api/fine-tuning/jobs/"+id+"/metrics", nil)
	if points.Get("points").Raw != `[{"rewards/margins":1.5,"step":1,"train_mean_reward":0.25},{"step":2,"train_mean_reward":0.5}]` {
		t.Errorf("points %s", points.Raw)
	}
}

// OpenAI's objects may have members of other types: what can be read is.
func TestOddObjectsOfOpenAIAreRead(t *testing.T) {
	n := start(t, redistest.Mini(t), config(), standin.JobOptions{})
	n.between(func(w http.ResponseWriter, r *http.Request, _ string) bool {
		odd := map[string]string{
			"/v1/batches/batch_odd":          `{"id":"batch_odd","status":"completed","created_at":"yesterday","request_counts":"many","metadata":{"a":1},"usage":"none","errors":"x","output_file_id":7}`,
			"/v1/fine_tuning/jobs/ftjob-odd": `{"id":"ftjob-odd","status":"running","created_at":"x","error":"text","hyperparameters":"none","method":"dpo","result_files":"a","seed":"x","integrations":7}`,
		}[r.URL.Path]
		if odd != "" {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, odd)
		}
		return odd != ""
	})
	if b := n.must("GET", "/api/batches/batch_odd", nil); b.Get("status").Str != "completed" {
		t.Errorf("batch %s", b.Raw)
	}
	if j := n.must("GET", "/api/fine-tuning/jobs/ftjob-odd", nil); j.Get("status").Str != "running" {
		t.Errorf("job %s", j.Raw)
	}
}

// Temporary files have no name while they are written: nothing of them outlives the process.
func TestUploadsLeaveNoFilesBehind(t *testing.T) {
	n := start(t, redistest.Mini(t), config(), standin.JobOptions{})
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	body, feed := io.Pipe()
	r := httptest.NewRequest("POST", "/api/batches", body)
	r.RequestURI = ""
	r.URL.Scheme, r.URL.Host = "http", strings.TrimPrefix(n.server.URL, "http://")
	r.Header.Set("Authorization", "Bearer admin")
	r.Header.Set("Content-Type", "application/jsonl")
	done := make(chan struct{})
	go func() { defer close(done); n.do(r) }()
	_, _ = io.WriteString(feed, batchLine)
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("%v lie there while it comes in, %v", left, err)
	}
	feed.Close()
	<-done
}
