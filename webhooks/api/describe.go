package api

import (
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"switchboard/gateway/problem"
	"switchboard/webhooks/batch"
	"switchboard/webhooks/tune"
)

// describeStreams documents the routes that huma does not serve.
func describeStreams(api huma.API) {
	s := schemas{api.OpenAPI().Components.Schemas}
	for _, op := range append(s.submissions(), s.streams()...) {
		op.Tags = []string{tagOf(op.Path)}
		api.OpenAPI().AddOperation(op)
	}
	for _, path := range []string{"", "/batch", "/fine-tuning"} {
		api.OpenAPI().AddOperation(s.receiver(path))
	}
	api.OpenAPI().Tags = append(api.OpenAPI().Tags,
		&huma.Tag{Name: "Batches", Description: "Submit batches of requests, and read their results."},
		&huma.Tag{Name: "Fine-tuning", Description: "Start fine-tuning jobs, follow them and try the new models."},
		&huma.Tag{Name: "Jobs", Description: "What concerns batches and fine-tuning jobs alike, and where OpenAI's webhooks arrive."},
		&huma.Tag{Name: "Inbox", Description: "The webhook events that OpenAI delivered: inspect, replay and discard them."},
		&huma.Tag{Name: "Endpoints", Description: "The webhook endpoints that OpenAI has for this project."},
		&huma.Tag{Name: "Subscriptions", Description: "Webhooks of the gateway's own, and the log of their deliveries."},
	)
}

// schemas are those of the document.
type schemas struct{ huma.Registry }

func schemaOf[T any](s schemas) *huma.Schema {
	return s.Registry.Schema(reflect.TypeFor[T](), true, "")
}

// answers describes the good answer and the statuses of refusals.
func (s schemas) answers(good, says, kind string, schema *huma.Schema, refusals ...int) map[string]*huma.Response {
	refusal := schemaOf[problem.Problem](s)
	all := map[string]*huma.Response{good: {Description: says, Content: content(kind, schema)}}
	for _, status := range refusals {
		all[strconv.Itoa(status)] = &huma.Response{Description: http.StatusText(status), Content: content("application/problem+json", refusal)}
	}
	return all
}

// submissions are what takes a file as it comes in, or JSON.
func (s schemas) submissions() []*huma.Operation {
	file := &huma.Schema{Type: huma.TypeString, Format: "binary", Description: "JSON lines; the last field"}
	refusals := []int{400, 401, 403, 404, 409, 413, 415, 422, 429, 502, 503, 504}
	batches := content("application/json", schemaOf[submission](s))
	batches["multipart/form-data"] = &huma.MediaType{Schema: object([]string{"file"}, map[string]*huma.Schema{
		"endpoint": text("Of all lines; left out if they say it"), "completion_window": text("24h if left out"),
		"metadata": text("A JSON object of texts"), "file": file,
	})}
	batches["application/jsonl"] = &huma.MediaType{Schema: text("The input file, with ?endpoint= if its lines do not say it")}
	jobs := content("application/json", schemaOf[tune.Spec](s))
	jobs["multipart/form-data"] = &huma.MediaType{Schema: object([]string{"model", "file"}, map[string]*huma.Schema{
		"model": text("The base model"), "suffix": text("Of the new model's name"), "file": file,
	})}
	return []*huma.Operation{
		{Method: "POST", Path: "/api/batches", OperationID: "submit-batch", Summary: "Submit a batch",
			Description: "As JSON with requests or the ID of an uploaded file, as multipart/form-data whose last field is the file, or as application/jsonl. " +
				"Checked line by line; 422 names the lines. Role: app.",
			Parameters:  []*huma.Param{query("endpoint", "Of application/jsonl only", huma.TypeString)},
			RequestBody: &huma.RequestBody{Required: true, Content: batches},
			Responses:   s.answers("201", "The batch", "application/json", schemaOf[batch.Batch](s), refusals...)},
		{Method: "POST", Path: "/api/fine-tuning/jobs", OperationID: "submit-tuning-job", Summary: "Start a fine-tuning job",
			Description: "As JSON with the IDs of uploaded files, or as multipart/form-data whose last field is the training file. Role: app.",
			RequestBody: &huma.RequestBody{Required: true, Content: jobs},
			Responses:   s.answers("201", "The job", "application/json", schemaOf[tune.Job](s), refusals...)},
	}
}

// resultLine describes one line of a batch's results or errors. batch.Results writes them without
// it, because a line may be larger than memory should hold.
type resultLine struct {
	CustomID   *string `json:"custom_id" nullable:"true"`
	StatusCode *int    `json:"status_code" nullable:"true" doc:"null: the request was not answered"`
	RequestID  *string `json:"request_id" nullable:"true"`
	Response   any     `json:"response" doc:"The body of the answer"`
	Error      any     `json:"error"`
	Line       int     `json:"line,omitempty" doc:"With include=request: the line of the input file"`
	Request    any     `json:"request,omitempty" doc:"With include=request: the body of the request"`
}

// streams are what is read line by line, or event by event.
func (s schemas) streams() []*huma.Operation {
	lines := []*huma.Param{parameter("path", "id", "", huma.TypeString),
		query("offset", "Lines to skip", huma.TypeInteger), query("limit", "Lines to read", huma.TypeInteger),
		query("search", "Only lines whose custom_id contains it, whatever the case; offset and limit count these", huma.TypeString),
		choice("include", "request: join each line with its request", "request"),
		choice("format", "openai: OpenAI's own file, byte for byte", "openai"),
	}
	read := func(id, path, summary, says string) *huma.Operation {
		return &huma.Operation{Method: "GET", Path: path, OperationID: id, Summary: summary, Parameters: lines,
			Responses: s.answers("200", says, "application/x-ndjson", schemaOf[resultLine](s), 401, 403, 404, 409, 422, 429, 502, 503)}
	}
	return []*huma.Operation{
		read("read-results", "/api/batches/{id}/results", "Read answered requests", "One JSON object per line"),
		read("read-errors", "/api/batches/{id}/errors", "Read requests that failed", "One JSON object per line, like results"),
		{Method: "GET", Path: "/api/events", OperationID: "follow-changes", Summary: "Follow changes",
			Description: "Server-sent events: batch.updated, fine_tuning.updated, fine_tuning.metrics, inbox.updated, file.updated, call.incoming; " +
				"resync when the last event is no longer kept. Resumes after Last-Event-ID or ?last_event_id=.",
			Parameters: []*huma.Param{parameter("header", "Last-Event-ID", "ID of the last event seen", huma.TypeString),
				query("last_event_id", "The same, for clients that cannot set the header", huma.TypeString)},
			Responses: s.answers("200", "Changes", "text/event-stream", text(""), 401, 403, 503)},
	}
}

// receiver is where OpenAI delivers; all paths are the same.
func (s schemas) receiver(path string) *huma.Operation {
	op := &huma.Operation{Method: "POST", Path: "/webhooks/openai" + path, OperationID: "receive-webhook", Summary: "OpenAI delivers here",
		Tags: []string{tagOf("/webhooks/openai")}, Security: []map[string][]string{{}},
		Description: "Verified by its signature; no API key. 200 once kept.",
		Parameters: []*huma.Param{
			signed("webhook-id", "Of the delivery; the same when it is tried again"),
			signed("webhook-timestamp", "Unix seconds, within five minutes of now"),
			signed("webhook-signature", "v1, and a signature; more of them behind blanks"),
		},
		RequestBody: &huma.RequestBody{Required: true, Content: content("application/json", object(nil, map[string]*huma.Schema{
			"id": text("Of the event"), "object": text("event"), "type": text("As batch.completed"),
			"created_at": {Type: huma.TypeInteger, Description: "Unix seconds"},
			"data":       {Type: huma.TypeObject, AdditionalProperties: true, Description: "Names the object that the event is about"},
		}))},
		Responses: s.answers("200", "Kept, now or before", "application/json", object([]string{"received"}, map[string]*huma.Schema{
			"received": {Type: huma.TypeBoolean}, "duplicate": {Type: huma.TypeBoolean, Description: "Its webhook-id came before"},
		}), 400, 401, 408, 413, 503),
	}
	if path != "" {
		op.OperationID += "-" + path[1:]
		op.Description += " The same receiver as /webhooks/openai."
	}
	return op
}

func content(kind string, schema *huma.Schema) map[string]*huma.MediaType {
	return map[string]*huma.MediaType{kind: {Schema: schema}}
}

func object(required []string, fields map[string]*huma.Schema) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, Required: required, Properties: fields}
}

func text(says string) *huma.Schema { return &huma.Schema{Type: huma.TypeString, Description: says} }

// signed is a header of Standard Webhooks.
func signed(name, says string) *huma.Param {
	p := parameter("header", name, says, huma.TypeString)
	p.Required = true
	return p
}

func query(name, says, kind string) *huma.Param { return parameter("query", name, says, kind) }

// choice is a parameter of a query that may be left out, or say one word.
func choice(name, says, word string) *huma.Param {
	p := query(name, says, huma.TypeString)
	p.Schema.Enum = []any{word}
	return p
}

func parameter(in, name, says, kind string) *huma.Param {
	return &huma.Param{Name: name, In: in, Description: says, Required: in == "path", Schema: &huma.Schema{Type: kind}}
}
