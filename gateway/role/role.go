// Package role says what API keys may do. It is a leaf, because the webhooks' routes ask for
// roles too.
package role

import (
	"context"
	"slices"
)

// Role is what an API key may do.
type Role string

// The roles, each with all rights of the one before.
const (
	App      Role = "app"      // its own sessions, batches and jobs
	Operator Role = "operator" // those of all keys
	Admin    Role = "admin"    // the gateway's own settings
)

var ascending = []Role{App, Operator, Admin}

// Valid reports whether r is one of the roles.
func (r Role) Valid() bool { return slices.Contains(ascending, r) }

// AtLeast reports whether r has the rights of least. No role, as that of a client token, has none.
func (r Role) AtLeast(least Role) bool {
	return r.Valid() && slices.Index(ascending, r) >= slices.Index(ascending, least)
}

// Caller is the API key that makes a request.
type Caller struct {
	Key  string // its name
	Role Role
}

type callerKey struct{}

// With is ctx of a request that c makes.
func With(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerOf is who makes the request of ctx; nobody, with no rights, outside of one.
func CallerOf(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}
