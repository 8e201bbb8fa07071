package tune

import (
	"encoding/json"
	"time"

	"github.com/openai/openai-go/v3"
)

// Job is a fine-tuning job as this gateway shows it. Times are unix seconds.
type Job struct {
	ID              string            `json:"id"`
	Status          string            `json:"status" enum:"validating_files,queued,running,paused,succeeded,failed,cancelled"`
	Model           string            `json:"model" doc:"The base model"`
	FineTunedModel  string            `json:"fine_tuned_model,omitempty"`
	Method          string            `json:"method,omitempty"`
	CreatedAt       int64             `json:"created_at"`
	FinishedAt      int64             `json:"finished_at,omitempty"`
	EstimatedFinish int64             `json:"estimated_finish,omitempty"`
	TrainedTokens   int64             `json:"trained_tokens,omitempty"`
	TrainingFile    string            `json:"training_file"`
	ValidationFile  string            `json:"validation_file,omitempty"`
	ResultFiles     []string          `json:"result_files,omitempty" nullable:"false"`
	Hyperparameters json.RawMessage   `json:"hyperparameters,omitempty"`
	Error           string            `json:"error,omitempty"`
	Metadata        map[string]string `json:"metadata,omitempty"`
	Seed            *int64            `json:"seed,omitempty"`
	MethodOptions   json.RawMessage   `json:"method_options,omitempty" doc:"The method as OpenAI has it: its hyperparameters, its grader"`
	Integrations    json.RawMessage   `json:"integrations,omitempty"`
	Key             string            `json:"key,omitempty" doc:"Name of the API key that it belongs to; absent: it was made elsewhere, and is the operators'"`
	Stale           bool              `json:"stale,omitempty" doc:"OpenAI could not be asked; this is the last known state"`
	Smoke           *SmokeTest        `json:"smoke_test,omitempty"`
	Mark            *ModelMark        `json:"mark,omitempty"`
}

// SmokeTest is what the new model said when it was first asked something.
type SmokeTest struct {
	OK           bool      `json:"ok"`
	Prompt       string    `json:"prompt"`
	Answer       string    `json:"answer"`
	Error        string    `json:"error,omitempty"`
	At           time.Time `json:"at"`
	Ms           int64     `json:"ms"`
	InputTokens  int64     `json:"input_tokens,omitempty"`
	OutputTokens int64     `json:"output_tokens,omitempty"`
}

// ModelMark is what is to be done with the new model.
type ModelMark struct {
	Mark string    `json:"mark" enum:"candidate,promoted,held" doc:"A failed smoke test holds a model; people promote or hold it"`
	By   string    `json:"by"`
	Note string    `json:"note,omitempty"`
	At   time.Time `json:"at"`
}

var ranks = map[string]int64{"validating_files": 0, "queued": 1, "running": 2, "paused": 2,
	"succeeded": 3, "failed": 3, "cancelled": 3}

// Ended reports whether nothing more will happen to the job.
func (j *Job) Ended() bool { return ranks[j.Status] == 3 }

func view(f *openai.FineTuningJob) *Job {
	j := &Job{
		ID: f.ID, Status: string(f.Status), Model: f.Model, FineTunedModel: f.FineTunedModel, Method: f.Method.Type,
		CreatedAt: f.CreatedAt, FinishedAt: f.FinishedAt, EstimatedFinish: f.EstimatedFinish, TrainedTokens: f.TrainedTokens,
		TrainingFile: f.TrainingFile, ValidationFile: f.ValidationFile, ResultFiles: f.ResultFiles,
		Error: f.Error.Message, Metadata: f.Metadata,
	}
	if raw := f.Hyperparameters.RawJSON(); raw != "" {
		j.Hyperparameters = json.RawMessage(raw)
	}
	if raw := f.Method.RawJSON(); raw != "" {
		j.MethodOptions = json.RawMessage(raw)
	}
	if raw := f.JSON.Integrations.Raw(); len(raw) > 0 && raw != "null" && raw != "[]" {
		j.Integrations = json.RawMessage(raw)
	}
	if f.JSON.Seed.Valid() {
		j.Seed = &f.Seed
	}
	return j
}

// restore adds what the gateway keeps beside the job.
func (j *Job) restore(own map[string]string) {
	var smoke SmokeTest
	if json.Unmarshal([]byte(own["smoke"]), &smoke) == nil {
		j.Smoke = &smoke
	}
	var mark ModelMark
	if json.Unmarshal([]byte(own["mark"]), &mark) == nil {
		j.Mark = &mark
	}
}
