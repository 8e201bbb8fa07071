package tune

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/openai/openai-go/v3"
	"github.com/tidwall/gjson"

	"switchboard/webhooks/records"
)

// Point is a step's metrics by their names at OpenAI, "step" among them; what was not measured at a step is absent. Which
// there are depends on the method: train_loss, valid_loss and token accuracies; of DPO and reinforcement rewards, too.
type Point map[string]float64

const (
	mostMetrics = 64 // of a point
	longestName = 128
)

// Schema is asked by huma for the document.
func (Point) Schema(huma.Registry) *huma.Schema {
	number := func(says string) *huma.Schema { return &huma.Schema{Type: huma.TypeNumber, Description: says} }
	return &huma.Schema{Type: huma.TypeObject, Required: []string{"step"}, AdditionalProperties: number("Another metric of the job's method"),
		Properties: map[string]*huma.Schema{
			"step": {Type: huma.TypeInteger}, "train_loss": number(""), "train_mean_token_accuracy": number(""), "valid_loss": number(""),
			"valid_mean_token_accuracy": number(""), "full_valid_loss": number(""), "full_valid_mean_token_accuracy": number(""),
			"train_mean_reward": number("Of reinforcement"), "valid_mean_reward": number("Of reinforcement"),
		}}
}

const (
	eventPage  = 100
	mostEvents = 10_000 // read for the curves of one job
)

// JobEvent is one line of a job's own log.
type JobEvent struct {
	ID        string `json:"id"`
	CreatedAt int64  `json:"created_at"`
	Level     string `json:"level"`
	Message   string `json:"message"`
	Type      string `json:"type"`
	Data      any    `json:"data,omitempty"`
}

// Events fetches a page of a job's log, newest first.
func (s *Jobs) Events(ctx context.Context, who records.Viewer, id, after string, limit int64) (list []JobEvent, next string, err error) {
	if err := s.Allow(ctx, who, id); err != nil {
		return nil, "", err
	}
	params := openai.FineTuningJobListEventsParams{Limit: openai.Int(limit)}
	if after != "" {
		params.After = openai.String(after)
	}
	page, err := s.api.FineTuning.Jobs.ListEvents(ctx, id, params)
	if err != nil {
		return nil, "", err
	}
	for _, e := range page.Data {
		list = append(list, JobEvent{e.ID, e.CreatedAt, string(e.Level), e.Message, string(e.Type), e.Data})
	}
	if page.HasMore && len(list) > 0 {
		next = list[len(list)-1].ID
	}
	return list, next, nil
}

// Checkpoint is a model kept on the way.
type Checkpoint struct {
	ID        string `json:"id"`
	CreatedAt int64  `json:"created_at"`
	Model     string `json:"fine_tuned_model_checkpoint"`
	Step      int64  `json:"step_number"`
	Metrics   Point  `json:"metrics"`
}

// Checkpoints fetches a job's checkpoints, newest first.
func (s *Jobs) Checkpoints(ctx context.Context, who records.Viewer, id string) ([]Checkpoint, error) {
	if err := s.Allow(ctx, who, id); err != nil {
		return nil, err
	}
	page, err := s.api.FineTuning.Jobs.Checkpoints.List(ctx, id, openai.FineTuningJobCheckpointListParams{})
	if err != nil {
		return nil, err
	}
	list := make([]Checkpoint, 0, len(page.Data))
	for _, c := range page.Data {
		list = append(list, Checkpoint{c.ID, c.CreatedAt, c.FineTunedModelCheckpoint, c.StepNumber, point(gjson.Parse(c.Metrics.RawJSON()))})
	}
	return list, nil
}

// Metrics fetches all points of a job's curves, by step.
func (s *Jobs) Metrics(ctx context.Context, who records.Viewer, id string) ([]Point, error) {
	if err := s.Allow(ctx, who, id); err != nil {
		return nil, err
	}
	points := []Point{}
	pages := s.api.FineTuning.Jobs.ListEventsAutoPaging(ctx, id, openai.FineTuningJobListEventsParams{Limit: openai.Int(eventPage)})
	for n := 0; n < mostEvents && pages.Next(); n++ {
		if p, ok := metricsOf(pages.Current()); ok {
			points = append(points, p)
		}
	}
	slices.SortStableFunc(points, func(a, b Point) int { return cmp.Compare(a["step"], b["step"]) })
	return points, pages.Err()
}

// showMetrics shows the points that came since the last look.
func (s *Jobs) showMetrics(ctx context.Context, j *Job) error {
	id := j.ID
	record, err := s.records.Get(ctx, id)
	if err != nil {
		return err
	}
	page, err := s.api.FineTuning.Jobs.ListEvents(ctx, id, openai.FineTuningJobListEventsParams{Limit: openai.Int(eventPage)})
	if err != nil || len(page.Data) == 0 {
		return err
	}
	var points []Point
	for _, e := range page.Data {
		if e.ID == record.Own["last_event"] {
			break
		}
		if p, ok := metricsOf(e); ok {
			points = append(points, p)
		}
	}
	if len(points) > 0 {
		slices.Reverse(points)
		s.Show(ctx, "metrics", j.Key, map[string]any{"id": id, "points": points})
	}
	return s.records.Write(ctx, id, "last_event", page.Data[0].ID)
}

func metricsOf(e openai.FineTuningJobEvent) (Point, bool) {
	if e.Type != openai.FineTuningJobEventTypeMetrics {
		return Point{}, false
	}
	p := point(gjson.Get(e.RawJSON(), "data"))
	return p, len(p) > 1
}

// point keeps the numbers of an event's data, whatever their names are.
func point(m gjson.Result) Point {
	p := Point{"step": m.Get("step").Num}
	m.ForEach(func(name, v gjson.Result) bool {
		if v.Type == gjson.Number && name.Str != "total_steps" && len(name.Str) <= longestName && !math.IsInf(v.Num, 0) {
			p[name.Str] = v.Num
		}
		return len(p) < mostMetrics
	})
	return p
}
