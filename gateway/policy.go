package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"switchboard/session"
)

// PolicyChoice is a policy by name, or one spelled out.
type PolicyChoice struct {
	Name  string
	Exact *session.Policy
}

// UnmarshalJSON takes a string or a policy object with known fields only.
func (p *PolicyChoice) UnmarshalJSON(raw []byte) error {
	if len(raw) > 0 && raw[0] == '"' {
		return json.Unmarshal(raw, &p.Name)
	}
	p.Exact = &session.Policy{}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	return d.Decode(p.Exact)
}

// Schema documents the two forms.
func (PolicyChoice) Schema(r huma.Registry) *huma.Schema {
	return &huma.Schema{
		Description: "What the client may send: a policy's name (voice, open), or a policy",
		OneOf:       []*huma.Schema{{Type: huma.TypeString}, huma.SchemaFromType(r, policyType)},
	}
}

// ClientOptions are what a client token may do and how long it is good to start.
type ClientOptions struct {
	Policy *PolicyChoice `json:"policy,omitempty"`
	TTL    int           `json:"ttl,omitempty" minimum:"10" maximum:"7200" doc:"Seconds until when the token must have been used first; 600 if left out"`
}

// ParsePolicies reads policies by name from one JSON object with known fields only.
func ParsePolicies(r io.Reader) (map[string]session.Policy, error) {
	policies := map[string]session.Policy{}
	if err := decodeStrict(r, &policies); err != nil {
		return nil, err
	}
	return policies, nil
}

func (g *Gateway) policy(choice *PolicyChoice, fallback session.Policy, field string) (session.Policy, error) {
	switch {
	case choice == nil:
		return fallback, nil
	case choice.Exact != nil:
		p := *choice.Exact
		p.Name = orDefault(p.Name, "custom")
		if p.EventBytes < 0 || p.EventsPerSecond < 0 || p.BytesPerSecond < 0 {
			return p, &session.InvalidError{Field: field, Detail: "limits must not be negative"}
		}
		return p, nil
	}
	p, ok := g.Policies[choice.Name]
	if !ok {
		names := strings.Join(slices.Sorted(maps.Keys(g.Policies)), ", ")
		return p, &session.InvalidError{Field: field, Detail: fmt.Sprintf("unknown policy; known: %s", names)}
	}
	return p, nil
}

func (g *Gateway) tokenTTL(seconds int) time.Duration {
	if seconds == 0 {
		return g.TokenTTL
	}
	return time.Duration(seconds) * time.Second
}
