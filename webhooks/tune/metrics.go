package tune

import (
	"context"
	"slices"

	"github.com/openai/openai-go/v3"
	"github.com/tidwall/gjson"
)

// Point is a step's metrics; what was not measured at a step is absent.
type Point struct {
	Step          int64    `json:"step"`
	TrainLoss     *float64 `json:"train_loss,omitempty"`
	TrainAccuracy *float64 `json:"train_mean_token_accuracy,omitempty"`
	ValidLoss     *float64 `json:"valid_loss,omitempty"`
	ValidAccuracy *float64 `json:"valid_mean_token_accuracy,omitempty"`
	FullValidLoss *float64 `json:"full_valid_loss,omitempty"`
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
func (s *Jobs) Events(ctx context.Context, id, after string, limit int64) (list []JobEvent, next string, err error) {
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
func (s *Jobs) Checkpoints(ctx context.Context, id string) ([]Checkpoint, error) {
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
func (s *Jobs) Metrics(ctx context.Context, id string) ([]Point, error) {
	points := []Point{}
	pages := s.api.FineTuning.Jobs.ListEventsAutoPaging(ctx, id, openai.FineTuningJobListEventsParams{Limit: openai.Int(eventPage)})
	for n := 0; n < mostEvents && pages.Next(); n++ {
		if p, ok := metricsOf(pages.Current()); ok {
			points = append(points, p)
		}
	}
	slices.SortStableFunc(points, func(a, b Point) int { return int(a.Step - b.Step) })
	return points, pages.Err()
}

// showMetrics shows the points that came since the last look.
func (s *Jobs) showMetrics(ctx context.Context, id string) error {
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
		s.show(ctx, "fine_tuning.metrics", map[string]any{"id": id, "points": points})
	}
	return s.records.Write(ctx, id, "last_event", page.Data[0].ID)
}

func metricsOf(e openai.FineTuningJobEvent) (Point, bool) {
	if e.Type != openai.FineTuningJobEventTypeMetrics {
		return Point{}, false
	}
	p := point(gjson.Get(e.RawJSON(), "data"))
	return p, p.TrainLoss != nil || p.ValidLoss != nil || p.FullValidLoss != nil
}

func point(m gjson.Result) Point {
	number := func(name string) *float64 {
		if v := m.Get(name); v.Type == gjson.Number {
			return &v.Num
		}
		return nil
	}
	return Point{
		Step: m.Get("step").Int(), TrainLoss: number("train_loss"), TrainAccuracy: number("train_mean_token_accuracy"),
		ValidLoss: number("valid_loss"), ValidAccuracy: number("valid_mean_token_accuracy"), FullValidLoss: number("full_valid_loss"),
	}
}
