package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"
	"github.com/tidwall/sjson"

	"switchboard/gateway/openapi"
	"switchboard/gateway/problem"
	"switchboard/gateway/role"
	"switchboard/session"
	"switchboard/session/configuration"
	"switchboard/session/hub"
)

// steering is how a command to a session may be refused.
var steering = []int{404, 409, 410, 502, 504}

// controlRoutes are those with which applications steer a session.
func (g *Gateway) controlRoutes() []openapi.Route {
	return []openapi.Route{
		{Method: "POST", Path: sessions + "/{id}/message", ID: "send-message", Tag: tagControls, Role: role.App, Errors: steering,
			Summary: "Say something and have it answered",
			Text: "Adds the message and, unless respond is false, asks for a response; when one is being generated, for another after it. " +
				"With private, the model is told in confidence: a system message without a response, which clients are never shown, " +
				"and which stays over renewals and hand-overs.",
			Example: map[string]any{"text": "Say hello."},
			Before:  g.owned, Do: openapi.JSON(g.message)},
		{Method: "POST", Path: sessions + "/{id}/function-result", ID: "send-function-result", Tag: tagControls, Role: role.App, Errors: steering,
			Summary: "Answer a function call",
			Text:    "Adds the output and asks for the next response once all calls of the last one are answered. 409 when the call was answered before.",
			Example: map[string]any{"call_id": "call_…", "output": `{"temperature":21}`},
			Before:  g.owned, Do: openapi.JSON(g.functionResult)},
		{Method: "POST", Path: sessions + "/{id}/cancel", ID: "cancel-response", Tag: tagControls, Role: role.App, Errors: steering,
			Summary: "Stop the response being generated",
			Text:    "Answers when the response has ended. 409 response_cancel_not_active when none was active: a normal race.",
			Before:  g.owned, Do: openapi.JSON(g.cancel)},
		{Method: "POST", Path: sessions + "/{id}/audio/commit", ID: "commit-audio", Tag: tagControls, Role: role.App, Errors: steering,
			Summary: "Make the input audio an item",
			Text:    "For sessions without turn detection. 409 input_audio_buffer_commit_empty when there is less than 100 ms of it.",
			Before:  g.owned, Do: openapi.JSON(g.commit)},
		{Method: "POST", Path: sessions + "/{id}/audio/clear", ID: "clear-audio", Tag: tagControls, Role: role.App, Errors: steering,
			Summary: "Forget the input audio",
			Before:  g.owned, Do: openapi.JSON(g.clear)},
		{Method: "POST", Path: sessions + "/{id}/client-secret", ID: "create-client-secret", Tag: tagControls, Role: role.App, Status: 201, Errors: steering,
			Summary: "Issue another client token",
			Text:    "Another token for the same session, as for a second listener. Body: policy and ttl, both optional.",
			Example: map[string]any{"policy": "voice", "ttl": 600},
			Before:  g.owned, Do: openapi.JSON(g.clientSecret)},
		{Method: "POST", Path: sessions + "/{id}/client-secret/revoke", ID: "revoke-client-secret", Tag: tagControls, Role: role.App, Errors: steering,
			Summary: "Revoke client tokens",
			Text: "One token, by value or id, or without a body all of the session. " +
				"Clients that use them are closed with 4001 at once, and attach no more. Sessions go on.",
			Before: g.owned, Do: openapi.JSON(g.revoke)},
		{Method: "POST", Path: sessions + "/{id}/renew", ID: "renew-session", Tag: tagControls, Role: role.Operator, Later: 202, Errors: steering,
			Summary: "Replace the session's upstream",
			Text: "For operators. At the next quiet moment, or after 5 s at any, another connection to the upstream takes the place of the present one: " +
				"it is told the configuration and the conversation, and clients stay attached. 200 when it is in use; 202 when that takes more than 20 s, " +
				"and it goes on. If it cannot be made, the error says why and the session goes on as before.",
			Before: g.owned, Do: openapi.JSON(g.renew)},
	}
}

// What steers one, and the answers to that.
type (
	updateInput struct {
		ID      session.ID    `path:"id" doc:"The session's ID"`
		IfMatch string        `header:"If-Match" doc:"ETags of the session. If it has none of them any more, because its settings have changed since, nothing is done: 412" example:"\"2jmj7l5rSw0yVb_v\""`
		Body    sessionConfig `doc:"Fields to change: instructions, voice, tools, … or a partial GA session object; and labels, to be set or, with null, removed"`
	}
	messageInput struct {
		ID   session.ID `path:"id" doc:"The session's ID"`
		Body struct {
			Text    string `json:"text" minLength:"1" doc:"What is said"`
			Role    string `json:"role,omitempty" enum:"user,system,assistant" default:"user" doc:"Who says it"`
			Respond *bool  `json:"respond,omitempty" default:"true" doc:"Ask for a response to it"`
			Private bool   `json:"private,omitempty" doc:"Tell only the model: a system message without a response, whatever role and respond say"`
		}
	}
	functionResultInput struct {
		ID   session.ID `path:"id" doc:"The session's ID"`
		Body struct {
			CallID string `json:"call_id" minLength:"1" doc:"Of the function call"`
			Output string `json:"output" doc:"What the function returned, as text or JSON text"`
		}
	}
	clientSecretInput struct {
		ID   session.ID     `path:"id" doc:"The session's ID"`
		Body *clientOptions // may be left out
	}
	clientSecretOutput struct{ Body clientSecret }
	sentOutput         struct{ Body Sent }
	renewedOutput      struct {
		Status int
		Body   renewed
	}
)

// renewed answers a renewal.
type renewed struct {
	SessionID session.ID      `json:"session_id"`
	Status    string          `json:"status" enum:"renewed,pending" doc:"pending: it takes longer, and goes on; with 202"`
	Reason    string          `json:"reason" doc:"Why the upstream was replaced: requested, or what came before that: expiring, upstream_lost, failing" example:"requested"`
	Items     int             `json:"items" doc:"Items of the conversation; the new upstream was told all that have something to say"`
	Dropped   []string        `json:"dropped,omitempty" nullable:"false" doc:"Fields of the configuration that the new upstream refused"`
	Session   json.RawMessage `json:"session" doc:"Effective API session"`
	ExpiresAt time.Time       `json:"expires_at,omitzero" doc:"When the connection to the upstream that is in use now must be renewed"`
}

// Sent answers a control that the upstream has acknowledged.
type Sent struct {
	Status string `json:"status" enum:"sent,cancelled,committed,cleared"`
	ItemID string `json:"item_id,omitempty" doc:"The conversation item that was made"`
}

func (g *Gateway) update(ctx context.Context, in *updateInput) (*taggedOutput, error) {
	ctl, err := g.running(ctx, callerOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	wanted, err := unchanged(in.IfMatch)
	if err != nil {
		return nil, err
	}
	labels, body, err := labelsOf(json.RawMessage(in.Body))
	if err != nil {
		return nil, err
	}
	change := hub.Change{Labels: labels, If: wanted}
	fields := fieldsOfPatch(body)
	if labels == nil || len(fields) > 0 {
		if change.Session, err = patchOf(body); err != nil {
			return nil, err
		}
		fields = fieldsOfPatch(change.Session)
	}
	effective, err := ctl.Change(ctx, change)
	if err != nil {
		return nil, err
	}
	if labels != nil {
		fields = append(fields, "labels")
	}
	note(ctx, ctl, hub.Command{Name: "update", Fields: fields})
	rec := ctl.Record()
	if effective != nil {
		rec.Session = effective
	}
	return &taggedOutput{ETag: settingsTag(&rec), Body: view(rec)}, nil
}

// labelsOf takes changes of labels out of an update: by name, nil removes one. Without any it is nil.
func labelsOf(body json.RawMessage) (changes map[string]*string, rest json.RawMessage, err error) {
	given := gjson.GetBytes(body, "labels")
	if !given.Exists() {
		return nil, body, nil
	}
	if json.Unmarshal([]byte(given.Raw), &changes) != nil || changes == nil {
		return nil, nil, &session.InvalidError{Field: "labels", Detail: "want an object of texts, or null to remove one"}
	}
	set := map[string]string{}
	for name, value := range changes {
		set[name] = ""
		if value != nil {
			set[name] = *value
		}
	}
	if err := checkLabels("labels", set); err != nil {
		return nil, nil, err
	}
	rest, err = sjson.DeleteBytes(body, "labels")
	return changes, rest, err
}

// patchOf turns the short form or a GA object into a partial session, whose type is the caller's or left out.
func patchOf(body json.RawMessage) (json.RawMessage, error) {
	var invalid *session.InvalidError
	model, patch, err := configuration.NormalizeConfig(body)
	switch {
	case errors.As(err, &invalid):
		return nil, &session.InvalidError{Field: strings.TrimPrefix(strings.TrimPrefix(invalid.Field, "config"), "."), Detail: invalid.Detail}
	case err != nil:
		return nil, err
	case model != "":
		return nil, &session.InvalidError{Field: "model", Detail: "the model of a session cannot be changed"}
	}
	fields := len(gjson.ParseBytes(patch).Map()) - 1 // but for the type
	if !gjson.GetBytes(body, "type").Exists() {
		if patch, err = sjson.DeleteBytes(patch, "type"); err != nil {
			return nil, err
		}
	}
	if fields < 1 {
		return nil, &session.InvalidError{Detail: "there is nothing to change"}
	}
	return patch, nil
}

func (g *Gateway) message(ctx context.Context, in *messageInput) (*sentOutput, error) {
	ctl, err := g.running(ctx, callerOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	if in.Body.Private {
		return whisper(ctx, ctl, in)
	}
	item, err := ctl.Message(ctx, hub.Message{
		Role: in.Body.Role, Text: in.Body.Text, Respond: in.Body.Respond == nil || *in.Body.Respond,
	})
	return done(ctx, ctl, "message", "sent", item, err)
}

// whisper tells only the model.
func whisper(ctx context.Context, ctl *hub.Controller, in *messageInput) (*sentOutput, error) {
	if in.Body.Role == "assistant" {
		return nil, &session.InvalidError{Field: "role", Detail: "of a private message is system: leave it out"}
	}
	item, err := ctl.Whisper(ctx, in.Body.Text)
	return done(ctx, ctl, "whisper", "sent", item, err)
}

func (g *Gateway) functionResult(ctx context.Context, in *functionResultInput) (*sentOutput, error) {
	ctl, err := g.running(ctx, callerOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	item, err := ctl.FunctionResult(ctx, in.Body.CallID, in.Body.Output)
	if errors.Is(err, session.ErrExists) {
		return nil, problem.New(http.StatusConflict, "call-answered", "the function call has been answered")
	}
	return done(ctx, ctl, "function_result", "sent", item, err)
}

func (g *Gateway) cancel(ctx context.Context, in *idInput) (*sentOutput, error) {
	ctl, err := g.running(ctx, callerOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return done(ctx, ctl, "cancel", "cancelled", "", ctl.Cancel(ctx))
}

func (g *Gateway) commit(ctx context.Context, in *idInput) (*sentOutput, error) {
	ctl, err := g.running(ctx, callerOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	item, err := ctl.CommitAudio(ctx)
	return done(ctx, ctl, "commit", "committed", item, err)
}

func (g *Gateway) clear(ctx context.Context, in *idInput) (*sentOutput, error) {
	ctl, err := g.running(ctx, callerOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return done(ctx, ctl, "clear", "cleared", "", ctl.ClearAudio(ctx))
}

// renew has another upstream take the place of the present one.
func (g *Gateway) renew(ctx context.Context, in *idInput) (*renewedOutput, error) {
	ctl, err := g.running(ctx, callerOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	r, err := ctl.Renew(ctx)
	if err != nil {
		return nil, err
	}
	note(ctx, ctl, hub.Command{Name: "renew"})
	rec := ctl.Record()
	out := &renewedOutput{Status: http.StatusOK}
	out.Body = renewed{SessionID: rec.ID, Status: "renewed", Reason: r.Reason, Items: r.Items, Dropped: r.Dropped, Session: rec.Session, ExpiresAt: rec.ExpiresAt}
	if r.Pending {
		out.Status, out.Body.Status = http.StatusAccepted, "pending"
	}
	return out, nil
}

func (g *Gateway) clientSecret(ctx context.Context, in *clientSecretInput) (*clientSecretOutput, error) {
	ctl, err := g.running(ctx, callerOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	rec := ctl.Record()
	if in.Body == nil {
		in.Body = &clientOptions{}
	}
	policy, err := g.policy(in.Body.Policy, rec.Policy.Current(), "policy")
	if err != nil {
		return nil, err
	}
	secret, err := g.secret(ctx, rec, policy, in.Body.TTL)
	if err != nil {
		return nil, err
	}
	return &clientSecretOutput{Body: secret}, nil
}

// note writes into the session's log that the caller has carried out a command.
func note(ctx context.Context, ctl *hub.Controller, cmd hub.Command) {
	cmd.By = callerOf(ctx).Key.Name
	ctl.Note(cmd)
}

// fieldsOfPatch names what an update changes.
func fieldsOfPatch(patch json.RawMessage) []string {
	fields := gjson.ParseBytes(patch).Map()
	delete(fields, "type")
	return slices.Sorted(maps.Keys(fields))
}

// done answers a command that the upstream has acknowledged, and notes whose it was.
func done(ctx context.Context, ctl *hub.Controller, command, status, item string, err error) (*sentOutput, error) {
	if err != nil {
		return nil, err
	}
	note(ctx, ctl, hub.Command{Name: command, Item: item})
	return &sentOutput{Body: Sent{Status: status, ItemID: item}}, nil
}
