package fanout

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Subscription is a subscriber as people see it; its secrets stay inside.
type Subscription struct {
	ID          string    `json:"id"`
	URL         string    `json:"url"`
	Types       []string  `json:"event_types" nullable:"false" doc:"Exact types, categories like batch.*, or *"`
	Description string    `json:"description,omitempty"`
	Enabled     bool      `json:"enabled"`
	Reason      string    `json:"disabled_reason,omitempty"`
	FailingFrom time.Time `json:"failing_since,omitzero"`
	CreatedAt   time.Time `json:"created_at"`
	CreatedBy   string    `json:"created_by,omitempty" doc:"Name of the API key"`
	UpdatedAt   time.Time `json:"updated_at,omitzero"`
	UpdatedBy   string    `json:"updated_by,omitempty" doc:"Name of the API key that last changed it, or gave it a new secret"`
	SecretHint  string    `json:"secret_hint"`
}

// Change says what to change of a subscription; nil fields stay.
type Change struct {
	URL         *string  `json:"url,omitempty"`
	Types       []string `json:"event_types,omitempty"`
	Description *string  `json:"description,omitempty"`
	Enabled     *bool    `json:"enabled,omitempty"`
}

// Errors that callers branch on.
var (
	ErrNotFound = errors.New("fanout: no such subscription")
	ErrTooMany  = fmt.Errorf("fanout: there are %d subscriptions already", maxSubscriptions)
)

// InvalidError names what is wrong with a subscription.
type InvalidError struct{ Field, Message string }

// Error names the field and says what is wrong with it; callers may read it.
func (e *InvalidError) Error() string { return e.Field + ": " + e.Message }

const (
	maxSubscriptions = 200
	overlap          = 24 * time.Hour // an old secret signs on beside the new one
)

// stored is a subscription as it is kept: with its secrets, sealed as a whole.
type stored struct {
	Subscription
	Secrets []timed `json:"secrets"`
}

// timed is a secret that signs until Until, or for good.
type timed struct {
	Value string    `json:"secret"`
	Until time.Time `json:"until,omitzero"`
}

func (s *stored) valid(now time.Time) []string {
	var values []string
	for _, t := range s.Secrets {
		if t.Until.IsZero() || now.Before(t.Until) {
			values = append(values, t.Value)
		}
	}
	return values
}

func (s *stored) rotate(secret string, now time.Time) {
	before := s.Secrets
	s.Secrets = []timed{{Value: secret}}
	for _, t := range before {
		if t.Until.IsZero() {
			t.Until = now.Add(overlap)
		}
		if now.Before(t.Until) {
			s.Secrets = append(s.Secrets, t)
		}
	}
	s.SecretHint = "…" + secret[len(secret)-4:]
}

func (s *Subscription) changed(by string, now time.Time) { s.UpdatedBy, s.UpdatedAt = by, now.UTC() }

// wants reports whether the subscription is for events of that type.
func (s *Subscription) wants(eventType string) bool {
	return s.Enabled && slices.ContainsFunc(s.Types, func(pattern string) bool {
		category, isCategory := strings.CutSuffix(pattern, "*")
		return pattern == eventType || isCategory && strings.HasPrefix(eventType, category)
	})
}

// check finds what is wrong with a subscription. Plain http is for networks that the operator allowed. Of names it is seen
// when they are called where they lead.
func (s *Subscription) check(allowed []netip.Prefix) error {
	u, err := url.Parse(s.URL)
	var literal netip.Addr
	if err == nil {
		literal, _ = netip.ParseAddr(u.Hostname())
	}
	switch {
	case err != nil || u.Host == "" || len(s.URL) > 2048:
		return &InvalidError{"url", "must be an https address"}
	case u.User != nil:
		return &InvalidError{"url", "must not hold a user or password; deliveries are signed"}
	case u.Scheme != "https" && !(u.Scheme == "http" && len(allowed) > 0):
		return &InvalidError{"url", "must begin with https://"}
	case literal.IsValid() && !permitted(literal, allowed):
		return &InvalidError{"url", ErrAddress.Error()}
	case literal.IsValid() && u.Scheme == "http" && !within(allowed, literal.Unmap().WithZone("")):
		return &InvalidError{"url", "must begin with https:// outside of the allowed networks"}
	case len(s.Types) == 0 || len(s.Types) > 50:
		return &InvalidError{"event_types", "name 1 to 50 types"}
	}
	for _, t := range s.Types {
		star := strings.IndexByte(t, '*')
		if t == "" || len(t) > 128 || star >= 0 && star != len(t)-1 || star > 0 && t[star-1] != '.' {
			return &InvalidError{"event_types", fmt.Sprintf("%.100q is no type; a category ends in .*, and * is all", t)}
		}
	}
	return nil
}
