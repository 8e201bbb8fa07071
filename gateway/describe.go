package gateway

import (
	"fmt"
	"iter"
	"maps"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"switchboard/gateway/document"
)

// describe completes the OpenAPI document with the routes that huma does not serve, and
// mounts it with its page.
func (g *Gateway) describe() error {
	doc := g.api.OpenAPI()
	for _, op := range untyped(doc.Components.Schemas) {
		completeAnswers(doc.Components.Schemas, op)
		doc.AddOperation(op)
	}
	for op := range operations(doc) {
		completeRefusals(doc.Components.Schemas, op)
		if status := laterAnswers[op.OperationID]; status != "" {
			op.Responses[status] = &huma.Response{Description: "Accepted, and still under way", Content: op.Responses["200"].Content}
		}
	}
	explain(doc)
	doc.Tags = append(tags(), doc.Tags...) // behind ours those of what stands beside the sessions
	asYAML, err := doc.YAML()
	if err != nil {
		return fmt.Errorf("write OpenAPI document: %w", err)
	}
	asJSON, err := doc.MarshalJSON()
	if err != nil {
		return fmt.Errorf("write OpenAPI document: %w", err)
	}
	page, err := docsPage(doc)
	if err != nil {
		return fmt.Errorf("write page of the API: %w", err)
	}
	g.serveText("/openapi.yaml", "application/yaml; charset=utf-8", asYAML)
	g.serveText("/openapi.json", "application/json", asJSON)
	g.serveText("/docs", "text/html; charset=utf-8", page)
	g.serveText("/docs/style.css", "text/css; charset=utf-8", docsStyle)
	return nil
}

func (g *Gateway) serveText(path, contentType string, body []byte) {
	d := document.Compress(body)
	g.engine.Match(look, path, func(c *gin.Context) {
		c.Header("Cache-Control", "no-cache")
		c.Header("Content-Type", contentType)
		c.Header("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'")
		d.ServeHTTP(c.Writer, c.Request)
	})
}

// explain adds what a reader wants to know and a type cannot say.
func explain(doc *huma.OpenAPI) {
	texts := map[string]string{
		"create-session":       "Opens a session with the upstream and answers when it is ready: after session.created and, with a config, session.updated. The client secret is for the browser; it may attach to this session and nothing else.",
		"list-sessions":        "An app key sees its own sessions, an operator key all of them, on whichever node they run. Ended sessions stay listed for a day. Filters select through an index: a page is empty only if no session matches.",
		"get-usage":            "Of responses and transcriptions, counted within seconds. An operator key sees all API keys, an app key itself.",
		"get-session":          "Also of a session that has ended.",
		"update-session":       "Answers with the effective session once the upstream has acknowledged the change; 422 with the upstream's own error when it refused, and then nothing has changed.",
		"end-session":          "Clients are closed with 1000. The record says who ended it (ended_by, reason). Ending a session that has ended answers the same.",
		"list-items":           "Messages with their transcripts, function calls and their outputs. Of an interrupted answer, the text that was heard.",
		"send-message":         "Adds the message and, unless respond is false, asks for a response; when one is being generated, for another after it.",
		"send-function-result": "Adds the output and asks for the next response once all calls of the last one are answered. 409 when the call was answered before.",
		"cancel-response":      "Answers when the response has ended. 409 response_cancel_not_active when none was active: a normal race.",
		"renew-session":        "For operators. At the next quiet moment, or after 5 s at any, another connection to the upstream takes the place of the present one: it is told the configuration and the conversation, and clients stay attached. 200 when it is in use; 202 when that takes more than 20 s, and it goes on. If it cannot be made, the error says why and the session goes on as before.",
		"commit-audio":         "For sessions without turn detection. 409 input_audio_buffer_commit_empty when there is less than 100 ms of it.",
		"create-broadcast":     "Accepted at once, and applied on every node in the same order. Each session keeps its own instructions beneath: withdrawing the broadcast brings them back. Responses under way are not disturbed.",
		"get-broadcast":        "matched counts the sessions concerned so far, outcomes what became of them; those in neither outcome are yet to answer. nodes says who has read it.",
		"withdraw-broadcast":   "The sessions that have it go back to what their instructions are without it. withdrawal counts how far that has come. 409 when it was withdrawn before.",
		"list-outcomes":        "applied: the upstream acknowledged it. deferred: the upstream was lost meanwhile, or took nothing; the next one begins with it. refused, ended, silent: it did not come about.",
		"revoke-client-secret": "One token, by value or id, or without a body all of the session. Clients that use them are closed with 4001 at once, and attach no more. Sessions go on.",
		"create-key":           "The secret is shown once, and only a hash of it is stored. Every node knows the key within a second.",
		"list-keys":            "Those of the environment, which are read-only, and those made at run time.",
		"get-key":              "Of an admin any key, of other callers their own. self is the key that asks: what it is called and may do.",
		"delete-key":           "The key and the tokens that it issued open nothing any more, and within a second its clients are closed with 4001 on every node. Its sessions go on, for operators to look at; a later key of the same name has them. 409 for a key of the environment.",
		"revoke-key-tokens":    "All client tokens that the key has issued so far, for whichever session, or one. Clients that use them are closed with 4001 within a second on every node. The key itself stays good and may issue others.",
		"create-client-secret": "Another token for the same session, as for a second listener. Body: policy and ttl, both optional.",
	}
	for op := range operations(doc) {
		if op.Description == "" {
			op.Description = texts[op.OperationID]
		}
	}
}

// operations are those of a document, by path.
func operations(doc *huma.OpenAPI) iter.Seq[*huma.Operation] {
	return func(yield func(*huma.Operation) bool) {
		for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
			item := doc.Paths[path]
			for _, op := range []*huma.Operation{item.Post, item.Get, item.Patch, item.Delete} {
				if op != nil && !yield(op) {
					return
				}
			}
		}
	}
}

// tags are the groups of operations, in the order of the page.
func tags() []*huma.Tag {
	return []*huma.Tag{
		{Name: "Sessions", Description: "Create, find, change and end voice sessions, and see what they used."},
		{Name: "Controls", Description: "Steer a running session: messages, function results, audio, client tokens."},
		{Name: "Conversation", Description: "Follow, read and attach to a session."},
		{Name: "Broadcasts", Description: "Change the instructions of many sessions at once."},
		{Name: "API keys", Description: "Create, list and delete API keys, and revoke the client tokens that they issued."},
		{Name: tagOpenAI, Description: "OpenAI's own routes, so that an official SDK works with only its base URL changed."},
		{Name: "Operations", Description: "Health checks, metrics and this document. They need no API key."},
	}
}

// tagOpenAI marks the routes whose shapes, those of errors too, are OpenAI's.
const tagOpenAI = "OpenAI's own contract"

// untyped are the operations that are plain handlers: sockets, streams, OpenAI's and health.
func untyped(r huma.Registry) []*huma.Operation {
	id := &huma.Param{Name: "id", In: "path", Required: true, Description: "The session's ID", Schema: &huma.Schema{Type: huma.TypeString}}
	parameter := func(in, name, text string) *huma.Param {
		return &huma.Param{Name: name, In: in, Description: text, Schema: &huma.Schema{Type: huma.TypeString}}
	}
	get := func(id, path, tag, summary, text string, answers map[string]string, params ...*huma.Param) *huma.Operation {
		op := &huma.Operation{OperationID: id, Method: http.MethodGet, Path: path, Tags: []string{tag},
			Summary: summary, Description: text, Parameters: params, Responses: map[string]*huma.Response{}}
		for status, words := range answers {
			op.Responses[status] = &huma.Response{Description: words}
		}
		return op
	}
	open := []map[string][]string{{}} // no key needed
	health := get("readyz", "/readyz", "Operations", "Whether new sessions should come here",
		"503 while draining and while the store is away: nothing can be opened without its lease, though sessions that run go on.",
		nil)
	health.Security = open
	health.Responses["200"] = jsonResponse(r, "Ready", Health{})
	health.Responses["503"] = jsonResponse(r, "Draining, or the store is away", Health{})
	living := get("healthz", "/healthz", "Operations", "Whether the process answers", "", nil)
	living.Responses["200"] = jsonResponse(r, "It does", alive{})
	living.Security = open
	metrics := get("metrics", "/metrics", "Operations", "Numbers in Prometheus' format", "", map[string]string{"200": "Text"})
	metrics.Security = open
	document := get("openapi", "/openapi.yaml", "Operations", "This document", "The same in JSON is at /openapi.json.", map[string]string{"200": "OpenAPI 3.1"})
	document.Security = open
	page := get("docs", "/docs", "Operations", "This document as a page", "", map[string]string{"200": "HTML"})
	page.Security = open
	return []*huma.Operation{
		get("follow-events", sessions+"/{id}/events", "Conversation", "Follow a session (server-sent events)",
			"Every event but audio, with its type as the event's name. With Last-Event-ID first what was missed since then, without gap or double; 0 is the beginning. Without it, what happens from now on. A client whose last event is not kept, or never was, first gets an event named resync: it should read the session anew. A comment comes every 15 s. Of an ended session: what is kept, then 204.",
			map[string]string{"200": "text/event-stream", "204": "The session has ended and there is nothing more"},
			id, parameter("header", "Last-Event-ID", "ID of the last event seen"), parameter("query", "last_event_id", "The same, for clients that cannot set the header")),
		get("follow-broadcast", broadcasts+"/{id}/events", "Broadcasts", "Follow a broadcast (server-sent events)",
			"An event named progress, with the broadcast as GET shows it, whenever that has changed.",
			map[string]string{"200": "text/event-stream"},
			&huma.Param{Name: "id", In: "path", Required: true, Description: "The broadcast's ID", Schema: &huma.Schema{Type: huma.TypeString}}),
		get("attach", sessions+"/{id}/relay", "Conversation", "Attach a client (WebSocket)",
			"The wire is the Realtime protocol itself. With a client token or an API key, as Bearer or as the subprotocol openai-insecure-api-key.<token> beside realtime. Close codes 1012 and 1013 mean: attach again, with last_event_id.",
			map[string]string{"101": "Attached", "410": "The session has ended", "426": "No WebSocket handshake"},
			id, parameter("query", "last_event_id", "event_id of the last event seen, to get what was missed")),
		get("realtime", "/v1/realtime", tagOpenAI, "Open a session and attach to it (WebSocket)",
			"As api.openai.com does it, so that an official SDK works with only its base URL changed. The session ends with its client.",
			map[string]string{"101": "Open; a wrong key or model shows as an error event and a close code, as on the live API"},
			parameter("query", "model", "As with OpenAI"), parameter("query", "intent", "transcription, or left out"),
			parameter("header", "OpenAI-Safety-Identifier", "Stable hash of the end user, passed on")),
		clientSecretsOperation(r),
		living, health, metrics, document, page,
	}
}

func clientSecretsOperation(r huma.Registry) *huma.Operation {
	body := huma.SchemaFromType(r, typeOf[secretRequest]())
	return &huma.Operation{
		OperationID: "create-realtime-client-secret", Method: http.MethodPost, Path: "/v1/realtime/client_secrets",
		Tags: []string{tagOpenAI}, Summary: "Issue a token that opens a session",
		Description: "The config is bound to the token. Errors have OpenAI's shape.",
		RequestBody: &huma.RequestBody{Content: map[string]*huma.MediaType{"application/json": {Schema: body}}},
		Responses:   map[string]*huma.Response{"200": jsonResponse(r, "The token", secretAnswer{})},
	}
}

func jsonResponse[T any](r huma.Registry, text string, _ T) *huma.Response {
	schema := huma.SchemaFromType(r, typeOf[T]())
	return &huma.Response{Description: text, Content: map[string]*huma.MediaType{"application/json": {Schema: schema}}}
}
