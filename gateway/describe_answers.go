package gateway

import (
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"switchboard/gateway/problem"
)

// answers completes what the document says of a plain handler: what its refusals look like
// and what kind of text it answers with.
type answers struct {
	refusals []int
	content  string // of the 200
}

var untypedAnswers = map[string]answers{
	"follow-events":                 {[]int{404, 422}, "text/event-stream"},
	"follow-broadcast":              {[]int{404}, "text/event-stream"},
	"attach":                        {[]int{400, 401, 403, 404, 410, 426, 503}, ""},
	"realtime":                      {[]int{400, 403, 409, 426, 429, 502, 503, 504}, ""},
	"create-realtime-client-secret": {[]int{429}, ""},
	"metrics":                       {nil, "text/plain"},
	"openapi":                       {nil, "application/yaml"},
	"docs":                          {nil, "text/html"},
}

// laterAnswers are the statuses of typed operations that answer before they are done, with the body of their 200.
var laterAnswers = map[string]string{"renew-session": "202"}

// completeAnswers adds the answers of untypedAnswers to op; completeRefusals adds those of all operations.
func completeAnswers(r huma.Registry, op *huma.Operation) {
	a := untypedAnswers[op.OperationID]
	for _, status := range a.refusals {
		key := strconv.Itoa(status)
		if op.Responses[key] == nil {
			op.Responses[key] = &huma.Response{Description: http.StatusText(status)}
		}
		op.Responses[key].Content = refusalContent(r, op)
	}
	if a.content != "" {
		op.Responses["200"].Content = map[string]*huma.MediaType{a.content: {Schema: &huma.Schema{Type: huma.TypeString}}}
	}
}

// completeRefusals adds to an operation what the handlers before it refuse, whatever the operation is: who asks, and with
// which body. Sockets have said all of theirs.
func completeRefusals(r huma.Registry, op *huma.Operation) {
	if op.Responses["101"] != nil {
		return
	}
	var refusals []int
	if !open(op) {
		refusals = append(refusals, 400, 401, 403, 408, 413, 500, 503)
	}
	if takesBody(op.Method) {
		refusals = append(refusals, 400, 408, 413, 415, 500)
	}
	for _, status := range refusals {
		if key := strconv.Itoa(status); op.Responses[key] == nil {
			op.Responses[key] = &huma.Response{Description: http.StatusText(status), Content: refusalContent(r, op)}
		}
	}
}

// refusalContent is what the body of a refusal of an operation looks like.
func refusalContent(r huma.Registry, op *huma.Operation) map[string]*huma.MediaType {
	if op.Tags[0] == tagOpenAI {
		return map[string]*huma.MediaType{"application/json": {Schema: openAIErrorSchema()}}
	}
	return map[string]*huma.MediaType{"application/problem+json": {Schema: huma.SchemaFromType(r, typeOf[problem.Problem]())}}
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
