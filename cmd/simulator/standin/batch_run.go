package standin

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

// batchSteps is in how many steps a batch's counts grow.
const batchSteps = 20

// failWord in a request's body makes that request fail.
const failWord = "simulator:fail"

// batchRun is a batch being worked on.
type batchRun struct {
	*account
	*batch
	lines       []gjson.Result
	output, bad bytes.Buffer
	usage       batchUsage
	expire      bool // halfway
}

// runBatch takes a batch through its life. What its metadata wishes ("expire", "refuse", "stall", "big:MB") is done.
func (a *account) runBatch(b *batch, input *file) {
	run := &batchRun{account: a, batch: b, expire: wish(b.Metadata) == "expire"}
	step := a.opts.BatchTime / (batchSteps + 4)
	if !run.pause(2 * step) {
		run.finish(step)
		return
	}
	if errs := run.validate(input.content); len(errs) > 0 {
		run.refuse(errs)
		return
	}
	a.mu.Lock()
	if b.Status == "validating" {
		b.Status, b.InProgressAt, b.Counts.Total = "in_progress", stamp(), len(run.lines)
		b.Model = run.lines[0].Get("body.model").Str
	}
	a.mu.Unlock()
	run.work(step)
	run.finish(step)
}

// pause is false when the batch was cancelled or the stand-in closes.
func (run *batchRun) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-run.cancelled:
	case <-run.life.Done():
	}
	return false
}

func (run *batchRun) refuse(errs []batchError) {
	run.mu.Lock()
	run.Status, run.FailedAt = "failed", stamp()
	run.batch.Errors = &batchErrors{Object: "list", Data: errs[:min(len(errs), 50)]}
	run.mu.Unlock()
	run.announce("batch.failed", map[string]any{"id": run.ID})
}

// work answers the requests in steps until the batch is through, cancelled or to expire.
func (run *batchRun) work(step time.Duration) {
	for i := range batchSteps {
		if run.expire && i == batchSteps/2 {
			return
		}
		if wish(run.Metadata) == "stall" && i == batchSteps/2 {
			select {
			case <-run.cancelled:
			case <-run.life.Done():
			}
			return
		}
		if !run.pause(step) {
			return
		}
		from, to := len(run.lines)*i/batchSteps, len(run.lines)*(i+1)/batchSteps
		failed := 0
		for _, line := range run.lines[from:to] {
			if !run.answer(line) {
				failed++
			}
		}
		run.mu.Lock()
		run.Counts.Completed += to - from - failed
		run.Counts.Failed += failed
		run.mu.Unlock()
	}
}

// answer writes one request's line, in the output or in the error file.
func (run *batchRun) answer(line gjson.Result) bool {
	id, body := line.Get("custom_id").Str, line.Get("body")
	if strings.Contains(body.Raw, failWord) {
		run.writeLine(&run.bad, id, 500, map[string]any{"error": (&apiError{kind: "server_error", code: "server_error",
			message: "The server had an error while processing your request."}).body()}, nil)
		return false
	}
	answer, in, out, e := answerRequest(run.Endpoint, body)
	if e != nil {
		run.writeLine(&run.bad, id, 400, map[string]any{"error": e.body()}, nil)
		return false
	}
	run.usage.InputTokens += in
	run.usage.OutputTokens += out
	run.writeLine(&run.output, id, 200, answer, nil)
	return true
}

func (run *batchRun) writeLine(to *bytes.Buffer, id string, status int, body any, e any) {
	var response any
	if body != nil {
		response = map[string]any{"status_code": status, "request_id": newID("req_"), "body": body}
	}
	line, _ := json.Marshal(map[string]any{"id": newID("batch_req_"), "custom_id": id, "response": response, "error": e})
	to.Write(append(line, '\n'))
}

// finish makes the files and says how it ended: completed, expired or cancelled.
func (run *batchRun) finish(step time.Duration) {
	if run.life.Err() != nil {
		return
	}
	status := "completed"
	select {
	case <-run.cancelled:
		status = "cancelled"
	default:
		if run.expire {
			status = "expired"
		}
	}
	if status == "completed" {
		run.set(func() { run.Status, run.FinalizingAt = "finalizing", stamp() })
		if !run.wait(step) {
			return
		}
	}
	if status == "expired" {
		done := run.Counts.Completed + run.Counts.Failed
		for _, line := range run.lines[done:] {
			run.writeLine(&run.bad, line.Get("custom_id").Str, 0, nil,
				map[string]any{"code": "batch_expired", "message": "This request could not be executed before the completion window expired."})
		}
	}
	run.set(func() {
		run.Status = status
		*map[string]**int64{"completed": &run.CompletedAt, "expired": &run.ExpiredAt, "cancelled": &run.CancelledAt}[status] = stamp()
		run.OutputFileID, run.ErrorFileID = run.store("output", &run.output), run.store("error", &run.bad)
		run.makeBig()
		u := run.usage
		u.InputTokensDetails, u.OutputDetails = map[string]int{"cached_tokens": 0}, map[string]int{"reasoning_tokens": 0}
		u.TotalTokens = u.InputTokens + u.OutputTokens
		run.batch.Usage = &u
		if status == "expired" {
			run.Counts.Failed = run.Counts.Total - run.Counts.Completed
		}
	})
	run.announce("batch."+status, map[string]any{"id": run.ID})
}

func (run *batchRun) set(change func()) {
	run.mu.Lock()
	defer run.mu.Unlock()
	change()
}

// store keeps a result file; the caller holds mu.
func (run *batchRun) store(kind string, content *bytes.Buffer) *string {
	if content.Len() == 0 {
		return nil
	}
	f := newFile(run.ID+"_"+kind+".jsonl", "batch_output", content.Bytes())
	f.expireAfter(run.resultLife)
	run.files = keep(run.files, f)
	return &f.ID
}

// makeBig replaces the output by one of as many megabytes as the metadata wishes; the caller holds mu.
func (run *batchRun) makeBig() {
	size, ok := strings.CutPrefix(wish(run.Metadata), "big:")
	megabytes, err := strconv.Atoi(size)
	if !ok || err != nil {
		return
	}
	f := newFile(run.ID+"_output.jsonl", "batch_output", nil)
	f.expireAfter(run.resultLife)
	f.Bytes = int64(megabytes) << 20
	f.write = func(w io.Writer) error { return writeBig(w, f.Bytes) }
	run.files = keep(run.files, f)
	run.OutputFileID = &f.ID
}

// writeBig writes lines of 4 KiB until there are size bytes.
func writeBig(w io.Writer, size int64) error {
	out := bufio.NewWriterSize(w, 64<<10)
	text := strings.Repeat("All work and no play makes a dull answer. ", 90)
	for n, written := 1, int64(0); written < size; n++ {
		k, err := fmt.Fprintf(out, `{"id":"batch_req_%d","custom_id":"request-%d","response":{"status_code":200,"request_id":"req_%d",`+
			`"body":{"choices":[{"index":0,"message":{"role":"assistant","content":"%s"},"finish_reason":"stop"}]}},"error":null}`+"\n", n, n, n, text)
		if err != nil {
			return err
		}
		written += int64(k)
	}
	return out.Flush()
}
