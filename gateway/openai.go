package gateway

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"
	"github.com/tidwall/gjson"

	"switchboard/gateway/openapi"
	"switchboard/gateway/problem"
	"switchboard/gateway/role"
	"switchboard/session"
	"switchboard/session/access"
	"switchboard/session/audit"
	"switchboard/session/configuration"
	"switchboard/session/hub"
	"switchboard/session/realtime"
)

// OpenAI's words for what went wrong; null where they have none.
type openAIErrorBody struct {
	Type    string  `json:"type"`
	Code    *string `json:"code"`
	Message string  `json:"message"`
	Param   *string `json:"param"`
}

// openAIError is a problem in OpenAI's shape. A wrong field is 400 there.
func openAIError(p *problem.Problem) (status int, body map[string]openAIErrorBody) {
	e := openAIErrorBody{Type: "invalid_request_error", Message: p.Detail, Code: optional(p.Code), Param: optional(p.Param)}
	switch {
	case p.UpstreamType != "":
		e.Type = p.UpstreamType
	case p.Status == http.StatusTooManyRequests:
		e.Type = "rate_limit_error"
	case p.Status >= 500:
		e.Type = "server_error"
	}
	if len(p.Errors) > 0 {
		e.Param = optional(strings.TrimPrefix(p.Errors[0].Location, "body."))
		e.Message = p.Errors[0].Message
		e.Code = optional(cmp.Or(p.Code, "invalid_value"))
	}
	if e.Code == nil && p.Status != http.StatusNotFound {
		kind := strings.TrimPrefix(p.Type, problem.Prefix)
		e.Code = optional(strings.ReplaceAll(kind, "-", "_"))
	}
	if status = p.Status; status == http.StatusUnprocessableEntity {
		status = http.StatusBadRequest
	}
	return status, map[string]openAIErrorBody{"error": e}
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
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

// openAIRoutes are OpenAI's own.
func (g *Gateway) openAIRoutes() []openapi.Route {
	return []openapi.Route{
		{Method: "GET", Path: "/v1/realtime", ID: "realtime", Tag: tagOpenAI, Role: role.App, Errors: []int{400, 403, 409, 426, 429, 502, 503, 504},
			Summary: "Open a session and attach to it (WebSocket)",
			Text:    "As api.openai.com does it, so that an official SDK works with only its base URL changed. The session ends with its client.",
			Do: openapi.Socket(openapi.Shape{
				Params: []*huma.Param{
					openapi.Param("query", "model", "As with OpenAI", huma.TypeString),
					openapi.Param("query", "intent", "transcription, or left out", huma.TypeString),
					openapi.Param("header", "OpenAI-Safety-Identifier", "Stable hash of the end user, passed on", huma.TypeString),
				},
				Answers: map[int]openapi.Answer{
					101: {Text: "Open; a wrong key or model shows as an error event and a close code, as on the live API"},
				},
			}, g.upgradable, g.sameOrigin, g.realtime)},
		{Method: "POST", Path: "/v1/realtime/client_secrets", ID: "create-realtime-client-secret", Tag: tagOpenAI, Role: role.App, Errors: []int{429},
			Summary: "Issue a token that opens a session",
			Text:    "The config is bound to the token. Errors have OpenAI's shape.",
			Example: map[string]any{"session": map[string]any{"type": "realtime", "model": "gpt-realtime-2.1"}},
			Do: openapi.Plain(openapi.Shape{
				Bodies:  map[string]openapi.Model{"application/json": openapi.Of[secretRequest]()},
				Answers: map[int]openapi.Answer{200: {Text: "The token", Type: "application/json", Body: openapi.Of[secretAnswer]()}},
			}, g.clientSecrets)},
	}
}

// realtime is OpenAI's own WebSocket: it opens a session and attaches to it. As the live
// API does, it lets a handshake with a wrong key through and then says what is wrong.
func (g *Gateway) realtime(c *gin.Context) {
	who, err := g.identify(c.Request)
	if err != nil {
		g.refuseSocket(c, err)
		return
	}
	spec, err := g.realtimeSpec(c, who)
	if err != nil {
		g.refuseSocket(c, err)
		return
	}
	p, leave := g.present(who)
	ctl, err := g.options.Hub.Create(c.Request.Context(), spec)
	if err != nil {
		leave()
		g.refuseSocket(c, err)
		return
	}
	g.record(who, audit.Entry{Action: "realtime", Session: spec.ID, Status: http.StatusSwitchingProtocols})
	if !g.attach(c, ctl, hub.Attachment{Policy: spec.Policy}, p, leave) {
		if err := ctl.End(context.WithoutCancel(c.Request.Context()), hub.Ending{By: hub.EndedByClient, Reason: "client did not connect"}); err != nil {
			g.options.Logger.Warn("session without a client not ended", "session", spec.ID, "err", err)
		}
	}
}

// realtimeSpec reads what a handshake asks for: of an API key the query, of a client
// token what it was issued for.
func (g *Gateway) realtimeSpec(c *gin.Context, who caller) (session.Spec, error) {
	if g.draining.Load() {
		return session.Spec{}, hub.ErrDraining
	}
	if asksForBeta(c.Request) {
		return session.Spec{}, &session.UpstreamError{Type: "invalid_request_error", Code: "beta_api_shape_disabled",
			Message: "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API."}
	}
	spec := session.Spec{
		ID: newSessionID(), Key: who.Key.Name, Policy: g.options.Policies["open"], EndWithClient: true,
		Model: c.Query("model"), Intent: c.Query("intent"),
		SafetyID: c.GetHeader("OpenAI-Safety-Identifier"), ListenIn: g.options.ListenIn,
	}
	if c.Query("call_id") != "" {
		return spec, &session.UpstreamError{Type: "invalid_request_error", Code: "invalid_value", Param: "call_id",
			Message: "This gateway does not attach to calls here."}
	}
	if who.Grant == nil {
		return spec, nil
	}
	if who.Grant.Session != "" {
		return spec, errWrongToken
	}
	return g.grantSpec(spec, who.Grant)
}

// asksForBeta tells who speaks the protocol that the live API gave up on 2026-05-12: servers
// said so in a header, browsers in a subprotocol. They would not understand an event.
func asksForBeta(r *http.Request) bool {
	return strings.Contains(r.Header.Get("OpenAI-Beta"), "realtime") ||
		strings.Contains(strings.Join(r.Header.Values("Sec-WebSocket-Protocol"), ","), "openai-beta.")
}

func (g *Gateway) grantSpec(spec session.Spec, grant *access.Grant) (session.Spec, error) {
	spec.Policy, spec.SafetyID = grant.Policy, cmp.Or(grant.SafetyID, spec.SafetyID)
	if len(grant.Config) == 0 {
		return spec, nil
	}
	bound, err := g.unsealed(grant)
	if err != nil {
		return spec, err
	}
	model, config, err := configuration.NormalizeConfig(bound)
	if err != nil {
		return spec, err
	}
	spec.Model, spec.Config = cmp.Or(model, spec.Model), config
	if gjson.GetBytes(config, "type").String() == "transcription" {
		spec.Model, spec.Intent = "", "transcription"
	}
	return spec, nil
}

// refuseSocket passes on what the upstream would have said on the socket; what it would
// have said by HTTP, and the gateway's own troubles, stay HTTP.
func (g *Gateway) refuseSocket(c *gin.Context, err error) {
	var (
		upstream *session.UpstreamError
		closed   *session.CloseError
	)
	switch {
	case errors.As(err, &upstream) && upstream.Status != 0:
		g.fail(c, err)
		return
	case upstream != nil:
	case errors.Is(err, errNoCredential):
		upstream = &session.UpstreamError{Type: "invalid_request_error", Message: "Missing bearer or basic authentication in header"}
	case errors.Is(err, errWrongKey), errors.Is(err, errToken), errors.Is(err, errWrongToken):
		upstream = &session.UpstreamError{Type: "invalid_request_error", Code: "invalid_api_key",
			Message: "Incorrect API key provided: " + asProblem(err).Detail + "."}
	default:
		g.fail(c, err)
		return
	}
	g.options.Logger.Warn("socket refused by the upstream", "err", upstream)
	upstream = realtime.PlainError(upstream)
	code := closeCode(upstream)
	if errors.As(err, &closed) {
		code = closed.Code
	}
	g.sayAndClose(c, upstream, code)
}

// closeCode is what the live API closes with after an error at the start (live-facts of 2026-09).
func closeCode(e *session.UpstreamError) int {
	if e.Code == "" || e.Class() == session.Account {
		return 3000
	}
	return 4000
}

// sayAndClose accepts the socket, sends one error event and closes.
func (g *Gateway) sayAndClose(c *gin.Context, e *session.UpstreamError, code int) {
	event, err := json.Marshal(map[string]any{
		"type": "error", "event_id": "event_" + rand.Text(),
		"error": map[string]any{"type": e.Type, "code": optional(e.Code), "message": e.Message, "param": optional(e.Param), "event_id": nil},
	})
	if err != nil {
		g.fail(c, err)
		return
	}
	conn, err := g.upgrade(c, g.options.FrameBytes, nil)
	if err != nil {
		return
	}
	reason := e.Type
	if e.Code != "" {
		reason += "." + e.Code
	}
	if _, err := conn.Write(session.NewFrame(event), session.AtOnce); err == nil {
		_ = conn.Flush() // a client that is gone already is no error
	}
	_ = conn.Close(code, reason)
}
