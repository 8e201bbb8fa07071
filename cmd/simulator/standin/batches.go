package standin

import (
	"cmp"
	"net/http"
	"time"
)

var batchEndpoints = []string{"/v1/responses", "/v1/chat/completions", "/v1/embeddings", "/v1/completions", "/v1/moderations",
	"/v1/images/generations", "/v1/images/edits", "/v1/videos"}

// batch is a batch as the API shows it. Times of what did not happen are null, as live.
type batch struct {
	ID               string            `json:"id"`
	Object           string            `json:"object"`
	Endpoint         string            `json:"endpoint"`
	Model            string            `json:"model,omitempty"`
	Errors           *batchErrors      `json:"errors"`
	InputFileID      string            `json:"input_file_id"`
	CompletionWindow string            `json:"completion_window"`
	Status           string            `json:"status"`
	OutputFileID     *string           `json:"output_file_id"`
	ErrorFileID      *string           `json:"error_file_id"`
	CreatedAt        int64             `json:"created_at"`
	InProgressAt     *int64            `json:"in_progress_at"`
	ExpiresAt        int64             `json:"expires_at"`
	FinalizingAt     *int64            `json:"finalizing_at"`
	CompletedAt      *int64            `json:"completed_at"`
	FailedAt         *int64            `json:"failed_at"`
	ExpiredAt        *int64            `json:"expired_at"`
	CancellingAt     *int64            `json:"cancelling_at"`
	CancelledAt      *int64            `json:"cancelled_at"`
	Counts           batchCounts       `json:"request_counts"`
	Usage            *batchUsage       `json:"usage,omitempty"`
	Metadata         map[string]string `json:"metadata"`

	cancelled  chan struct{} // closed by the first cancel
	resultLife int64         // of its files, in seconds
}

type batchCounts struct {
	Total     int `json:"total"`
	Completed int `json:"completed"`
	Failed    int `json:"failed"`
}

type batchErrors struct {
	Object string       `json:"object"`
	Data   []batchError `json:"data"`
}

type batchError struct {
	Code    string  `json:"code"`
	Message string  `json:"message"`
	Param   *string `json:"param"`
	Line    *int    `json:"line"`
}

type batchUsage struct {
	InputTokens        int            `json:"input_tokens"`
	InputTokensDetails map[string]int `json:"input_tokens_details"`
	OutputTokens       int            `json:"output_tokens"`
	OutputDetails      map[string]int `json:"output_tokens_details"`
	TotalTokens        int            `json:"total_tokens"`
}

func (b *batch) objectID() string { return b.ID }

func (a *account) createBatch(w http.ResponseWriter, r *http.Request) {
	var in struct {
		InputFileID      string            `json:"input_file_id"`
		Endpoint         string            `json:"endpoint"`
		CompletionWindow string            `json:"completion_window"`
		Metadata         map[string]string `json:"metadata"`
		ExpiresAfter     struct {
			Seconds int64 `json:"seconds"`
		} `json:"output_expires_after"`
	}
	if !readRuled(w, r, batchRule, &in) {
		return
	}
	f, ok := a.file(in.InputFileID)
	var e *apiError
	switch {
	case !ok:
		e = invalid("", "input_file_id", "No such File object: %s", in.InputFileID)
	case f.Purpose != "batch":
		e = invalid("", "input_file_id", "The file's purpose is '%s', expected 'batch'.", f.Purpose)
	}
	if e != nil {
		writeError(w, http.StatusBadRequest, e)
		return
	}
	now := time.Now().Unix()
	b := &batch{ID: newID("batch_"), Object: "batch", Endpoint: in.Endpoint, InputFileID: in.InputFileID, CompletionWindow: "24h",
		Status: "validating", CreatedAt: now, ExpiresAt: now + 24*3600, Metadata: in.Metadata,
		cancelled: make(chan struct{}), resultLife: cmp.Or(in.ExpiresAfter.Seconds, fileLife)}
	a.mu.Lock()
	a.batches = keep(a.batches, b)
	writeJSON(w, b)
	a.mu.Unlock()
	a.start(func() { a.runBatch(b, f) })
}

func (a *account) listBatches(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	writePage(w, r, a.batches, pageSize{20, 100}, func(b *batch) any { return b })
}

func (a *account) showBatch(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if b, ok := find(a.batches, r.PathValue("id")); ok {
		writeJSON(w, b)
		return
	}
	noSuch(w, "Batch object", r.PathValue("id"))
}

func (a *account) cancelBatch(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	b, ok := find(a.batches, r.PathValue("id"))
	if !ok {
		noSuch(w, "Batch object", r.PathValue("id"))
		return
	}
	switch b.Status {
	case "validating", "in_progress":
		b.Status, b.CancellingAt = "cancelling", stamp()
		close(b.cancelled)
	case "cancelling", "cancelled":
	default:
		writeError(w, http.StatusConflict, invalid("", "", "Cannot cancel a batch with status '%s'.", b.Status))
		return
	}
	writeJSON(w, b)
}

func stamp() *int64 {
	now := time.Now().Unix()
	return &now
}
