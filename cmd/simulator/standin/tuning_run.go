package standin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

const tuneSteps = 60

// runTune takes a job through its life; metadata may wish it to "fail" or its model to stay "mute".
func (a *account) runTune(t *tune, training []byte) {
	step := a.opts.TuneTime / (tuneSteps + 8)
	if !a.tunePause(t, 2*step) {
		return
	}
	lines, e := checkTraining(t.Method["type"], training)
	if e != nil {
		a.failTune(t, e)
		return
	}
	for _, next := range []struct{ status, says string }{
		{"queued", "Files validated, moving job to queued state"}, {"running", "Fine-tuning job started"},
	} {
		if !a.tunePause(t, 3*step) {
			return
		}
		a.advance(t, func() { t.Status = next.status; t.say("info", next.says) })
	}
	finish := time.Now().Add(a.opts.TuneTime).Unix()
	a.advance(t, func() {
		t.EstimatedFinish = &finish
		for name, chosen := range map[string]any{"n_epochs": 3, "batch_size": 1, "learning_rate_multiplier": 1.8} {
			if t.Hyperparameters[name] == "auto" {
				t.Hyperparameters[name] = chosen
			}
		}
	})
	for n := 1; n <= tuneSteps; n++ {
		if !a.tunePause(t, step) {
			return
		}
		if n == tuneSteps/2 && wish(t.Metadata) == "fail" {
			a.failTune(t, invalid("exceeded_quota", "", "The job failed because the metadata says so."))
			return
		}
		a.advance(t, func() { t.train(n) })
	}
	a.endTune(t, "succeeded", func() { a.succeed(t, lines) })
}

// trainingLines is how few examples a training file may have.
const trainingLines = 10

// checkTraining counts the examples of a training file.
func checkTraining(method any, content []byte) (lines int, e *apiError) {
	bad := func(format string, args ...any) *apiError {
		return invalid("invalid_training_file", "training_file", "The job failed due to an invalid training file. "+format, args...)
	}
	for raw := range bytes.Lines(content) {
		if len(bytes.TrimSpace(raw)) == 0 {
			continue
		}
		lines++
		if example := gjson.ParseBytes(raw); !gjson.ValidBytes(raw) || !example.IsObject() {
			return 0, bad("Expected file to have JSONL format, where every line is a valid JSON dictionary. Line %d is not a dictionary.", lines)
		} else if method == "supervised" && !example.Get("messages").IsArray() {
			return 0, bad("Invalid file format. Example %d is missing key \"messages\".", lines)
		}
	}
	if lines < trainingLines {
		return 0, bad("Training file has %d example(s), but must have at least %d examples.", lines, trainingLines)
	}
	return lines, nil
}

func (a *account) failTune(t *tune, e *apiError) {
	a.endTune(t, "failed", func() {
		// Strings always encode.
		t.Error, _ = json.Marshal(map[string]any{"code": e.code, "message": e.message, "param": orNull(e.param)})
		t.say("error", e.message)
	})
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
	epochs, chosen := t.Hyperparameters["n_epochs"].(float64)
	if !chosen {
		epochs = 3
	}
	trained := lines * int(epochs) * 120
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
