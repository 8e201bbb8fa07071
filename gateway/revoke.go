package gateway

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"

	"switchboard/gateway/problem"
	"switchboard/session"
	"switchboard/session/access"
)

type (
	revokeInput struct {
		ID   session.ID `path:"id" doc:"The session's ID"`
		Body *struct {  // may be left out
			Value string `json:"value,omitempty" maxLength:"256" doc:"The token that is revoked; neither value nor id: all of the session"`
			ID    string `json:"id,omitempty" maxLength:"64" doc:"The same by its id"`
		}
	}
	revokeKeyInput struct {
		ID   string    `path:"id" maxLength:"64" doc:"The key's ID or its name; self is the caller's own"`
		Body *struct { // may be left out
			Value string `json:"value,omitempty" maxLength:"256" doc:"The one token that is revoked; left out: all that the key has issued"`
		}
	}
	revokeOutput struct{ Body Revoked }
)

// Revoked answers the revocation of client tokens.
type Revoked struct {
	Status string   `json:"status" enum:"revoked"`
	Tokens []string `json:"tokens,omitempty" doc:"IDs of the tokens that were good until now; absent where all of a key were revoked"`
}

var errTokenNotFound = problem.New(http.StatusNotFound, "token-not-found", "there is no such token, or it has expired or was revoked before")

// revoke makes tokens of a session invalid, and closes the clients that use them: all are
// attached to the node that runs it, which this is.
func (g *Gateway) revoke(ctx context.Context, in *revokeInput) (*revokeOutput, error) {
	f, err := g.find(ctx, callerOf(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	id := ""
	if in.Body != nil {
		id = in.Body.ID
		if in.Body.Value != "" && id == "" {
			id = access.TokenID(in.Body.Value)
		} else if in.Body.Value != "" {
			return nil, &session.InvalidError{Field: "id", Detail: "is given beside value; one of them is enough"}
		}
	}
	tokens, err := g.options.Grants.RevokeGrants(ctx, f.rec.ID, id)
	if err != nil {
		return nil, storeError{err}
	}
	closed := g.dismissSession(f.rec.ID, id)
	if id != "" && len(tokens) == 0 && closed == 0 {
		return nil, errTokenNotFound
	}
	g.options.Logger.Info("client tokens revoked", "session", f.rec.ID, "tokens", len(tokens), "closed", closed, "by", callerOf(ctx).Key.Name)
	return &revokeOutput{Body: Revoked{Status: "revoked", Tokens: tokens}}, nil
}

// revokeKey makes all tokens invalid that a key has issued, or one. Every node closes the
// clients that use them within a second.
func (g *Gateway) revokeKey(ctx context.Context, in *revokeKeyInput) (*revokeOutput, error) {
	e, err := g.findKey(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := Revoked{Status: "revoked"}
	if in.Body == nil || in.Body.Value == "" {
		err = storeErrorOf(g.options.KeyRing.RevokeKeyTokens(ctx, e.ID))
	} else {
		err = g.revokeToken(ctx, e, in.Body.Value)
		out.Tokens = []string{access.TokenID(in.Body.Value)}
	}
	if err != nil {
		return nil, err
	}
	g.keysChanged(ctx)
	g.options.Logger.Info("client tokens of API key revoked", "key", e.ID, "name", e.Name, "tokens", out.Tokens, "by", callerOf(ctx).Key.Name)
	return &revokeOutput{Body: out}, nil
}

// revokeToken makes one token of a key invalid, whatever it is for.
func (g *Gateway) revokeToken(ctx context.Context, e *keyEntry, token string) error {
	if !strings.HasPrefix(token, tokenPrefix) {
		return &session.InvalidError{Field: "value", Detail: "is no client token"}
	}
	grant, err := g.options.Grants.Grant(ctx, token)
	switch {
	case errors.Is(err, session.ErrNotFound):
		return errTokenNotFound
	case err != nil:
		return storeError{err}
	case cmp.Or(grant.Issuer, e.ID) != e.ID || grant.Issuer == "" && grant.Key != e.Name:
		return errTokenNotFound
	}
	if err := g.options.KeyRing.RevokeToken(ctx, access.TokenID(token)); err != nil {
		return keyError(err)
	}
	if err := g.options.Grants.RevokeGrant(ctx, token); err != nil && !errors.Is(err, session.ErrNotFound) {
		return storeError{err}
	}
	return nil
}
