package standin_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/webhooks"

	"switchboard/cmd/simulator/standin"
)

// quickJobs makes batches and jobs end within a test.
var quickJobs = standin.JobOptions{BatchTime: 60 * time.Millisecond, TuneTime: 60 * time.Millisecond, RetryFirst: 5 * time.Millisecond}

func sdk(url string) openai.Client {
	return openai.NewClient(option.WithBaseURL(url+"/v1/"), option.WithAPIKey(testKey), option.WithMaxRetries(0))
}

// awaitJob asks until holds.
func awaitJob(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(patience); !holds(); {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("waited for %s", what)
		}
	}
}

func upload(t *testing.T, client openai.Client, purpose openai.FilePurpose, text string) string {
	t.Helper()
	f, err := client.Files.New(t.Context(), openai.FileNewParams{File: openai.File(strings.NewReader(text), "x.jsonl", "application/jsonl"), Purpose: purpose})
	if err != nil {
		t.Fatal(err)
	}
	return f.ID
}

const batchLine = `{"custom_id":"a","method":"POST","url":"/v1/responses","body":{"model":"gpt-5","input":"say \"ahoy\""}}` + "\n"

func runBatch(t *testing.T, client openai.Client, text, wish string) *openai.Batch {
	t.Helper()
	b, err := client.Batches.New(t.Context(), openai.BatchNewParams{Endpoint: "/v1/responses", InputFileID: upload(t, client, "batch", text),
		CompletionWindow: "24h", Metadata: map[string]string{"simulator": wish}})
	if err != nil {
		t.Fatal(err)
	}
	awaitJob(t, "the batch's end", func() bool {
		if b, err = client.Batches.Get(t.Context(), b.ID); err != nil {
			t.Fatal(err)
		}
		return b.CompletedAt+b.FailedAt+b.ExpiredAt+b.CancelledAt > 0
	})
	return b
}

func TestBatchesEndAsTheirMetadataWishes(t *testing.T) {
	_, url := start(t, standin.Options{Jobs: quickJobs})
	client := sdk(url)
	two := batchLine + strings.Replace(batchLine, `"a"`, `"b"`, 1)
	b := runBatch(t, client, two, "")
	if b.Status != "completed" || b.RequestCounts.Completed != 2 || b.Usage.TotalTokens == 0 || b.ErrorFileID != "" {
		t.Fatalf("batch %s", b.RawJSON())
	}
	resp, err := client.Files.Content(t.Context(), b.OutputFileID)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); bytes.Count(text, []byte(`"text":"ahoy"`)) != 2 {
		t.Errorf("output %s", text)
	}
	if b := runBatch(t, client, two, "expire"); b.Status != "expired" || b.RequestCounts.Completed != 1 || b.ErrorFileID == "" {
		t.Errorf("expired %s", b.RawJSON())
	}
	if b := runBatch(t, client, two, "refuse"); b.Status != "failed" || b.Errors.Data[0].Line != 1 {
		t.Errorf("refused %s", b.RawJSON())
	}
	if b := runBatch(t, client, batchLine+batchLine, ""); b.Status != "failed" || b.Errors.Data[0].Code != "duplicate_custom_id" || b.Errors.Data[0].Line != 2 {
		t.Errorf("twice %s", b.RawJSON())
	}
	if b := runBatch(t, client, strings.Replace(batchLine, "ahoy", "simulator:fail", 1), ""); b.RequestCounts.Failed != 1 || b.OutputFileID != "" {
		t.Errorf("failing %s", b.RawJSON())
	}
	list := client.Batches.ListAutoPaging(t.Context(), openai.BatchListParams{Limit: openai.Int(2)})
	n := 0
	for list.Next() {
		n++
	}
	if n != 5 || list.Err() != nil {
		t.Errorf("%d listed, %v", n, list.Err())
	}
}

// examples is the smallest training file.
var examples = strings.Repeat(`{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"ahoy"}]}`+"\n", 10)

func TestBatchFilesAreCheckedLineByLine(t *testing.T) {
	_, url := start(t, standin.Options{Jobs: quickJobs})
	client := sdk(url)
	second := func(from, to string) string {
		return batchLine + strings.NewReplacer(`"a"`, `"b"`, from, to).Replace(batchLine)
	}
	for _, row := range []struct{ text, code string }{
		{batchLine + "not JSON\n", "invalid_json_line"},
		{second(`"custom_id":`, `"id":`), "missing_required_parameter"},
		{second("POST", "GET"), "invalid_method"},
		{second("/v1/responses", "/v1/embeddings"), "url_mismatch"},
		{second("gpt-5", "gpt-nope"), "model_not_found"},
		{second("gpt-5", "gpt-4.1-2025-04-14"), "model_mismatch"},
		{second(`"model":"gpt-5",`, ""), "missing_required_parameter"},
		{"\n", "invalid_json_line"},
	} {
		b := runBatch(t, client, row.text, "")
		if b.Status != "failed" || b.Errors.Data[0].Code != row.code || b.Errors.Data[0].Message == "" || b.RequestCounts.Total != 0 {
			t.Errorf("%s: %s", row.code, b.RawJSON())
		}
	}
}

func TestRefusedRESTRequests(t *testing.T) {
	_, url := start(t, standin.Options{Jobs: quickJobs})
	file := upload(t, sdk(url), "batch", batchLine)
	batch := `{"input_file_id":"` + file + `","endpoint":"/v1/responses","completion_window":"24h"`
	for _, row := range []struct{ path, body, code, param string }{
		{"/v1/batches", `{}`, "missing_required_parameter", "input_file_id"},
		{"/v1/batches", batch + `,"priority":1}`, "unknown_parameter", "priority"},
		{"/v1/batches", batch + `,"metadata":{"n":1}}`, "invalid_type", "metadata.n"},
		{"/v1/batches", batch + `,"output_expires_after":{"anchor":"created_at","seconds":60}}`, "integer_below_min_value", "output_expires_after.seconds"},
		{"/v1/batches", strings.Replace(batch, "24h", "1h", 1) + `}`, "invalid_value", "completion_window"},
		{"/v1/batches", strings.Replace(batch, file, "file-none", 1) + `}`, "", "input_file_id"},
		{"/v1/batches", `[]`, "invalid_type", ""},
		{"/v1/batches", `{`, "", ""},
		{"/v1/fine_tuning/jobs", `{"model":"gpt-4o-mini","training_file":"` + file + `"}`, "invalid_training_file", "training_file"},
		{"/v1/fine_tuning/jobs", `{"model":"gpt-4o-mini","training_file":"x","hyperparameters":{"n_epochs":51}}`, "integer_above_max_value", "hyperparameters.n_epochs"},
		{"/v1/fine_tuning/jobs", `{"model":"gpt-4o-mini","training_file":"x","epochs":3}`, "unknown_parameter", "epochs"},
		{"/v1/chat/completions", `{"messages":[]}`, "missing_required_parameter", "model"},
		{"/v1/chat/completions", `{"model":"gpt-4o-mini"}`, "missing_required_parameter", "messages"},
		{"/v1/chat/completions", `{"model":"gpt-4o-mini","messages":[]}`, "empty_array", "messages"},
		{"/v1/responses", `{"model":"gpt-5"}`, "missing_required_parameter", "input"},
		{"/v1/webhook_endpoints", `{"name":"x","url":"https://example.com"}`, "missing_required_parameter", "event_types"},
		{"/v1/webhook_endpoints", `{"name":"x","url":"https://example.com","event_types":["batch.lost"]}`, "invalid_value", "event_types[0]"},
		{"/v1/webhook_endpoints", `{"name":"x","url":"https://example.com","event_types":["batch.failed"],"signing_secret":"x"}`, "unknown_parameter", "signing_secret"},
	} {
		status, e := post(t, url+row.path, testKey, row.body)
		if status != http.StatusBadRequest || e.Get("error.code").Str != row.code || e.Get("error.param").Str != row.param {
			t.Errorf("%s %s: %d %s", row.path, row.body, status, e.Raw)
		}
	}
}

func TestFilesSayWhenTheyExpire(t *testing.T) {
	_, url := start(t, standin.Options{Jobs: quickJobs})
	client := sdk(url)
	f, err := client.Files.New(t.Context(), openai.FileNewParams{File: openai.File(strings.NewReader(examples), "x.jsonl", "application/jsonl"),
		Purpose: "fine-tune", ExpiresAfter: openai.FileNewParamsExpiresAfter{Seconds: 3600}})
	if err != nil || f.ExpiresAt-f.CreatedAt != 3600 {
		t.Errorf("file %v, %v", f, err)
	}
	_, err = client.Files.New(t.Context(), openai.FileNewParams{File: openai.File(strings.NewReader(examples), "x.jsonl", "application/jsonl"),
		Purpose: "fine-tune", ExpiresAfter: openai.FileNewParamsExpiresAfter{Seconds: 60}})
	if refused, ok := errors.AsType[*openai.Error](err); !ok || refused.Code != "integer_below_min_value" {
		t.Errorf("a minute: %v", err)
	}
	b := runBatch(t, client, batchLine, "")
	results, err := client.Files.Get(t.Context(), b.OutputFileID)
	if err != nil || results.ExpiresAt-results.CreatedAt != 30*24*3600 {
		t.Errorf("results %v, %v", results, err)
	}
	list, err := client.Files.List(t.Context(), openai.FileListParams{Purpose: openai.String("batch_output"), Order: "asc"})
	if err != nil || len(list.Data) != 1 || list.Data[0].ID != b.OutputFileID {
		t.Errorf("listed %v, %v", list, err)
	}
}

func TestBadTrainingFilesFailTheJob(t *testing.T) {
	_, url := start(t, standin.Options{Jobs: quickJobs})
	client := sdk(url)
	for _, row := range []struct{ text, says string }{
		{examples[:len(examples)/2], "at least 10 examples"}, {examples + "{", "is not a dictionary"}, {examples + "{}", "missing key"},
	} {
		j, err := client.FineTuning.Jobs.New(t.Context(), openai.FineTuningJobNewParams{Model: "gpt-4o-mini", TrainingFile: upload(t, client, "fine-tune", row.text)})
		if err != nil {
			t.Fatal(err)
		}
		awaitJob(t, "the job's end", func() bool {
			j, err = client.FineTuning.Jobs.Get(t.Context(), j.ID)
			return err == nil && j.FinishedAt > 0
		})
		if j.Status != "failed" || j.Error.Code != "invalid_training_file" || !strings.Contains(j.Error.Message, row.says) {
			t.Errorf("job %s", j.RawJSON())
		}
	}
}

func TestFineTuningMakesAModelThatAnswers(t *testing.T) {
	_, url := start(t, standin.Options{Jobs: quickJobs})
	client := sdk(url)
	j, err := client.FineTuning.Jobs.New(t.Context(), openai.FineTuningJobNewParams{Model: "gpt-4o-mini-2024-07-18", TrainingFile: upload(t, client, "fine-tune", examples)})
	if err != nil {
		t.Fatal(err)
	}
	awaitJob(t, "the model", func() bool {
		j, err = client.FineTuning.Jobs.Get(t.Context(), j.ID)
		return err == nil && j.Status == "succeeded"
	})
	chat := func(model string) error {
		_, err := client.Chat.Completions.New(t.Context(), openai.ChatCompletionNewParams{Model: model, Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage("hi")}})
		return err
	}
	if err := chat(j.FineTunedModel); err != nil {
		t.Error(err)
	}
	refused, ok := errors.AsType[*openai.Error](chat("ft:nobody"))
	if !ok || refused.StatusCode != 404 || refused.Code != "model_not_found" {
		t.Errorf("unknown model: %v", refused)
	}
	steps := 0
	events := client.FineTuning.Jobs.ListEventsAutoPaging(t.Context(), j.ID, openai.FineTuningJobListEventsParams{Limit: openai.Int(7)})
	for events.Next() {
		if events.Current().Type == "metrics" {
			steps++
		}
	}
	if steps != 60 {
		t.Errorf("%d steps", steps)
	}
}

// receiver verifies what comes with the SDK and refuses at first.
type receiver struct {
	t      *testing.T
	client openai.Client
	mu     sync.Mutex
	good   map[string]int // by webhook-id
	bad    int
	calls  int
}

func (rc *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	rc.mu.Lock()
	defer rc.mu.Unlock()
	rc.calls++
	valid(rc.t, func(s *schemas) error { return s.checkEvent("webhook", body) }, body)
	switch _, err := rc.client.Webhooks.Unwrap(body, r.Header, option.WithWebhookSecret(webhookSecret)); {
	case err != nil:
		rc.bad++
		w.WriteHeader(http.StatusUnauthorized)
	case rc.calls == 1:
		w.WriteHeader(http.StatusServiceUnavailable)
	default:
		rc.good[r.Header.Get("webhook-id")]++
	}
}

const webhookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="

func TestSamplesOfAllWebhooksAreValid(t *testing.T) {
	doc, err := document()
	if err != nil {
		t.Fatal(err)
	}
	rc := &receiver{t: t, client: openai.NewClient(option.WithAPIKey("none")), good: map[string]int{}, calls: 1}
	hook := httptest.NewServer(rc)
	t.Cleanup(hook.Close)
	jobs := quickJobs
	jobs.Webhook = standin.Endpoint{URL: hook.URL, Secret: webhookSecret}
	_, url := start(t, standin.Options{Jobs: jobs})
	for kind := range doc.events["webhook"] {
		if status, e := post(t, url+"/_simulator/webhooks", "", `{"type":"`+kind+`"}`); status != http.StatusAccepted {
			t.Errorf("%s: %d %s", kind, status, e.Raw)
		}
	}
	awaitJob(t, "one of each", func() bool {
		rc.mu.Lock()
		defer rc.mu.Unlock()
		return len(rc.good) == len(doc.events["webhook"]) && rc.bad == 0
	})
}

func TestWebhooksAreTriedAgainAndGoWrongOnDemand(t *testing.T) {
	rc := &receiver{t: t, client: openai.NewClient(option.WithAPIKey("none")), good: map[string]int{}}
	hook := httptest.NewServer(rc)
	t.Cleanup(hook.Close)
	jobs := quickJobs
	jobs.Webhook = standin.Endpoint{URL: hook.URL, Secret: webhookSecret}
	jobs.Delivery = standin.DeliveryFaults{DuplicatePercent: 100, ForgePercent: 100, DelayMS: 20}
	stand, url := start(t, standin.Options{Jobs: jobs})
	stand.Announce("batch.completed", map[string]string{"id": "batch_1"})
	awaitJob(t, "both deliveries", func() bool {
		rc.mu.Lock()
		defer rc.mu.Unlock()
		for _, n := range rc.good {
			return n == 2 && rc.bad == 2 && len(rc.good) == 1
		}
		return false
	})
	client := sdk(url)
	_, err := client.Webhooks.New(t.Context(), webhooks.WebhookNewParams{Name: "x", URL: "http://example.com", EventTypes: []string{"batch.completed"}})
	if refused, ok := errors.AsType[*openai.Error](err); !ok || refused.StatusCode != 400 {
		t.Errorf("plain http: %v", err)
	}
	made, err := client.Webhooks.New(t.Context(), webhooks.WebhookNewParams{Name: "x", URL: hook.URL, EventTypes: []string{"batch.completed"}})
	if err != nil || made.SigningSecret == "" {
		t.Fatal(err)
	}
	rotated, err := client.Webhooks.RotateSecret(t.Context(), made.ID, webhooks.WebhookRotateSecretParams{})
	if err != nil || rotated.SigningSecret == made.SigningSecret {
		t.Error("the secret did not change", err)
	}
	if tested, err := client.Webhooks.Test(t.Context(), made.ID, webhooks.WebhookTestParams{EventType: "batch.completed"}); err != nil || tested.StatusCode != 401 {
		t.Errorf("signed with the endpoint's own secret: %v %v", tested, err)
	}
}
