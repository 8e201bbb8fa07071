package standin

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"strings"
	"time"
)

const tuneSteps = 60

// runTune takes a job through its life; metadata may wish it to "fail" or its model to stay "mute".
func (a *account) runTune(t *tune, lines int) {
	step := a.opts.TuneTime / (tuneSteps + 8)
	for _, next := range []struct{ status, says string }{
		{"queued", "Files validated, moving job to queued state"}, {"running", "Fine-tuning job started"},
	} {
		if !a.tunePause(t, 4*step) {
			return
		}
		a.advance(t, func() { t.Status = next.status; t.say("info", next.says) })
	}
	finish := time.Now().Add(a.opts.TuneTime).Unix()
	a.advance(t, func() {
		t.EstimatedFinish = &finish
		t.Hyperparameters["n_epochs"], t.Hyperparameters["batch_size"], t.Hyperparameters["learning_rate_multiplier"] = 3, 1, 1.8
	})
	for n := 1; n <= tuneSteps; n++ {
		if !a.tunePause(t, step) {
			return
		}
		if n == tuneSteps/2 && wish(t.Metadata) == "fail" {
			a.endTune(t, "failed", func() {
				t.Error = json.RawMessage(`{"code":"exceeded_quota","message":"The job failed because the metadata says so.","param":null}`)
				t.say("error", "The job failed because the metadata says so.")
			})
			return
		}
		a.advance(t, func() { t.train(n) })
	}
	a.endTune(t, "succeeded", func() { a.succeed(t, lines) })
}

// tunePause is false when the job was cancelled, of which it tells, or the stand-in closes.
func (a *account) tunePause(t *tune, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-t.cancelled:
		a.announce("fine_tuning.job.cancelled", map[string]any{"id": t.ID})
	case <-a.life.Done():
	}
	return false
}

// advance changes a job unless it was cancelled.
func (a *account) advance(t *tune, change func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if t.Status != "cancelled" {
		change()
	}
}

func (a *account) endTune(t *tune, status string, change func()) {
	ended := false
	a.advance(t, func() {
		t.Status, t.FinishedAt, t.EstimatedFinish, ended = status, stamp(), nil, true
		change()
	})
	if !ended {
		status = "cancelled"
	}
	a.announce("fine_tuning.job."+status, map[string]any{"id": t.ID})
}

// train adds a step's metrics, and a checkpoint after each third; the caller holds mu.
func (t *tune) train(n int) {
	progress := float64(n) / tuneSteps
	loss := 0.4 + 2.2*math.Exp(-4*progress) + 0.15*(rand.Float64()-0.5)
	metrics := map[string]any{"step": n, "total_steps": tuneSteps, "train_loss": round(loss),
		"train_mean_token_accuracy": round(1 - loss/3.2)}
	message := fmt.Sprintf("Step %d/%d: training loss=%.2f", n, tuneSteps, loss)
	if n%5 == 0 {
		valid := loss + 0.1 + 0.1*rand.Float64()
		metrics["valid_loss"], metrics["valid_mean_token_accuracy"] = round(valid), round(1-valid/3.2)
		message += fmt.Sprintf(", validation loss=%.2f", valid)
	}
	t.say("info", message)
	last := t.events[len(t.events)-1]
	last.Type, last.Data = "metrics", metrics
	if n%(tuneSteps/3) == 0 {
		metrics := maps.Clone(metrics)
		delete(metrics, "total_steps") // a checkpoint does not say
		t.checkpoints = append(t.checkpoints, &checkpoint{ID: newID("ftckpt_"), Object: "fine_tuning.job.checkpoint", CreatedAt: time.Now().Unix(),
			Model: fmt.Sprintf("ft:%s:simulator::%s:ckpt-step-%d", t.Model, t.ID[len(t.ID)-6:], n), Step: n, Metrics: metrics, Job: t.ID})
		t.say("info", fmt.Sprintf("Checkpoint created at step %d", n))
	}
}

func round(x float64) float64 { return math.Round(x*10000) / 10000 }

// succeed makes the model and the result file; the caller holds mu.
func (a *account) succeed(t *tune, lines int) {
	model := fmt.Sprintf("ft:%s:simulator:%s:%s", t.Model, t.suffix, t.ID[len(t.ID)-8:])
	trained := lines * 3 * 120
	t.FineTunedModel, t.TrainedTokens = &model, &trained
	var csv strings.Builder
	csv.WriteString("step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy\n")
	for _, e := range t.events {
		if e.Type == "metrics" {
			fmt.Fprintf(&csv, "%v,%v,%v,%v,%v\n", e.Data["step"], e.Data["train_loss"], e.Data["train_mean_token_accuracy"],
				orEmpty(e.Data["valid_loss"]), orEmpty(e.Data["valid_mean_token_accuracy"]))
		}
	}
	f := newFile("step_metrics.csv", "fine-tune-results", []byte(csv.String()))
	a.files = keep(a.files, f)
	t.ResultFiles = []string{f.ID}
	t.say("info", "New fine-tuned model created")
	t.say("info", "The job has successfully completed")
}

func orEmpty(v any) any {
	if v == nil {
		return ""
	}
	return v
}
