package gateway

import (
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

// answers completes what the document says of a plain handler: what its refusals look like
// and what kind of text it answers with.
type answers struct {
	refusals []int
	content  string // of the 200
}

var untypedAnswers = map[string]answers{
	"follow-events":                 {[]int{400, 401, 403, 404, 422, 503}, "text/event-stream"},
	"follow-broadcast":              {[]int{400, 401, 403, 404, 503}, "text/event-stream"},
	"attach":                        {[]int{400, 401, 403, 404, 410, 426, 503}, ""},
	"realtime":                      {[]int{400, 403, 409, 426, 429, 502, 503, 504}, ""},
	"create-realtime-client-secret": {[]int{400, 401, 403, 413, 503}, ""},
	"metrics":                       {nil, "text/plain"},
	"openapi":                       {nil, "application/yaml"},
	"docs":                          {nil, "text/html"},
}

// completeAnswers adds the answers of untypedAnswers to op.
func completeAnswers(r huma.Registry, op *huma.Operation) {
	a := untypedAnswers[op.OperationID]
	kind, schema := "application/problem+json", huma.SchemaFromType(r, typeOf[Problem]())
	if op.Tags[0] == tagOpenAI {
		kind, schema = "application/json", openAIErrorSchema()
	}
	for _, status := range a.refusals {
		key := strconv.Itoa(status)
		if op.Responses[key] == nil {
			op.Responses[key] = &huma.Response{Description: http.StatusText(status)}
		}
		op.Responses[key].Content = map[string]*huma.MediaType{kind: {Schema: schema}}
	}
	if a.content != "" {
		op.Responses["200"].Content = map[string]*huma.MediaType{a.content: {Schema: &huma.Schema{Type: huma.TypeString}}}
	}
}

// openAIErrorSchema is openAIErrorBody, as OpenAI wraps it.
func openAIErrorSchema() *huma.Schema {
	text := &huma.Schema{Type: huma.TypeString}
	maybe := &huma.Schema{Type: huma.TypeString, Nullable: true}
	return &huma.Schema{Type: huma.TypeObject, Required: []string{"error"}, Properties: map[string]*huma.Schema{
		"error": {Type: huma.TypeObject, Required: []string{"type", "code", "message", "param"}, Properties: map[string]*huma.Schema{
			"type": text, "message": text, "code": maybe, "param": maybe,
		}},
	}}
}
