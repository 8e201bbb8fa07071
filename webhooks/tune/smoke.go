package tune

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/responses"
	"github.com/openai/openai-go/v3/shared"

	"switchboard/webhooks/queue"
	"switchboard/webhooks/records"
)

const (
	smokeTries   = 5    // a model may not answer in its first minute
	longestReply = 4096 // bytes of an answer that are kept
	replyTokens  = 300
)

// ErrNoModel says that a job has made no model that could be tried or marked.
var ErrNoModel = errors.New("the job has no model: it has not succeeded")

// SmokeTest asks the new model the configured question and keeps its answer. Attempt counts from one; the last one
// keeps the failure instead of returning it.
func (s *Jobs) SmokeTest(ctx context.Context, id string, attempt int) error {
	fetched, err := s.api.FineTuning.Jobs.Get(ctx, id)
	if err != nil {
		return err
	}
	if fetched.FineTunedModel == "" {
		return queue.Fatal(ErrNoModel)
	}
	start := time.Now()
	smoke := SmokeTest{Prompt: s.o.Prompt, At: start.UTC()}
	err = s.ask(ctx, fetched.FineTunedModel, &smoke)
	smoke.Ms = time.Since(start).Milliseconds()
	switch {
	case err != nil && attempt < smokeTries:
		return fmt.Errorf("smoke test: %w", err)
	case err != nil:
		smoke.Error = err.Error()
	case smoke.Answer == "":
		smoke.Error = "the answer is empty"
	case s.o.Expect != nil && !s.o.Expect.MatchString(smoke.Answer):
		smoke.Error = "the answer does not match " + s.o.Expect.String()
	default:
		smoke.OK = true
	}
	return s.conclude(ctx, view(fetched), smoke)
}

// conclude keeps the test's outcome, marks the model unless a person did, and tells.
func (s *Jobs) conclude(ctx context.Context, j *Job, smoke SmokeTest) error {
	if err := s.writeOwn(ctx, j.ID, "smoke", smoke); err != nil {
		return err
	}
	record, err := s.records.Get(ctx, j.ID)
	if err != nil {
		return err
	}
	if j.Key, err = s.records.Owner(ctx, j.ID, j.TrainingFile); err != nil {
		return err
	}
	if j.restore(record.Own); j.Mark == nil || j.Mark.By == smokeTester {
		j.Mark = &ModelMark{Mark: "candidate", By: smokeTester, At: smoke.At}
		if !smoke.OK {
			j.Mark.Mark, j.Mark.Note = "held", smoke.Error
		}
		if err := s.writeOwn(ctx, j.ID, "mark", j.Mark); err != nil {
			return err
		}
	}
	s.Show(ctx, "updated", j.Key, j)
	return s.Add(ctx, 0, notice(j))
}

const smokeTester = "smoke test"

// SetMark promotes or holds a job's model.
func (s *Jobs) SetMark(ctx context.Context, id string, m ModelMark) (*Job, error) {
	j, err := s.Get(ctx, records.Everyone, id)
	if err != nil {
		return nil, err
	}
	if j.FineTunedModel == "" {
		return nil, ErrNoModel
	}
	m.At = time.Now().UTC()
	if err := s.writeOwn(ctx, id, "mark", m); err != nil {
		return nil, err
	}
	j.Mark = &m
	s.Show(ctx, "updated", j.Key, j)
	return j, nil
}

func (s *Jobs) writeOwn(ctx context.Context, id, field string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return s.records.Write(ctx, id, field, string(text))
}

func (s *Jobs) ask(ctx context.Context, model string, smoke *SmokeTest) error {
	if s.o.Responses {
		return s.askResponses(ctx, model, smoke)
	}
	r, err := s.api.Chat.Completions.New(ctx, openai.ChatCompletionNewParams{
		Model: model, MaxCompletionTokens: openai.Int(replyTokens),
		Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(smoke.Prompt)},
	})
	if err != nil {
		return err
	}
	if len(r.Choices) == 0 {
		return errors.New("the model gave no choice")
	}
	smoke.answer(r.Choices[0].Message.Content, r.Usage.PromptTokens, r.Usage.CompletionTokens)
	return nil
}

func (s *Jobs) askResponses(ctx context.Context, model string, smoke *SmokeTest) error {
	r, err := s.api.Responses.New(ctx, responses.ResponseNewParams{
		Model: shared.ResponsesModel(model), MaxOutputTokens: openai.Int(replyTokens),
		Input: responses.ResponseNewParamsInputUnion{OfString: openai.String(smoke.Prompt)},
	})
	if err != nil {
		return err
	}
	smoke.answer(r.OutputText(), r.Usage.InputTokens, r.Usage.OutputTokens)
	return nil
}

func (s *SmokeTest) answer(text string, in, out int64) {
	s.Answer = text[:min(len(text), longestReply)]
	s.InputTokens, s.OutputTokens = in, out
}
