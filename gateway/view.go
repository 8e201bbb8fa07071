package gateway

import (
	"cmp"
	"encoding/json"
	"net/url"
	"time"

	"github.com/tidwall/gjson"

	"switchboard/gateway/role"
	"switchboard/session"
	"switchboard/session/configuration"
	"switchboard/session/realtime"
	"switchboard/session/survey"
)

// sessionView is a session as the API shows it.
type sessionView struct {
	SessionID  session.ID        `json:"session_id"`
	Status     session.Status    `json:"status" enum:"created,active,ended" doc:"Only moves forward"`
	Reason     string            `json:"reason,omitempty" doc:"Why it ended"`
	EndedBy    string            `json:"ended_by,omitempty" doc:"Who ended it: the name of an API key; client: the caller; limit: a limit was reached; server: the gateway or the upstream could not go on"`
	TraceID    string            `json:"trace_id,omitempty" doc:"OpenTelemetry trace, if the session is traced"`
	Key        string            `json:"key" doc:"Name of the API key that opened it"`
	Node       string            `json:"node,omitempty" doc:"Node that runs it, or ran it last"`
	Labels     map[string]string `json:"labels,omitempty"`
	Limits     *session.Limits   `json:"limits,omitempty"`
	Policy     string            `json:"policy,omitempty" doc:"Policy of its client tokens, unless a token has its own"`
	Model      string            `json:"model,omitempty"`
	Session    json.RawMessage   `json:"session,omitempty" doc:"Effective API session as the upstream last reported it"`
	Told       *instructions     `json:"instructions,omitempty" doc:"Of what the model's instructions consist; session.instructions is the whole"`
	Usage      session.Usage     `json:"usage"`
	CostUSD    costUSD           `json:"cost_usd" doc:"What its usage costs; unknown if a model that it uses has no price"`
	Dropped    session.Dropped   `json:"dropped,omitzero" doc:"What was dropped from the conversation to keep it within its limits"`
	Clients    int               `json:"clients" doc:"Clients attached now"`
	ListenIn   session.ListenIn  `json:"listen_in" enum:"never,allowed,announced" doc:"Whether operators may listen to it"`
	Listeners  int               `json:"listeners" doc:"Operators who listen now"`
	Responding bool              `json:"responding" doc:"A response is being generated"`
	States     []session.State   `json:"states" nullable:"false" enum:"reconnecting,failing,waiting,near_limit,unattended,answering" doc:"Of a live session what an operator should know, the worst first. waiting: for the result of a function call; near_limit: nine tenths of its time or tokens are used; unattended: no client is attached"`
	Viewers    []Viewer          `json:"viewers,omitempty" nullable:"false" doc:"Whose pages show the session now; only in the answer for one session"`
	Errors     int64             `json:"errors" doc:"Errors of its upstream, normal races left out"`
	Latency    session.Latency   `json:"latency" doc:"How long its responses took to be heard"`
	CreatedAt  time.Time         `json:"created_at"`
	UpdatedAt  time.Time         `json:"updated_at"`
	EndedAt    time.Time         `json:"ended_at,omitzero"`
	ExpiresAt  time.Time         `json:"expires_at,omitzero" doc:"When the present connection to the upstream must be renewed"`
}

// instructions are a session's own, and what broadcasts make of them.
type instructions struct {
	Own        string              `json:"own" doc:"The session's own; what PATCH changes"`
	Broadcasts []session.Broadcast `json:"broadcasts" nullable:"false" doc:"In effect, in their order; one with mode replace takes the place of all before it"`
}

func instructionsOf(r *session.Record) *instructions {
	own := gjson.GetBytes(r.Session, "instructions")
	if !own.Exists() {
		return nil
	}
	if r.Overlay.Based {
		return &instructions{Own: r.Overlay.Base, Broadcasts: append([]session.Broadcast{}, r.Overlay.Standing...)}
	}
	return &instructions{Own: own.Str, Broadcasts: []session.Broadcast{}}
}

func view(r session.Record) sessionView {
	return sessionView{
		SessionID: r.ID, TraceID: r.TraceID, Status: r.Status, Reason: r.Reason, EndedBy: r.EndedBy, Key: r.Key, Node: r.Node,
		Labels: r.Labels, Limits: &r.Limits, Policy: r.Policy.Name, Model: r.Model, Session: configuration.ShownSession(r.Session),
		Told: instructionsOf(&r), Usage: r.Usage, Dropped: r.Dropped, CostUSD: costUSD(r.Cost), Clients: r.Clients, ListenIn: cmp.Or(r.ListenIn, session.ListenNever), Listeners: r.Listeners, Responding: r.Responding,
		States: append([]session.State{}, survey.States(&r, time.Now())...), Errors: r.Errors, Latency: r.Latency,
		CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, EndedAt: r.EndedAt, ExpiresAt: r.ExpiresAt,
	}
}

// reason is why a session ended, as the caller may read it: what the upstream said of its account
// is for operators.
func (c caller) reason(of string) string {
	if c.Key.Role.AtLeast(role.Operator) {
		return of
	}
	return realtime.PlainText("", of)
}

// summary leaves out what a list of many sessions does not show.
func summary(v sessionView) sessionView {
	v.Session, v.Told, v.Limits, v.Policy, v.ExpiresAt = nil, nil, nil, "", time.Time{}
	return v
}

// clientSecret is a client token as OpenAI's contract has it.
type clientSecret struct {
	Value     string `json:"value" doc:"The token; shown once" example:"ek_…"`
	ID        string `json:"id" doc:"Names the token, to revoke it" example:"tok_…"`
	ExpiresAt int64  `json:"expires_at" doc:"Unix seconds until when it must have been used first"`
}

// relayURL is where a client attaches, as the caller reaches this gateway.
func (g *Gateway) relayURL(host string, tls bool, id session.ID) string {
	u := url.URL{Scheme: "ws", Host: host}
	if tls {
		u.Scheme = "wss"
	}
	if g.options.PublicURL != nil {
		u = *g.options.PublicURL
		u.Scheme = map[string]string{"http": "ws", "https": "wss"}[u.Scheme]
	}
	return u.JoinPath("realtime", "sessions", string(id), "relay").String()
}
