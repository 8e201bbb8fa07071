package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/tidwall/gjson"
	"github.com/tidwall/sjson"

	"switchboard/gateway/problem"
	"switchboard/session"
	"switchboard/session/configuration"
	"switchboard/session/hub"
)

func (g *Gateway) update(ctx context.Context, in *updateInput) (*sessionOutput, error) {
	ctl, err := g.running(ctx, callerOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	patch, err := patchOf(json.RawMessage(in.Body))
	if err != nil {
		return nil, err
	}
	effective, err := ctl.Update(ctx, patch)
	if err != nil {
		return nil, err
	}
	note(ctx, ctl, hub.Command{Name: "update", Fields: fieldsOfPatch(patch)})
	rec := ctl.Record()
	rec.Session = effective
	return &sessionOutput{Body: view(rec)}, nil
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
	item, err := ctl.Message(ctx, hub.Message{
		Role: in.Body.Role, Text: in.Body.Text, Respond: in.Body.Respond == nil || *in.Body.Respond,
	})
	return done(ctx, ctl, "message", "sent", item, err)
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
	out.Body = Renewed{SessionID: rec.ID, Status: "renewed", Reason: r.Reason, Items: r.Items, Dropped: r.Dropped, Session: rec.Session, ExpiresAt: rec.ExpiresAt}
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
