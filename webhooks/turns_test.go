package webhooks_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"switchboard/cmd/simulator/standin"
	"switchboard/gateway/strict"
	"switchboard/session/redisstore/redistest"
)

// occupy takes every turn to parse a large body, until it is told to end.
func occupy(t *testing.T) (end func()) {
	t.Helper()
	turns := max(1, runtime.GOMAXPROCS(0)/2)
	began, stop := make(chan struct{}, turns), make(chan struct{})
	var parsers sync.WaitGroup
	for range turns {
		parsers.Go(func() {
			strict.InTurn(make([]byte, 1<<20), func() bool {
				began <- struct{}{}
				<-stop
				return true
			})
		})
	}
	for range turns {
		<-began
	}
	return func() { close(stop); parsers.Wait() }
}

// Whatever is uploaded, in whatever form, is parsed in turn with all other large bodies; what is small does not wait.
func TestUploadsAreParsedInTurn(t *testing.T) {
	const model = "gpt-4o-mini-2024-07-18"
	request := `{"custom_id":"%s","method":"POST","url":"/v1/responses","body":{"model":"gpt-4.1","input":"%s"}}`
	long := strings.Repeat("x", 40<<10)
	lines := fmt.Sprintf(request, "a", "hi") + "\n" + fmt.Sprintf(request, "b", long)
	batchKind, batchForm := formOf(lines)
	example := `{"messages":[{"role":"user","content":"` + long + `"},{"role":"assistant","content":"ahoy"}]}` + "\n"
	tuneKind, tuneForm := formOf(strings.Repeat(example, 10), "model", model)
	for name, c := range map[string]struct{ path, kind, body string }{
		"batch, one long request":   {"/api/batches", "application/json", `{"requests":[` + fmt.Sprintf(request, "a", long) + `]}`},
		"batch, many requests":      {"/api/batches", "application/json", `{"requests":[` + fmt.Sprintf(request, "a", "hi") + many(request, 500) + `]}`},
		"batch, a long other field": {"/api/batches", "application/json", `{"requests":[` + fmt.Sprintf(request, "a", "hi") + `],"metadata":` + strings.Repeat(" ", 40<<10) + `{}}`},
		"batch, lines":              {"/api/batches", "application/jsonl", lines},
		"batch, form":               {"/api/batches", batchKind, batchForm},
		"tuning, form":              {"/api/fine-tuning/jobs", tuneKind, tuneForm},
	} {
		t.Run(name, func(t *testing.T) {
			n := start(t, redistest.Mini(t), config(), standin.JobOptions{})
			end := occupy(t)
			var done atomic.Bool
			var big sync.WaitGroup
			defer big.Wait()
			defer end()
			big.Go(func() {
				if status, answer := n.with("admin", "POST", c.path, c.kind, c.body); status != 201 {
					t.Errorf("%d %s", status, answer.Raw)
				}
				done.Store(true)
			})
			for i := range 20 { // in which the large one would have ended
				small := `{"requests":[` + fmt.Sprintf(request, fmt.Sprint("s", i), "hi") + `]}`
				if status, answer := n.with("admin", "POST", "/api/batches", "application/json", small); status != 201 {
					t.Errorf("a small one: %d %s", status, answer.Raw)
				}
			}
			if done.Load() {
				t.Error("a large body was parsed while it was not its turn")
			}
		})
	}
}

func many(request string, n int) string {
	var all strings.Builder
	for i := range n {
		all.WriteString("," + fmt.Sprintf(request, fmt.Sprint("r", i), "hello"))
	}
	return all.String()
}

// A name that is as long as a body is refused by the same words as a short one, and waits for nothing.
func TestALongNameInABatchIsRefused(t *testing.T) {
	n := start(t, redistest.Mini(t), config(), standin.JobOptions{})
	body := `{"` + strings.Repeat("n", 100<<10) + `":1}`
	status, answer := n.with("admin", "POST", "/api/batches", "application/json", body)
	if status != 422 || !strings.Contains(answer.Raw, strict.Unexpected) || len(answer.Raw) > 2<<10 {
		t.Fatalf("%d %.300s", status, answer.Raw)
	}
}
