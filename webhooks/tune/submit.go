package tune

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/openai/openai-go/v3"

	"switchboard/gateway/strict"
	"switchboard/webhooks/follow"
	"switchboard/webhooks/jsonl"
	"switchboard/webhooks/records"
	"switchboard/webhooks/spool"
)

// Spec says what to train and how, as OpenAI's API takes it. What it documents is named here down to the last name, so
// that a misspelt one is refused and not lost; values are OpenAI's to judge.
type Spec struct {
	Model           string            `json:"model" doc:"The base model"`
	TrainingFile    string            `json:"training_file" doc:"ID of a file that OpenAI has"`
	ValidationFile  string            `json:"validation_file,omitempty" nullable:"true" doc:"The same, to validate with"`
	Suffix          string            `json:"suffix,omitempty" nullable:"true" doc:"Of the new model's name"`
	Seed            *int64            `json:"seed,omitempty" nullable:"true" doc:"Makes the job repeatable"`
	Method          *Method           `json:"method,omitempty" doc:"How to train; supervised if left out"`
	Hyperparameters *Supervised       `json:"hyperparameters,omitempty" doc:"Of a supervised job, the old way; new ones say it in method"`
	Integrations    []Integration     `json:"integrations,omitempty" doc:"Where OpenAI reports the job's metrics"`
	Metadata        map[string]string `json:"metadata,omitempty" nullable:"true" doc:"At most 16, kept by OpenAI"`
}

// Method is how a job trains.
type Method struct {
	Type       string `json:"type" doc:"supervised, dpo or reinforcement"`
	Supervised *struct {
		Hyperparameters *Supervised `json:"hyperparameters,omitempty"`
	} `json:"supervised,omitempty"`
	DPO *struct {
		Hyperparameters *DPO `json:"hyperparameters,omitempty"`
	} `json:"dpo,omitempty"`
	Reinforcement *struct {
		Grader          json.RawMessage `json:"grader,omitempty" doc:"A grader of OpenAI's"`
		ResponseFormat  json.RawMessage `json:"response_format,omitempty" doc:"A JSON schema that answers are held to"`
		Hyperparameters *Reinforcement  `json:"hyperparameters,omitempty"`
	} `json:"reinforcement,omitempty"`
}

// Setting is a number, or "auto".
type Setting = json.RawMessage

// Supervised are hyperparameters of supervised fine-tuning.
type Supervised struct {
	BatchSize    Setting `json:"batch_size,omitempty" doc:"A number, or auto"`
	LearningRate Setting `json:"learning_rate_multiplier,omitempty" doc:"A number, or auto"`
	Epochs       Setting `json:"n_epochs,omitempty" doc:"A number, or auto"`
}

// DPO are hyperparameters of direct preference optimization.
type DPO struct {
	BatchSize    Setting `json:"batch_size,omitempty" doc:"A number, or auto"`
	Beta         Setting `json:"beta,omitempty" doc:"A number, or auto"`
	LearningRate Setting `json:"learning_rate_multiplier,omitempty" doc:"A number, or auto"`
	Epochs       Setting `json:"n_epochs,omitempty" doc:"A number, or auto"`
}

// Reinforcement are hyperparameters of reinforcement fine-tuning.
type Reinforcement struct {
	BatchSize         Setting `json:"batch_size,omitempty" doc:"A number, or auto"`
	ComputeMultiplier Setting `json:"compute_multiplier,omitempty" doc:"A number, or auto"`
	EvalInterval      Setting `json:"eval_interval,omitempty" doc:"A number, or auto"`
	EvalSamples       Setting `json:"eval_samples,omitempty" doc:"A number, or auto"`
	LearningRate      Setting `json:"learning_rate_multiplier,omitempty" doc:"A number, or auto"`
	Epochs            Setting `json:"n_epochs,omitempty" doc:"A number, or auto"`
	Effort            Setting `json:"reasoning_effort,omitempty" doc:"default, low, medium or high"`
}

// Integration is where OpenAI reports a job's metrics.
type Integration struct {
	Type  string `json:"type" doc:"wandb"`
	Wandb *struct {
		Project string   `json:"project"`
		Entity  string   `json:"entity,omitempty"`
		Name    string   `json:"name,omitempty"`
		Tags    []string `json:"tags,omitempty"`
	} `json:"wandb,omitempty"`
}

// LineError says what is wrong with a line of a training file.
type LineError struct {
	Line    int
	Message string
}

// Error says it with the line; callers may read it.
func (e *LineError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Message) }

const (
	maxLine = 16 << 20 // what is longer is not looked at
)

// SubmitFile gives OpenAI a training file, once all of it has come and been looked at, and starts a job with it. The file
// of a job that is refused is deleted.
func (s *Jobs) SubmitFile(ctx context.Context, who records.Viewer, spec Spec, name string, training io.Reader) (*Job, error) {
	if err := s.checkFile(ctx, who, "validation_file", spec.ValidationFile); err != nil {
		return nil, err
	}
	id, err := s.Upload(ctx, who, name, training)
	if err != nil {
		return nil, err
	}
	spec.TrainingFile = id
	j, err := s.create(ctx, who.Key, spec)
	if err != nil {
		s.DeleteFile(ctx, id)
	}
	return j, err
}

// Upload gives OpenAI a training file and notes whose it is.
func (s *Jobs) Upload(ctx context.Context, who records.Viewer, name string, file io.Reader) (id string, err error) {
	lines, err := spool.New()
	if err != nil {
		return "", err
	}
	defer lines.Close()
	err = strict.InTurns(file, func(file io.Reader) error { return copyChecked(lines, file) })
	if err != nil {
		return "", err
	}
	return s.Send(ctx, who.Key, lines, openai.FilePurposeFineTune, name)
}

// copyChecked copies a training file. The first line that is no JSON object, or not UTF-8, is a *LineError.
func copyChecked(w io.Writer, file io.Reader) error {
	in := jsonl.New(io.TeeReader(file, w), maxLine)
	if problem := in.Encoding(); problem != "" {
		return &LineError{1, problem}
	}
	for n, some := 1, false; ; n++ {
		line, err := in.Next()
		switch {
		case err == io.EOF && !some:
			return &LineError{1, "the file has no examples"}
		case err == io.EOF:
			return nil
		case errors.Is(err, jsonl.ErrTooLong):
			some = true
			continue
		case err != nil:
			return fmt.Errorf("read training file: %w", err)
		case len(bytes.TrimSpace(line)) == 0:
			continue
		}
		some = true
		if problem := jsonl.Check(line); problem != "" {
			return &LineError{n, problem}
		}
	}
}

// checkFile refuses a file that is not the caller's business.
func (s *Jobs) checkFile(ctx context.Context, who records.Viewer, field, id string) error {
	if id == "" || who.All {
		return nil
	}
	owner, err := s.records.Owner(ctx, id)
	if err == nil && !who.Sees(owner) {
		err = &records.FileError{Field: field}
	}
	return err
}

// Submit starts a job with files that OpenAI has already, and the caller may see.
func (s *Jobs) Submit(ctx context.Context, who records.Viewer, spec Spec) (*Job, error) {
	err := cmp.Or(s.checkFile(ctx, who, "training_file", spec.TrainingFile), s.checkFile(ctx, who, "validation_file", spec.ValidationFile))
	if err != nil {
		return nil, err
	}
	owner, err := s.records.Owner(ctx, spec.TrainingFile)
	if err != nil {
		return nil, err
	}
	return s.create(ctx, cmp.Or(owner, who.Key), spec)
}

// create has OpenAI make the job. One that was made is not lost by what goes wrong behind it.
func (s *Jobs) create(ctx context.Context, owner string, spec Spec) (*Job, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), follow.CreateTime)
	defer cancel()
	var made openai.FineTuningJob
	if err := s.api.Post(ctx, "fine_tuning/jobs", spec, &made); err != nil {
		return nil, err
	}
	j := view(&made)
	err := s.records.Own(ctx, owner, made.ID)
	if err == nil {
		err = s.Absorb(ctx, j)
	}
	if err != nil {
		s.Log().Error("a new job is not noted yet; it will be when it is looked at", "job", made.ID, "err", err)
		j.Key = owner
	}
	return j, nil
}
