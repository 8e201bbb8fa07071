package gateway

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"switchboard/gateway/openapi"
	"switchboard/gateway/strict"
	"switchboard/session"
)

// policyChoice is a policy by name, or one spelled out. It is read by Gateway.policy, which
// can say what is wrong with it.
type policyChoice struct{ raw json.RawMessage }

// UnmarshalJSON keeps what was sent.
func (p *policyChoice) UnmarshalJSON(raw []byte) error {
	p.raw = bytes.Clone(raw)
	return nil
}

// Schema documents the two forms. It leaves the check to Gateway.policy, and hides them from huma's: of one of several
// schemas nobody learns which field did not match.
func (policyChoice) Schema(r huma.Registry) *huma.Schema {
	return &huma.Schema{
		Description: "What the client may send: a policy's name (voice, open), or one spelled out",
		Examples:    []any{"voice", session.Policy{Name: "listener", Events: []string{}, Roles: []string{}}},
		Extensions:  map[string]any{"anyOf": []*huma.Schema{{Type: huma.TypeString}, openapi.Of[session.Policy]()(r)}},
	}
}

// clientOptions are what a client token may do and how long it is good to start.
type clientOptions struct {
	Policy *policyChoice `json:"policy,omitempty"`
	TTL    int           `json:"ttl,omitempty" minimum:"10" maximum:"7200" doc:"Seconds until when the token must have been used first; 600 if left out"`
}

// ParsePolicies reads policies by name from one JSON object with known fields only, none twice.
func ParsePolicies(r io.Reader) (map[string]session.Policy, error) {
	raw, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	if at := strict.Repeated(raw); at != "" {
		return nil, &session.InvalidError{Field: at, Detail: "is given twice"}
	}
	policies := map[string]session.Policy{}
	if err := decodeStrict(bytes.NewReader(raw), &policies); err != nil {
		return nil, err
	}
	for name, p := range policies {
		p.Name = name
		if err := p.Validate(); err != nil {
			return nil, fmt.Errorf("policy %q: %w", name, err)
		}
	}
	return policies, nil
}

func (g *Gateway) policy(choice *policyChoice, fallback session.Policy, field string) (session.Policy, error) {
	if choice == nil {
		return fallback, nil
	}
	var name string
	if json.Unmarshal(choice.raw, &name) != nil {
		return exactPolicy(choice.raw, field)
	}
	p, ok := g.options.Policies[name]
	if !ok {
		names := strings.Join(slices.Sorted(maps.Keys(g.options.Policies)), ", ")
		return p, &session.InvalidError{Field: field, Detail: fmt.Sprintf("unknown policy; known: %s", names)}
	}
	return p, nil
}

// exactPolicy reads one that is spelled out, with known fields only; what it leaves out it does not allow.
func exactPolicy(raw json.RawMessage, field string) (p session.Policy, err error) {
	if raw[0] != '{' {
		return p, &session.InvalidError{Field: field, Detail: "must be a policy's name, or an object"}
	}
	if err = decodeStrict(bytes.NewReader(raw), &p); err == nil {
		err = p.Validate()
	}
	var invalid *session.InvalidError
	if errors.As(err, &invalid) {
		err = &session.InvalidError{Field: field + "." + invalid.Field, Detail: invalid.Detail}
	}
	p.Name = cmp.Or(p.Name, "custom")
	return p, err
}

func (g *Gateway) tokenTTL(seconds int) time.Duration {
	if seconds == 0 {
		return g.options.TokenTTL
	}
	return time.Duration(seconds) * time.Second
}
