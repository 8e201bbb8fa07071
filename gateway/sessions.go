package gateway

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/tidwall/gjson"

	"switchboard/gateway/openapi"
	"switchboard/gateway/role"
	"switchboard/session"
	"switchboard/session/access"
	"switchboard/session/configuration"
	"switchboard/session/hub"
)

// sessionRoutes are those with which applications create, find and end sessions.
func (g *Gateway) sessionRoutes() []openapi.Route {
	return []openapi.Route{
		{Method: "POST", Path: sessions, ID: "create-session", Tag: tagSessions, Role: role.App, Status: 201, Errors: []int{409, 502, 504},
			Summary: "Open a session",
			Text: "Opens a session with the upstream and answers when it is ready: after session.created and, with a config, session.updated. " +
				"The client secret is for the browser; it may attach to this session and nothing else.",
			Example: map[string]any{
				"config": map[string]any{"instructions": "Be brief.", "voice": "marin"}, "labels": map[string]any{"team": "support"},
			},
			Do: openapi.JSON(g.create)},
		{Method: "GET", Path: sessions, ID: "list-sessions", Tag: tagSessions, Role: role.App,
			Summary: "List the fleet's sessions",
			Text: "An app key sees its own sessions, an operator key all of them, on whichever node they run. " +
				"Ended sessions stay listed for a day. Filters select through an index: a page is empty only if no session matches. " +
				"With Accept: text/event-stream the page is sent as it is and, at most once a second, whenever it is another one.",
			Do: openapi.Followed(g.list, g.followList, openapi.Event{Type: "sessions", Text: "The page, as GET answers with it.", Example: map[string]any{
				"sessions": []any{map[string]any{"session_id": "hello", "status": "active", "states": []any{"unattended"}}}, "total": 1,
			}})},
		{Method: "GET", Path: sessions + "/{id}", ID: "get-session", Tag: tagSessions, Role: role.App, Errors: []int{404},
			Summary: "Look at a session",
			Text:    "Also of a session that has ended. Its ETag is one of its settings, not of all that is shown: If-None-Match has no effect.",
			Before:  g.owned, Do: openapi.JSON(g.get)},
		{Method: "PATCH", Path: sessions + "/{id}", ID: "update-session", Tag: tagSessions, Role: role.App, Errors: append([]int{412}, steering...),
			Summary: "Change instructions, voice, tools, …",
			Text: "Answers with the effective session once the upstream has acknowledged the change; " +
				"422 with the upstream's own error when it refused, and then nothing has changed. " +
				"With If-Match, which has the ETag of the session as it was read, 412 if its settings have changed since: " +
				"so nobody overwrites what another has changed unseen.",
			Example: map[string]any{"instructions": "Speak Dutch from now on."},
			Before:  g.owned, Do: openapi.JSON(g.update)},
		{Method: "DELETE", Path: sessions + "/{id}", ID: "end-session", Tag: tagSessions, Role: role.App, Errors: []int{404},
			Summary: "End a session",
			Text: "Clients are closed with 1000. The record says who ended it (ended_by, reason). " +
				"Ending a session that has ended answers the same.",
			Before: g.owned, Do: openapi.JSON(g.end)},
	}
}

// What is asked of sessions, and answered.
type (
	idInput struct {
		ID session.ID `path:"id" doc:"The session's ID"`
	}
	endInput struct {
		ID session.ID `path:"id" doc:"The session's ID"`
		By string     `query:"by" enum:"client" doc:"client: the caller asked for it, through the application"`
	}
	createInput struct {
		Body createBody
		host string // as the caller reached the gateway
		tls  bool
	}
	createOutput struct {
		Location string `header:"Location"`
		Body     Created
	}
	sessionOutput struct{ Body sessionView }
	taggedOutput  struct {
		ETag string `header:"ETag" doc:"Changes with what PATCH changes: configuration, instructions and labels. If-Match of PATCH takes it"`
		Body sessionView
	}
	listInput struct {
		Label  []string       `query:"label,explode" doc:"key:value; all that are given must match" example:"team:support"`
		Status session.Status `query:"status" enum:"created,active,ended,live" doc:"live: created or active"`
		Key    string         `query:"key" maxLength:"64" doc:"Name of the API key that opened them; an app key sees its own only"`
		Q      string         `query:"q" maxLength:"200" doc:"Text in the session's ID, key, model or a label (key:value), whatever its case" example:"acme"`
		State  session.State  `query:"state" enum:"reconnecting,failing,waiting,near_limit,unattended,answering" doc:"Live sessions in this state"`
		Model  string         `query:"model" maxLength:"200" doc:"Its name"`
		Node   string         `query:"node" maxLength:"2048" doc:"URL of the node that runs it, or ran it last"`
		From   time.Time      `query:"from" doc:"Created not before; RFC 3339"`
		To     time.Time      `query:"to" doc:"Created before; RFC 3339"`
		Sort   string         `query:"sort" enum:"age,cost,errors,latency,expiry" default:"age" doc:"latency: mean time to the first audio; expiry: when the connection to the upstream must be renewed"`
		Order  string         `query:"order" enum:"asc,desc" default:"desc" doc:"desc: the newest, dearest, … first"`
		Facets bool           `query:"facets" doc:"Count the values of filters, too"`
		Fields string         `query:"fields" enum:"summary" doc:"summary leaves out session, limits, policy and expires_at"`
		Limit  int            `query:"limit" minimum:"1" maximum:"200" default:"50"`
		After  string         `query:"after" doc:"next of the page before"`
		Offset int            `query:"offset" minimum:"0" maximum:"1000000" doc:"Leave out so many of those that match; not together with after"`
	}
	listOutput struct{ Body sessionList }
)

// Resolve notes how the caller reached the gateway.
func (in *createInput) Resolve(c huma.Context) []error {
	in.host, in.tls = c.Host(), c.TLS() != nil
	return nil
}

// createBody asks for a session.
type createBody struct {
	SessionID session.ID        `json:"session_id,omitempty" pattern:"^[A-Za-z0-9_-]{1,64}$" doc:"Chosen by the caller, or by the gateway if left out"`
	Config    sessionConfig     `json:"config,omitempty" nullable:"true" doc:"Short form {model, instructions, voice, tools, …} or a full GA session object"`
	Labels    map[string]string `json:"labels,omitempty" nullable:"true" maxProperties:"32" doc:"To select sessions by; keys up to 64 bytes, values up to 256"`
	Client    clientOptions     `json:"client,omitempty" doc:"The client token that comes with the session"`
	Limits    limitsBody        `json:"limits,omitempty" doc:"End the session; 0 or left out: the gateway's default"`
	ListenIn  session.ListenIn  `json:"listen_in,omitempty" enum:"never,allowed,announced" doc:"Whether operators may listen to the live audio of both sides. announced: clients get switchboard.session.listeners with how many listen. Left out: the gateway's default, which is never unless configured"`
}

// sessionConfig is an object in the short form or in the API's own, which package session reads.
type sessionConfig json.RawMessage

// UnmarshalJSON keeps what was sent.
func (s *sessionConfig) UnmarshalJSON(raw []byte) error {
	*s = bytes.Clone(raw)
	return nil
}

// Schema documents what of it is the same for all models.
func (sessionConfig) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}
}

// limitsBody is session.Limits with its bounds.
type limitsBody struct {
	MaxSeconds  int64 `json:"max_seconds,omitempty" minimum:"0" maximum:"31536000" doc:"Seconds from creation to the end"`
	IdleSeconds int64 `json:"idle_seconds,omitempty" minimum:"0" maximum:"31536000" doc:"Seconds without an event from a client or the application"`
	MaxTokens   int64 `json:"max_tokens,omitempty" minimum:"0" maximum:"1000000000000" doc:"Tokens of responses and transcriptions"`
}

// Created answers a session's creation.
type Created struct {
	SessionID    session.ID      `json:"session_id"`
	Status       session.Status  `json:"status" example:"created"`
	ClientSecret clientSecret    `json:"client_secret" doc:"For the browser: it can attach to this session and nothing else"`
	RelayURL     string          `json:"relay_url" doc:"Where the browser attaches (WebSocket)"`
	Session      json.RawMessage `json:"session" doc:"Effective API session"`
}

func (g *Gateway) create(ctx context.Context, in *createInput) (*createOutput, error) {
	if g.draining.Load() {
		return nil, hub.ErrDraining
	}
	spec, err := g.specOf(callerOf(ctx), in.Body)
	if err != nil {
		return nil, err
	}
	ctl, err := g.options.Hub.Create(ctx, spec)
	if err != nil {
		return nil, err
	}
	rec := ctl.Record()
	secret, err := g.secret(ctx, rec, spec.Policy, in.Body.Client.TTL)
	if err != nil { // without its token the session is of no use to the caller
		return nil, errors.Join(err, ctl.End(context.WithoutCancel(ctx), hub.Ending{Reason: "not created"}))
	}
	g.flush(ctx) // every node lists it from now on, and runs it on if this one is lost
	out := &createOutput{Location: "/realtime/sessions/" + string(rec.ID)}
	out.Body = Created{
		SessionID: rec.ID, Status: session.StatusCreated, ClientSecret: secret,
		RelayURL: g.relayURL(in.host, in.tls, rec.ID), Session: rec.Session,
	}
	return out, nil
}

// specOf turns a request into what the hub opens.
func (g *Gateway) specOf(who caller, b createBody) (session.Spec, error) {
	if err := checkLabels("labels", b.Labels); err != nil {
		return session.Spec{}, err
	}
	policy, err := g.policy(b.Client.Policy, g.options.Policies["voice"], "client.policy")
	if err != nil {
		return session.Spec{}, err
	}
	model, config, err := configuration.NormalizeConfig(json.RawMessage(b.Config))
	if err != nil {
		return session.Spec{}, err
	}
	config = configuration.WithTranscription(config, g.options.TranscriptionModel)
	spec := session.Spec{
		ID: cmp.Or(b.SessionID, newSessionID()), Key: who.Key.Name, Labels: b.Labels, Limits: session.Limits(b.Limits),
		Policy: policy, Model: cmp.Or(model, g.options.Model), Config: config, ListenIn: cmp.Or(b.ListenIn, g.options.ListenIn),
	}
	if gjson.GetBytes(config, "type").String() == "transcription" {
		spec.Model, spec.Intent = "", "transcription"
	}
	return spec, nil
}

func checkLabels(field string, labels map[string]string) error {
	if len(labels) > 32 {
		return &session.InvalidError{Field: field, Detail: "at most 32"}
	}
	for k, v := range labels {
		if k == "" || len(k) > 64 || strings.Contains(k, ":") {
			return &session.InvalidError{Field: field, Detail: "a key must be 1 to 64 bytes without a colon"}
		}
		if len(v) > 256 {
			return &session.InvalidError{Field: field + "." + k, Detail: "a value must be at most 256 bytes"}
		}
	}
	return nil
}

func (g *Gateway) secret(ctx context.Context, rec session.Record, p session.Policy, ttl int) (clientSecret, error) {
	grant := access.Grant{Session: rec.ID, Created: rec.CreatedAt, Key: rec.Key, Policy: p}
	token, until, err := g.issue(ctx, callerOf(ctx).Key, grant, g.tokenTTL(ttl))
	return clientSecret{Value: token, ID: access.TokenID(token), ExpiresAt: until.Unix()}, err
}

// found is a session, wherever it is: ctl is set when it runs here, and rec is then of now.
type found struct {
	ctl *hub.Controller
	rec session.Record
}

// find looks for a session of the caller's: here, elsewhere, or ended. A session that is
// none of the caller's business is not found.
func (g *Gateway) find(ctx context.Context, who caller, id session.ID) (found, error) {
	if !id.Valid() {
		return found{}, session.ErrNotFound
	}
	var f found
	if ctl, ok := g.options.Hub.Controller(id); ok {
		f = found{ctl: ctl, rec: ctl.Record()}
	} else {
		rec, err := g.options.Store.Record(ctx, id)
		switch {
		case errors.Is(err, session.ErrNotFound):
			return found{}, err
		case err != nil:
			return found{}, storeError{err}
		}
		f = found{rec: rec}
	}
	if !who.sees(f.rec.Key) {
		return found{}, session.ErrNotFound
	}
	f.rec.Reason = who.reason(f.rec.Reason)
	return f, nil
}

// running finds a session that can be steered here.
func (g *Gateway) running(ctx context.Context, who caller, id session.ID) (*hub.Controller, error) {
	f, err := g.find(ctx, who, id)
	switch {
	case err != nil:
		return nil, err
	case f.rec.Status == session.StatusEnded:
		p := asProblem(hub.ErrEnded)
		if f.rec.Reason != "" {
			p.Detail += ": " + f.rec.Reason
		}
		return nil, p
	case f.ctl == nil:
		return nil, hub.ErrLeaseLost
	}
	return f.ctl, nil
}

func (g *Gateway) get(ctx context.Context, in *idInput) (*taggedOutput, error) {
	f, err := g.find(ctx, callerOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	out := &taggedOutput{ETag: settingsTag(&f.rec), Body: view(f.rec)}
	if f.ctl != nil {
		out.Body.Viewers = g.viewers.list(in.ID)
	}
	return out, nil
}

// flush lets what this node's sessions did show in the store. A store that is away
// shows in the read that follows.
func (g *Gateway) flush(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, flushTime)
	defer cancel()
	if err := g.options.Hub.Flush(ctx); err != nil {
		g.options.Logger.Debug("journal not flushed", "err", err)
	}
}

const flushTime = 2 * time.Second

func newSessionID() session.ID { return session.ID(session.NewID("rs_")) }

// end ends a session; ending one that has ended is no error.
func (g *Gateway) end(ctx context.Context, in *endInput) (*sessionOutput, error) {
	f, err := g.find(ctx, callerOf(ctx), in.ID)
	switch {
	case err != nil:
		return nil, err
	case f.ctl == nil && f.rec.Status != session.StatusEnded:
		return nil, hub.ErrLeaseLost
	case f.ctl != nil:
		who := callerOf(ctx).Key
		g.options.Logger.Info("end of session asked for", "session", in.ID, "by", who.Name, "role", who.Role, "for", cmp.Or(in.By, "itself"))
		if err := f.ctl.End(ctx, endingBy(who, in.By)); err != nil && !errors.Is(err, hub.ErrEnded) {
			return nil, err
		}
		f.rec = f.ctl.Record()
		f.rec.Reason = callerOf(ctx).reason(f.rec.Reason)
	}
	return &sessionOutput{Body: view(f.rec)}, nil
}

// endingBy says who ends a session: a key, or the caller, for whom an application asks.
func endingBy(k Key, by string) hub.Ending {
	if by == hub.EndedByClient {
		return hub.Ending{By: hub.EndedByClient, Reason: "ended by the caller"}
	}
	e := hub.Ending{By: k.Name, Reason: "ended by " + string(k.Role) + " " + k.Name, Told: "The application ended the call"}
	if k.Role.AtLeast(role.Operator) {
		e.Told = "An operator ended the call"
	}
	return e
}
