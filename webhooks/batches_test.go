package webhooks_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/tidwall/gjson"

	"switchboard/cmd/simulator/standin"
	"switchboard/session/redisstore/redistest"
)

func requests(n int, words func(i int) string) []any {
	list := make([]any, n)
	for i := range list {
		list[i] = map[string]any{"body": map[string]any{"model": "gpt-4o-mini",
			"messages": []any{map[string]string{"role": "user", "content": words(i)}}}}
	}
	return list
}

func question(i int) string { return fmt.Sprintf("question %d", i) }

func (n *node) submit(count int, words func(int) string, metadata map[string]string) string {
	n.t.Helper()
	return n.must("POST", "/api/batches", map[string]any{
		"endpoint": "/v1/chat/completions", "requests": requests(count, words), "metadata": metadata}).Get("id").Str
}

func ended(status string) func(gjson.Result) bool {
	return func(b gjson.Result) bool { return b.Get("status").Str == status }
}

// lines reads a stream of NDJSON.
func (n *node) lines(path string) []gjson.Result {
	n.t.Helper()
	r, _ := http.NewRequest("GET", n.server.URL+path, nil)
	r.Header.Set("Authorization", "Bearer admin")
	resp, err := n.server.Client().Do(r)
	if err != nil {
		n.t.Fatal(err)
	}
	defer resp.Body.Close()
	if kind := resp.Header.Get("Content-Type"); resp.StatusCode != 200 || kind != "application/x-ndjson" {
		n.t.Fatalf("%s: %d %s", path, resp.StatusCode, kind)
	}
	var lines []gjson.Result
	scan := bufio.NewScanner(resp.Body)
	scan.Buffer(nil, 1<<20)
	for scan.Scan() {
		if !gjson.ValidBytes(scan.Bytes()) {
			n.t.Fatalf("%s: not JSON: %s", path, scan.Text())
		}
		lines = append(lines, gjson.Parse(scan.Text()))
	}
	if scan.Err() != nil {
		n.t.Fatal(scan.Err())
	}
	return lines
}

func TestABatchFromRequestsToResults(t *testing.T) {
	redistest.Each(t, func(t *testing.T, rdb redis.UniversalClient) {
		cfg := config()
		cfg.Prices = append(cfg.Prices, price(t, "gpt-4o-mini=0.075:0.30"))
		n := start(t, rdb, cfg, standin.JobOptions{})
		id := n.submit(100, question, map[string]string{"for": "test"})
		b := n.await("/api/batches/"+id, ended("completed"))
		if b.Get("request_counts.completed").Int() != 100 || b.Get("progress").Num != 1 || b.Get("usage.input_tokens").Int() == 0 ||
			b.Get("cost_usd").Num <= 0 || b.Get("metadata.for").Str != "test" {
			t.Errorf("batch %s", b.Raw)
		}
		results := n.lines("/api/batches/" + id + "/results?include=request")
		if len(results) != 100 {
			t.Fatalf("%d results", len(results))
		}
		for _, r := range results {
			asked := r.Get("request.messages.0.content").Str
			answer := r.Get("response.choices.0.message.content").Str
			if asked != fmt.Sprintf("question %d", r.Get("line").Int()-1) || answer != "You said: "+asked || r.Get("status_code").Int() != 200 {
				t.Fatalf("result %s", r.Raw)
			}
		}
		if part := n.lines("/api/batches/" + id + "/results?offset=90&limit=5"); len(part) != 5 || part[0].Get("custom_id").Str != "request-91" {
			t.Errorf("part %v", part)
		}
		if errs := n.lines("/api/batches/" + id + "/errors"); len(errs) != 0 {
			t.Errorf("errors %v", errs)
		}
		n.told("Batch " + id + " is completed: 100 of 100 requests answered.")
		list := n.await("/webhooks/events?type=batch.completed", func(l gjson.Result) bool {
			return l.Get(`events.#(state=="done")`).Exists()
		})
		if e := n.must("GET", "/webhooks/events/"+list.Get("events.0.id").Str, nil); e.Get("attempts.0.by").Str != "batch." {
			t.Errorf("event %s", e.Raw)
		}
	})
}

// told waits for a notification.
func (n *node) told(text string) {
	n.t.Helper()
	if !eventually(func() bool { return strings.Contains(n.logged.text(), text) }) {
		n.t.Fatalf("nobody was told: %s", text)
	}
}

func TestFailedRequestsAreRunAgain(t *testing.T) {
	n := start(t, redistest.Mini(t), config(), standin.JobOptions{})
	id := n.submit(30, func(i int) string {
		if i%3 == 0 {
			return "simulator:fail"
		}
		return question(i)
	}, nil)
	n.await("/api/batches/"+id, ended("completed"))
	if errs := n.lines("/api/batches/" + id + "/errors"); len(errs) != 10 || errs[0].Get("status_code").Int() != 500 {
		t.Fatalf("errors %v", errs)
	}
	again := n.must("POST", "/api/batches/"+id+"/retry", nil)
	if again.Get("retry_of").Str != id {
		t.Errorf("retry %s", again.Raw)
	}
	b := n.await("/api/batches/"+again.Get("id").Str, ended("completed"))
	if b.Get("request_counts.total").Int() != 10 {
		t.Errorf("retry %s", b.Raw)
	}
	good := n.submit(2, question, nil)
	n.await("/api/batches/"+good, ended("completed"))
	if status, answer := n.call("POST", "/api/batches/"+good+"/retry", nil); status != 409 {
		t.Errorf("nothing to retry: %d %s", status, answer.Raw)
	}
}

func TestPartialResultsOfExpiredAndCancelledBatches(t *testing.T) {
	n := start(t, redistest.Mini(t), config(), standin.JobOptions{})
	expired := n.submit(40, question, map[string]string{"simulator": "expire"})
	n.await("/api/batches/"+expired, ended("expired"))
	if r, e := n.lines("/api/batches/"+expired+"/results"), n.lines("/api/batches/"+expired+"/errors"); len(r) != 20 || len(e) != 20 || e[0].Get("error.code").Str != "batch_expired" {
		t.Errorf("%d results and %d errors of an expired batch", len(r), len(e))
	}
	n.told("Batch " + expired + " expired: 20 of 40")
	if again := n.must("POST", "/api/batches/"+expired+"/retry", nil); n.await("/api/batches/"+again.Get("id").Str, ended("expired")).Get("request_counts.total").Int() != 20 {
		t.Error("the retry has not the 20 requests that were left")
	}

	stalled := n.submit(40, question, map[string]string{"simulator": "stall"})
	n.await("/api/batches/"+stalled, func(b gjson.Result) bool { return b.Get("request_counts.completed").Int() == 20 })
	if status, _ := n.call("GET", "/api/batches/"+stalled+"/results", nil); status != 409 {
		t.Errorf("results of a running batch: %d", status)
	}
	n.must("POST", "/api/batches/"+stalled+"/cancel", nil)
	n.await("/api/batches/"+stalled, ended("cancelled"))
	if r := n.lines("/api/batches/" + stalled + "/results"); len(r) != 20 {
		t.Errorf("%d results of a cancelled batch", len(r))
	}
}

func TestABatchThatOpenAIRefuses(t *testing.T) {
	n := start(t, redistest.Mini(t), config(), standin.JobOptions{})
	id := n.submit(3, question, map[string]string{"simulator": "refuse"})
	b := n.await("/api/batches/"+id, ended("failed"))
	if b.Get("errors.0.line").Int() != 1 {
		t.Errorf("batch %s", b.Raw)
	}
	n.told("Batch " + id + " was refused. Line 1:")
	if status, _ := n.call("POST", "/api/batches/"+id+"/retry", nil); status != 409 {
		t.Errorf("retry: %d", status)
	}
}

// Without a webhook the watch brings the end.
func TestABatchIsReconciledWithoutItsWebhook(t *testing.T) {
	n := start(t, redistest.Mini(t), config(), standin.JobOptions{Delivery: standin.DeliveryFaults{ForgePercent: 100, DelayMS: 0}})
	n.stand.SetDeliveryFaults(standin.DeliveryFaults{DelayMS: 1 << 30})
	id := n.submit(5, question, nil)
	n.told("Batch " + id + " is completed")
}

func TestUploadsAreCheckedLineByLine(t *testing.T) {
	n := start(t, redistest.Mini(t), config(), standin.JobOptions{})
	line := func(id, url string) string {
		return fmt.Sprintf(`{"custom_id":%q,"method":"POST","url":%q,"body":{"model":"gpt-4o-mini","messages":[]}}`, id, url)
	}
	chat := "/v1/chat/completions"
	good := line("a", chat) + "\n" + line("b", chat) + "\n\n"
	post := func(kind string, body io.Reader) (int, gjson.Result) {
		r, _ := http.NewRequest("POST", n.server.URL+"/api/batches", body)
		r.Header.Set("Authorization", "Bearer admin")
		r.Header.Set("Content-Type", kind)
		return n.do(r)
	}
	if status, b := post("application/jsonl", strings.NewReader(good)); status != 201 || b.Get("endpoint").Str != chat {
		t.Fatalf("lines: %d %s", status, b.Raw)
	}
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	w.WriteField("metadata", `{"a":"b"}`)
	file, _ := w.CreateFormFile("file", "x.jsonl")
	io.WriteString(file, good)
	w.Close()
	whole := form.Bytes()
	for name, body := range map[string][]byte{"as curl ends it": whole, "as browsers do": bytes.TrimRight(whole, "\r\n")} {
		if status, b := post(w.FormDataContentType(), bytes.NewReader(body)); status != 201 || b.Get("metadata.a").Str != "b" {
			t.Fatalf("form, %s: %d %s", name, status, b.Raw)
		}
	}
	for name, bad := range map[string]struct{ body, where, says string }{
		"twice":     {line("a", chat) + "\n" + line("a", chat), "line 2 custom_id", "line 1"},
		"not JSON":  {line("a", chat) + "\n{oops", "line 2", "not JSON"},
		"no id":     {line("", chat), "line 1 custom_id", "must be a text"},
		"other url": {line("a", chat) + "\n" + line("b", "/v1/responses"), "line 2 url", "not the batch's endpoint"},
		"bad url":   {line("a", "/v1/realtime"), "line 1 url", "no endpoint"},
		"method":    {strings.Replace(line("a", chat), "POST", "GET", 1), "line 1 method", "POST"},
		"blank":     {line("a", chat) + "\n\n" + line("b", chat), "line 2", "empty"},
		"nothing":   {"", "line 1", "no requests"},
		"models":    {line("a", chat) + "\n" + strings.Replace(line("b", chat), "gpt-4o-mini", "gpt-4o", 1), "line 2 body.model", "one model"},
	} {
		status, p := post("application/jsonl", strings.NewReader(bad.body))
		if status != 422 || p.Get("errors.0.location").Str != bad.where || !strings.Contains(p.Get("errors.0.message").Str, bad.says) {
			t.Errorf("%s: %d %s", name, status, p.Raw)
		}
	}
	// Whatever comes behind the file in a form would be too late for it.
	form.Reset()
	w = multipart.NewWriter(&form)
	file, _ = w.CreateFormFile("file", "x.jsonl")
	io.WriteString(file, good)
	w.WriteField("metadata", `{"a":"b"}`)
	w.Close()
	if status, p := post(w.FormDataContentType(), &form); status != 400 || !strings.Contains(p.Get("detail").Str, `"metadata" comes after its file`) {
		t.Errorf("a field behind the file: %d %s", status, p.Raw)
	}
	form.Reset()
	w = multipart.NewWriter(&form)
	file, _ = w.CreateFormFile("file", "x.jsonl")
	io.WriteString(file, good)
	if status, p := post(w.FormDataContentType(), &form); status != 400 {
		t.Errorf("a form that is cut off: %d %s", status, p.Raw)
	}
	if status, _ := post("image/png", strings.NewReader("x")); status != 415 {
		t.Errorf("another type: %d", status)
	}
	if status, _ := n.call("GET", "/api/batches/batch_unknown", nil); status != 404 {
		t.Errorf("unknown batch: %d", status)
	}
}

func TestRequestsAsJSON(t *testing.T) {
	n := start(t, redistest.Mini(t), config(), standin.JobOptions{})
	post := func(kind, body string) (int, gjson.Result) {
		r, _ := http.NewRequest("POST", n.server.URL+"/api/batches", strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer admin")
		r.Header.Set("Content-Type", kind)
		return n.do(r)
	}
	lines := `{"requests":[{"custom_id":"a","method":"POST","url":"/v1/responses","body":{"model":"m","input":"x"}}]}`
	if status, b := post("application/json", lines); status != 201 || b.Get("endpoint").Str != "/v1/responses" {
		t.Errorf("lines of a file as requests: %d %s", status, b.Raw)
	}
	if status, b := post("application/x-www-form-urlencoded", lines); status != 201 {
		t.Errorf("as curl -d sends them: %d %s", status, b.Raw)
	}
	for name, bad := range map[string]struct {
		body   string
		status int
		says   string
	}{
		"not JSON":         {`{"requests":`, 400, "not JSON"},
		"not UTF-8":        {"{\"endpoint\":\"\xff\"}", 400, "not UTF-8"},
		"another type":     {`{"endpoint":7}`, 422, "body.endpoint cannot be of JSON type number"},
		"a list":           {`[1]`, 422, "body must be a JSON object"},
		"both":             {`{"input_file_id":"file-1","requests":[{"body":{}}]}`, 422, "not both"},
		"no endpoint":      {`{"requests":[{"body":{}}]}`, 422, "endpoint is missing"},
		"no requests":      {`{"endpoint":"/v1/responses","requests":[]}`, 422, "no requests"},
		"another method":   {`{"endpoint":"/v1/responses","requests":[{"method":"GET","body":{}}]}`, 422, "method must be POST"},
		"another endpoint": {`{"endpoint":"/v1/responses","requests":[{"url":"/v1/embeddings","body":{}}]}`, 422, "not the batch's endpoint"},
		"too deep":         {`{"endpoint":"/v1/responses","requests":[{"body":` + strings.Repeat("[", 1<<20) + `}]}`, 400, "not JSON"},
		"too large":        {`{"pad":"` + strings.Repeat("x", 32<<20) + `"}`, 413, "at most 32768 KiB"},
	} {
		if status, p := post("application/json", bad.body); status != bad.status || !strings.Contains(p.Get("detail").Str, bad.says) {
			t.Errorf("%s: %d %.300s", name, status, p.Raw)
		}
	}
}

func TestWhatToReadIsChecked(t *testing.T) {
	n := start(t, redistest.Mini(t), config(), standin.JobOptions{})
	id := n.submit(2, question, nil)
	n.await("/api/batches/"+id, ended("completed"))
	for _, query := range []string{"offset=-1", "limit=x", "limit=1.5", "include=all", "search=" + strings.Repeat("x", 513)} {
		if status, p := n.call("GET", "/api/batches/"+id+"/results?"+query, nil); status != 422 {
			t.Errorf("%s: %d %s", query, status, p.Raw)
		}
	}
}

// A result file of 200 MB passes with the process growing by less than 32 MiB; gateway, stand-in and reader are one process here.
func TestLargeResultsPassThroughLittleMemory(t *testing.T) {
	n := start(t, redistest.Mini(t), config(), standin.JobOptions{})
	id := n.submit(1, question, map[string]string{"simulator": "big:200"})
	n.await("/api/batches/"+id, ended("completed"))
	r, _ := http.NewRequest("GET", n.server.URL+"/api/batches/"+id+"/results", nil)
	r.Header.Set("Authorization", "Bearer admin")
	debug.FreeOSMemory() // what earlier tests held would leave the collector in no hurry
	before := memory()
	resp, err := n.server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var total, peak int64
	buf := make([]byte, 256<<10)
	for {
		k, err := resp.Body.Read(buf)
		total += int64(k)
		if peak = max(peak, memory()); err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	growth := (peak - before) >> 20
	t.Logf("%d MB passed, the process grew by %d MiB", total>>20, growth)
	if total < 200e6 || growth >= 32 {
		t.Errorf("%d MB passed, growth %d MiB", total>>20, growth)
	}
}

// memory is what the process has taken from the system and not given back.
func memory() int64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return int64(samples[0].Value.Uint64() - samples[1].Value.Uint64())
}

// A stream that OpenAI breaks off must not look like the whole.
func TestACutResultFileBreaksTheAnswer(t *testing.T) {
	n := start(t, redistest.Mini(t), config(), standin.JobOptions{})
	id := n.submit(1, question, map[string]string{"simulator": "big:200"})
	n.await("/api/batches/"+id, ended("completed"))
	r, _ := http.NewRequest("GET", n.server.URL+"/api/batches/"+id+"/results", nil)
	r.Header.Set("Authorization", "Bearer admin")
	resp, err := n.server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.CopyN(io.Discard, resp.Body, 1<<20); err != nil {
		t.Fatal(err)
	}
	n.api.CloseClientConnections()
	if _, err := io.Copy(io.Discard, resp.Body); err == nil {
		t.Error("the answer ended as if it were whole")
	}
}

func TestBatchesAreShownWhileOpenAIIsAway(t *testing.T) {
	n := start(t, redistest.Mini(t), config(), standin.JobOptions{})
	id := n.submit(2, question, nil)
	n.await("/api/batches/"+id, ended("completed"))
	n.api.Close()
	if b := n.must("GET", "/api/batches/"+id, nil); !b.Get("stale").Bool() || b.Get("status").Str != "completed" {
		t.Errorf("batch %s", b.Raw)
	}
	if d := n.must("GET", "/api/dashboard", nil); d.Get("batch_counts.completed").Int() != 1 {
		t.Errorf("dashboard %s", d.Raw)
	}
	if status, p := n.call("GET", "/api/batches", nil); status != 503 {
		t.Errorf("list: %d %s", status, p.Raw)
	}
}

// A node without a place for temporary files is at fault itself: no Redis that comes back will mend it.
func TestUploadWithoutATemporaryFolder(t *testing.T) {
	n := start(t, redistest.Mini(t), config(), standin.JobOptions{})
	t.Setenv("TMPDIR", "/nonexistent")
	body := map[string]any{"endpoint": "/v1/chat/completions", "requests": requests(1, question)}
	if status, p := n.call("POST", "/api/batches", body); status != 500 {
		t.Errorf("%d %s", status, p.Raw)
	}
}
