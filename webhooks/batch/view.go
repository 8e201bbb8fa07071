package batch

import (
	"github.com/openai/openai-go/v3"

	"switchboard/session/price"
)

// Batch is a batch as this gateway shows it. Times are unix seconds.
type Batch struct {
	ID               string            `json:"id"`
	Status           string            `json:"status" enum:"validating,in_progress,finalizing,completed,failed,expired,cancelling,cancelled"`
	Endpoint         string            `json:"endpoint"`
	Model            string            `json:"model,omitempty"`
	Counts           RequestCounts     `json:"request_counts"`
	Progress         float64           `json:"progress" doc:"Finished requests of all, 0 to 1"`
	CreatedAt        int64             `json:"created_at"`
	InProgressAt     int64             `json:"in_progress_at,omitempty"`
	EndedAt          int64             `json:"ended_at,omitempty" doc:"When it was completed, failed, expired or cancelled"`
	ExpiresAt        int64             `json:"expires_at,omitempty"`
	InputFileID      string            `json:"input_file_id"`
	OutputFileID     string            `json:"output_file_id,omitempty"`
	ErrorFileID      string            `json:"error_file_id,omitempty"`
	Errors           []InputProblem    `json:"errors,omitempty" nullable:"false" doc:"Why the input was refused"`
	Usage            *TokenUsage       `json:"usage,omitempty"`
	CostUSD          *float64          `json:"cost_usd,omitempty" doc:"From usage, if the model's price is configured"`
	Metadata         map[string]string `json:"metadata,omitempty"`
	RetryOf          string            `json:"retry_of,omitempty" doc:"The batch whose failed requests these are"`
	CompletionWindow string            `json:"completion_window"`
	Key              string            `json:"key,omitempty" doc:"Name of the API key that it belongs to; absent: it was made elsewhere, and is the operators'"`
	RetriedBy        string            `json:"retried_by,omitempty" doc:"The batch of the requests that did not succeed here"`
	Repeated         bool              `json:"repeated,omitempty" doc:"In the answer to a retry: it was asked for before, and this is the batch that was made then"`
	Stale            bool              `json:"stale,omitempty" doc:"OpenAI could not be asked; this is the last known state"`
}

// RequestCounts are a batch's requests.
type RequestCounts struct {
	Total     int64 `json:"total"`
	Completed int64 `json:"completed"`
	Failed    int64 `json:"failed"`
}

// InputProblem is something OpenAI found wrong with the input.
type InputProblem struct {
	Code    string `json:"code"`
	Line    int64  `json:"line,omitempty"`
	Message string `json:"message"`
	Param   string `json:"param,omitempty"`
}

// TokenUsage is tokens.
type TokenUsage struct {
	InputTokens  int64 `json:"input_tokens"`
	CachedTokens int64 `json:"cached_tokens"`
	OutputTokens int64 `json:"output_tokens"`
	TotalTokens  int64 `json:"total_tokens"`
}

// retryOf is the metadata key by which a retry names its batch; OpenAI keeps it with the batch.
const retryOf = "switchboard_retry_of"

// restore adds what the gateway keeps beside the batch.
func (b *Batch) restore(own map[string]string) {
	if b.RetriedBy = own[ownRetryBatch]; own[ownRetryOf] != "" {
		b.RetryOf = own[ownRetryOf]
	}
}

var ranks = map[string]int64{"validating": 0, "in_progress": 1, "finalizing": 2, "cancelling": 2,
	"completed": 3, "failed": 3, "expired": 3, "cancelled": 3}

// Ended reports whether nothing more will happen to the batch.
func (b *Batch) Ended() bool { return ranks[b.Status] == 3 }

// version grows along a batch's life: by status, then by requests finished.
func (b *Batch) version() int64 { return ranks[b.Status]<<32 + b.Counts.Completed + b.Counts.Failed }

func (s *Batches) view(b *openai.Batch) *Batch {
	v := &Batch{
		ID: b.ID, Status: string(b.Status), Endpoint: b.Endpoint, Model: b.Model,
		Counts:    RequestCounts{b.RequestCounts.Total, b.RequestCounts.Completed, b.RequestCounts.Failed},
		CreatedAt: b.CreatedAt, InProgressAt: b.InProgressAt, ExpiresAt: b.ExpiresAt,
		EndedAt:     max(b.CompletedAt, b.FailedAt, b.ExpiredAt, b.CancelledAt),
		InputFileID: b.InputFileID, OutputFileID: b.OutputFileID, ErrorFileID: b.ErrorFileID,
		Metadata: b.Metadata, RetryOf: b.Metadata[retryOf], CompletionWindow: b.CompletionWindow,
	}
	if v.Counts.Total > 0 {
		v.Progress = float64(v.Counts.Completed+v.Counts.Failed) / float64(v.Counts.Total)
	}
	for _, e := range b.Errors.Data {
		v.Errors = append(v.Errors, InputProblem{Code: e.Code, Line: e.Line, Message: e.Message, Param: e.Param})
	}
	if b.JSON.Usage.Valid() {
		u := b.Usage
		v.Usage = &TokenUsage{u.InputTokens, u.InputTokensDetails.CachedTokens, u.OutputTokens, u.TotalTokens}
		v.CostUSD = s.cost(b.Model, v.Usage)
	}
	return v
}

// cost prices usage; nil if the model has no price. The first of a model, or of the model that it is a dated
// snapshot of, holds.
func (s *Batches) cost(model string, u *TokenUsage) *float64 {
	for _, p := range s.o.Prices {
		if price.Covers(p.Model, model) {
			usd := p.Cost(price.Count{Input: u.InputTokens, Cached: u.CachedTokens, Output: u.OutputTokens})
			return &usd
		}
	}
	return nil
}
