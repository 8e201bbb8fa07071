package gateway

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"net/http"
	"slices"
	"time"

	"switchboard/gateway/openapi"
	"switchboard/gateway/problem"
	"switchboard/gateway/role"
	"switchboard/session"
	"switchboard/session/access"
	"switchboard/session/hub"
)

const apiKeys = "/keys"

// KeyView is an API key as the API shows it.
type KeyView struct {
	ID        string    `json:"id" doc:"Of this key; a later one of the same name has another" example:"key_…"`
	Name      string    `json:"name" doc:"Shown in sessions, limits and lists"`
	Role      role.Role `json:"role" enum:"app,operator,admin"`
	Source    string    `json:"source" enum:"environment,api" doc:"environment: given at the start, and read-only; api: made at run time"`
	Status    string    `json:"status" enum:"active,expired,shadowed" doc:"shadowed: a key of the environment has its name, and it opens nothing"`
	Limits    keyLimits `json:"limits"`
	CreatedAt time.Time `json:"created_at,omitzero"`
	CreatedBy string    `json:"created_by,omitempty" doc:"Name of the key that made it"`
	ExpiresAt time.Time `json:"expires_at,omitzero" doc:"Absent: never"`
	Today     *usageRow `json:"today,omitempty" doc:"What its sessions used today (UTC); in lists"`
}

// keyLimits are session.KeyLimits with their bounds.
type keyLimits struct {
	Sessions int   `json:"sessions,omitempty" minimum:"0" maximum:"1000000000" doc:"At once; 0 or left out: the gateway's default"`
	Tokens   int64 `json:"tokens,omitempty" minimum:"0" maximum:"1000000000000" doc:"A UTC day; 0 or left out: the gateway's default"`
	Seconds  int64 `json:"seconds,omitempty" minimum:"0" maximum:"1000000000000" doc:"Of sessions, a UTC day; 0 or left out: the gateway's default"`
}

// newKey is an API key that was just made, with its secret.
type newKey struct {
	KeyView
	Secret string `json:"secret" doc:"To be sent as Bearer; shown once" example:"sk-…"`
}

type (
	keyCreateInput struct {
		Body struct {
			Name      string    `json:"name" pattern:"^[A-Za-z0-9_.-]{1,64}$" doc:"No other key has it"`
			Role      role.Role `json:"role" enum:"app,operator,admin"`
			Limits    keyLimits `json:"limits,omitempty"`
			ExpiresAt time.Time `json:"expires_at,omitempty" doc:"RFC 3339, in the future; left out: never"`
		}
	}
	keyCreateOutput struct {
		Location string `header:"Location"`
		Body     newKey
	}
	keyIDInput struct {
		ID string `path:"id" maxLength:"64" doc:"The key's ID, or its name"`
	}
	keyOutput     struct{ Body KeyView }
	keyListOutput struct {
		Body struct {
			Keys []KeyView `json:"keys" nullable:"false" doc:"Those of the environment first, then by name"`
		}
	}
)

var (
	errKeyNotFound = problem.New(http.StatusNotFound, "key-not-found", "there is no such API key")
	errKeyExists   = problem.New(http.StatusConflict, "key-exists", "an API key has this name")
	errKeyFixed    = problem.New(http.StatusConflict, "key-read-only", "the API key comes from the environment of the nodes, and is removed there")
)

// reservedNames stand for something else where the name of a key is shown or asked for.
var reservedNames = []string{"self", hub.EndedByClient, hub.EndedByLimit, hub.EndedByServer}

// keyRoutes are what is done with API keys. What concerns no key but its own, any key may do.
func (g *Gateway) keyRoutes() []openapi.Route {
	self := openapi.Route{Method: "GET", Path: apiKeys + "/self", ID: "identify-key", Tag: tagKeys, Role: role.App, Errors: []int{404},
		Summary: "See which key this is, and its role",
		Do:      openapi.JSON(g.self)}
	if g.options.KeyRing == nil {
		return []openapi.Route{self}
	}
	return []openapi.Route{
		{Method: "POST", Path: apiKeys, ID: "create-key", Tag: tagKeys, Role: role.Admin, Status: 201, Errors: []int{409},
			Summary: "Make an API key",
			Text:    "The secret is shown once, and only a hash of it is stored. Every node knows the key within a second.",
			Example: map[string]any{"name": "support", "role": "app", "limits": map[string]any{"sessions": 100}},
			Do:      openapi.JSON(g.createKey)},
		{Method: "GET", Path: apiKeys, ID: "list-keys", Tag: tagKeys, Role: role.Admin,
			Summary: "List the API keys",
			Text:    "Those of the environment, which are read-only, and those made at run time.",
			Do:      openapi.JSON(g.listKeys)},
		self,
		{Method: "GET", Path: apiKeys + "/{id}", ID: "get-key", Tag: tagKeys, Role: role.App, Errors: []int{404},
			Summary: "Look at an API key",
			Text:    "Of an admin any key, of other callers their own. self is the key that asks: what it is called and may do.",
			Do:      openapi.JSON(g.getKey)},
		{Method: "DELETE", Path: apiKeys + "/{id}", ID: "delete-key", Tag: tagKeys, Role: role.Admin, Errors: []int{404, 409},
			Summary: "Remove an API key",
			Text: "The key and the tokens that it issued open nothing any more, and within a second its clients are closed with 4001 on every node. " +
				"Its sessions go on, for operators to look at; a later key of the same name has them. 409 for a key of the environment.",
			Do: openapi.JSON(g.deleteKey)},
		{Method: "POST", Path: apiKeys + "/{id}/revoke-tokens", ID: "revoke-key-tokens", Tag: tagKeys, Role: role.App, Errors: []int{404, 409},
			Summary: "Revoke the client tokens of an API key",
			Text: "All client tokens that the key has issued so far, for whichever session, or one. Clients that use them are closed with 4001 " +
				"within a second on every node. The key itself stays good and may issue others.",
			Do: openapi.JSON(g.revokeKey)},
	}
}

func (g *Gateway) createKey(ctx context.Context, in *keyCreateInput) (*keyCreateOutput, error) {
	b, by := in.Body, callerOf(ctx).Key.Name
	switch {
	case slices.Contains(reservedNames, b.Name):
		return nil, &session.InvalidError{Field: "name", Detail: "is reserved"}
	case !b.ExpiresAt.IsZero() && !b.ExpiresAt.After(time.Now()):
		return nil, &session.InvalidError{Field: "expires_at", Detail: "must be in the future"}
	}
	if e := g.options.Keys.known.Load().byName[b.Name]; e != nil && e.source == sourceEnvironment {
		return nil, errKeyExists
	}
	secret := "sk-sb-" + rand.Text()
	sum := sha256.Sum256([]byte(secret))
	e := keyEntry{access.APIKey{
		ID: keyID(sum[:]), Name: b.Name, Role: string(b.Role), Sum: sum[:], Limits: access.KeyLimits(b.Limits),
		CreatedAt: time.Now().UTC().Truncate(time.Millisecond), CreatedBy: by, ExpiresAt: b.ExpiresAt,
	}, sourceAPI}
	if err := g.options.KeyRing.AddKey(ctx, e.APIKey); err != nil {
		return nil, keyError(err)
	}
	g.options.Logger.Info("API key made", "key", e.ID, "name", e.Name, "role", e.Role, "by", by)
	g.keysChanged(ctx)
	out := &keyCreateOutput{Location: apiKeys + "/" + e.ID}
	out.Body = newKey{KeyView: g.keyView(&e), Secret: secret}
	return out, nil
}

func (g *Gateway) listKeys(ctx context.Context, _ *struct{}) (*keyListOutput, error) {
	if err := g.refreshKeys(ctx); err != nil {
		return nil, storeError{err}
	}
	out := &keyListOutput{}
	all := g.options.Keys.known.Load().all
	var today map[string]access.Sums
	if g.options.Spending != nil {
		var err error
		if today, err = g.options.Spending.Spending(ctx, time.Now().UTC(), "", ""); err != nil {
			return nil, storeError{err}
		}
	}
	out.Body.Keys = make([]KeyView, len(all))
	for i := range all {
		out.Body.Keys[i] = g.keyView(&all[i])
		if today != nil {
			row := rowOf("", today[all[i].Name])
			out.Body.Keys[i].Today = &row
		}
	}
	return out, nil
}

// getKey shows an API key: an admin any, another caller its own, also as "self".
func (g *Gateway) getKey(ctx context.Context, in *keyIDInput) (*keyOutput, error) {
	e, err := g.findKey(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &keyOutput{Body: g.keyView(e)}, nil
}

func (g *Gateway) deleteKey(ctx context.Context, in *keyIDInput) (*keyOutput, error) {
	e, err := g.findKey(ctx, in.ID)
	switch {
	case err != nil:
		return nil, err
	case e.source == sourceEnvironment:
		return nil, errKeyFixed
	}
	if err := g.options.KeyRing.RemoveKey(ctx, e.ID); err != nil {
		return nil, keyError(err)
	}
	g.options.Logger.Info("API key removed", "key", e.ID, "name", e.Name, "role", e.Role, "by", callerOf(ctx).Key.Name)
	g.keysChanged(ctx)
	return &keyOutput{Body: g.keyView(e)}, nil
}

// findKey looks for a key that is the caller's business, by ID or name.
func (g *Gateway) findKey(ctx context.Context, id string) (*keyEntry, error) {
	who := callerOf(ctx).Key
	if id == "self" {
		id = who.ID
	} else if err := g.refreshKeys(ctx); err != nil {
		return nil, storeError{err}
	}
	all := g.options.Keys.known.Load().all
	i := slices.IndexFunc(all, func(e keyEntry) bool { return e.ID == id })
	if i < 0 {
		i = slices.IndexFunc(all, func(e keyEntry) bool { return e.Name == id })
	}
	if i < 0 || all[i].ID != who.ID && !who.Role.AtLeast(role.Admin) {
		return nil, errKeyNotFound
	}
	return &all[i], nil
}

// keysChanged has this node follow a change that it has made; the others do within a second.
func (g *Gateway) keysChanged(ctx context.Context) {
	if err := g.refreshKeys(context.WithoutCancel(ctx)); err != nil {
		g.options.Logger.Warn("API keys not read again", "err", err)
	}
}

func (g *Gateway) keyView(e *keyEntry) KeyView {
	status := "active"
	if e.expired(time.Now()) {
		status = "expired"
	} else if now := g.options.Keys.known.Load().byName[e.Name]; now != nil && now.ID != e.ID {
		status = "shadowed"
	}
	return KeyView{
		ID: e.ID, Name: e.Name, Role: role.Role(e.Role), Source: e.source, Status: status, Limits: keyLimits(e.Limits),
		CreatedAt: e.CreatedAt, CreatedBy: e.CreatedBy, ExpiresAt: e.ExpiresAt,
	}
}

func keyError(err error) error {
	var limit *session.LimitError
	switch {
	case errors.Is(err, session.ErrExists):
		return errKeyExists
	case errors.Is(err, session.ErrNotFound):
		return errKeyNotFound
	case errors.As(err, &limit):
		return err
	}
	return storeError{err}
}
