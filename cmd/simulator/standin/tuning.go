package standin

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"net/http"
	"time"
)

// tune is a fine-tuning job as the API shows it.
type tune struct {
	ID              string            `json:"id"`
	Object          string            `json:"object"`
	CreatedAt       int64             `json:"created_at"`
	Error           json.RawMessage   `json:"error"`
	FineTunedModel  *string           `json:"fine_tuned_model"`
	FinishedAt      *int64            `json:"finished_at"`
	Hyperparameters map[string]any    `json:"hyperparameters"`
	Model           string            `json:"model"`
	OrganizationID  string            `json:"organization_id"`
	ResultFiles     []string          `json:"result_files"`
	Status          string            `json:"status"`
	TrainedTokens   *int              `json:"trained_tokens"`
	TrainingFile    string            `json:"training_file"`
	ValidationFile  *string           `json:"validation_file"`
	Integrations    []any             `json:"integrations"`
	Seed            int               `json:"seed"`
	EstimatedFinish *int64            `json:"estimated_finish"`
	Method          map[string]any    `json:"method"`
	Metadata        map[string]string `json:"metadata"`

	suffix      string
	events      []*tuneEvent
	checkpoints []*checkpoint
	cancelled   chan struct{}
}

type tuneEvent struct {
	ID        string         `json:"id"`
	Object    string         `json:"object"`
	CreatedAt int64          `json:"created_at"`
	Level     string         `json:"level"`
	Message   string         `json:"message"`
	Type      string         `json:"type"`
	Data      map[string]any `json:"data"`
}

type checkpoint struct {
	ID        string         `json:"id"`
	Object    string         `json:"object"`
	CreatedAt int64          `json:"created_at"`
	Model     string         `json:"fine_tuned_model_checkpoint"`
	Step      int            `json:"step_number"`
	Metrics   map[string]any `json:"metrics"`
	Job       string         `json:"fine_tuning_job_id"`
}

func (t *tune) objectID() string       { return t.ID }
func (e *tuneEvent) objectID() string  { return e.ID }
func (c *checkpoint) objectID() string { return c.ID }

func (a *account) createTune(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Model          string            `json:"model"`
		TrainingFile   string            `json:"training_file"`
		ValidationFile string            `json:"validation_file"`
		Suffix         string            `json:"suffix"`
		Seed           int               `json:"seed"`
		Metadata       map[string]string `json:"metadata"`
		Integrations   []any             `json:"integrations"`
		Hyper          map[string]any    `json:"hyperparameters"`
		Method         map[string]any    `json:"method"`
	}
	if !readRuled(w, r, tuneRule, &in) {
		return
	}
	training, ok := a.file(in.TrainingFile)
	validation, validates := a.file(in.ValidationFile)
	var e *apiError
	switch {
	case !a.catalogue.has(tunable, in.Model):
		e = invalid("model_not_available", "model", "The model '%s' is not available for fine-tuning.", in.Model)
	case !ok || training.Purpose != "fine-tune":
		e = invalid("invalid_training_file", "training_file", "The file '%s' does not exist or is not for fine-tuning.", in.TrainingFile)
	case in.ValidationFile != "" && (!validates || validation.Purpose != "fine-tune"):
		e = invalid("invalid_validation_file", "validation_file", "The file '%s' does not exist or is not for fine-tuning.", in.ValidationFile)
	}
	if e != nil {
		writeError(w, http.StatusBadRequest, e)
		return
	}
	hyper, method := methodOf(in.Hyper, in.Method)
	t := &tune{ID: newID("ftjob-"), Object: "fine_tuning.job", CreatedAt: time.Now().Unix(), Error: json.RawMessage("null"),
		Hyperparameters: hyper, Model: in.Model, OrganizationID: "org-simulator", ResultFiles: []string{}, Status: "validating_files",
		TrainingFile: in.TrainingFile, ValidationFile: orNull(in.ValidationFile), Integrations: append([]any{}, in.Integrations...),
		Seed: in.Seed, Metadata: in.Metadata, Method: method, suffix: in.Suffix, cancelled: make(chan struct{})}
	if t.Seed == 0 {
		t.Seed = rand.IntN(1 << 30)
	}
	a.mu.Lock()
	a.tunes = keep(a.tunes, t)
	t.say("info", "Created fine-tuning job: "+t.ID)
	t.say("info", "Validating training file: "+t.TrainingFile)
	writeJSON(w, t)
	a.mu.Unlock()
	a.start(func() { a.runTune(t, training.content) })
}

// methodOf is a job's method with what was asked for in it; hyperparameters may come beside it, the old way.
func methodOf(hyper, asked map[string]any) (hyperparameters, method map[string]any) {
	hyperparameters = map[string]any{"batch_size": "auto", "learning_rate_multiplier": "auto", "n_epochs": "auto"}
	maps.Copy(hyperparameters, hyper)
	if kind, ok := asked["type"].(string); ok && kind != "supervised" {
		return hyperparameters, asked
	}
	within, _ := member(asked, "supervised", "hyperparameters").(map[string]any)
	maps.Copy(hyperparameters, within)
	return hyperparameters, map[string]any{"type": "supervised", "supervised": map[string]any{"hyperparameters": hyperparameters}}
}

func (a *account) listTunes(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	writePage(w, r, a.tunes, pageSize{20, 100}, func(t *tune) any { return t })
}

// withTune answers with what do returns for a job, under the lock.
func (a *account) withTune(w http.ResponseWriter, r *http.Request, do func(*tune)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if t, ok := find(a.tunes, r.PathValue("id")); ok {
		do(t)
		return
	}
	noSuch(w, "fine-tuning job", r.PathValue("id"))
}

func (a *account) showTune(w http.ResponseWriter, r *http.Request) {
	a.withTune(w, r, func(t *tune) { writeJSON(w, t) })
}

func (a *account) cancelTune(w http.ResponseWriter, r *http.Request) {
	a.withTune(w, r, func(t *tune) {
		switch t.Status {
		case "succeeded", "failed", "cancelled":
			writeError(w, http.StatusBadRequest, invalid("", "", "Job has already completed: %s", t.ID))
			return
		}
		t.Status, t.FinishedAt = "cancelled", stamp()
		t.say("info", "Fine-tuning job cancelled")
		close(t.cancelled)
		writeJSON(w, t)
	})
}

func (a *account) tuneEvents(w http.ResponseWriter, r *http.Request) {
	a.withTune(w, r, func(t *tune) { writePage(w, r, t.events, pageSize{20, 100}, func(e *tuneEvent) any { return e }) })
}

func (a *account) tuneCheckpoints(w http.ResponseWriter, r *http.Request) {
	a.withTune(w, r, func(t *tune) { writePage(w, r, t.checkpoints, pageSize{10, 100}, func(c *checkpoint) any { return c }) })
}

// say adds a line to the job's log; the caller holds mu.
func (t *tune) say(level, message string) {
	t.events = append(t.events, &tuneEvent{ID: newID("ftevent-"), Object: "fine_tuning.job.event", CreatedAt: time.Now().Unix(),
		Level: level, Message: message, Type: "message", Data: map[string]any{}})
}
