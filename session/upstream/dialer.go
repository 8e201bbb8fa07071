package upstream

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"switchboard/session"
	"switchboard/session/wire"
)

// DefaultBaseURL is OpenAI's own.
const DefaultBaseURL = "https://api.openai.com/v1"

// Options say where the API is. Key is required.
type Options struct {
	BaseURL      string // http, https, ws or wss, with the version in its path; DefaultBaseURL if empty
	Key          string
	Organization string // header OpenAI-Organization; none if empty
	Project      string // header OpenAI-Project; none if empty

	ReadLimit int64         // largest event in bytes; 32 MiB if 0
	PingEvery time.Duration // see wire.Options
}

// Dialer opens connections with one key. Safe for many callers at once.
type Dialer struct {
	base   *url.URL
	header http.Header
	dial   wire.DialOptions
}

// New checks the options.
func New(o Options) (*Dialer, error) {
	base, err := url.Parse(cmp.Or(o.BaseURL, DefaultBaseURL))
	switch {
	case err != nil || base.Host == "" || base.User != nil || base.RawQuery != "":
		return nil, errors.New("upstream: base URL must be like " + DefaultBaseURL)
	case base.Scheme != "http" && base.Scheme != "https" && base.Scheme != "ws" && base.Scheme != "wss":
		return nil, errors.New("upstream: base URL must be http, https, ws or wss")
	case o.Key == "":
		return nil, errors.New("upstream: key is empty")
	}
	d := &Dialer{base: base, header: http.Header{}}
	d.header.Set("Authorization", "Bearer "+o.Key)
	d.header.Set("User-Agent", "switchboard")
	for name, value := range map[string]string{"OpenAI-Organization": o.Organization, "OpenAI-Project": o.Project} {
		if value != "" {
			d.header.Set(name, value)
		}
	}
	d.dial = wire.DialOptions{
		Options: wire.Options{
			ReadLimit: cmp.Or(o.ReadLimit, 32<<20),
			PingEvery: o.PingEvery,
			TrustUTF8: true, // clients check what is passed on to them
		},
		TLS: &tls.Config{ClientSessionCache: tls.NewLRUClientSessionCache(0)}, // renewals and bursts save a round trip
	}
	return d, nil
}

// Dial implements [session.Dialer]. An API that could not be reached is an
// *UpstreamError too, with status 502 and code upstream_unreachable.
func (d *Dialer) Dial(ctx context.Context, r session.DialRequest) (session.Conn, error) {
	o := d.dial
	o.Header = d.header.Clone()
	if r.SafetyID != "" {
		o.Header.Set("OpenAI-Safety-Identifier", r.SafetyID)
	}
	conn, err := wire.Dial(ctx, d.address(r), o)
	if err == nil {
		return conn, nil
	}
	var refused *wire.HandshakeError
	switch {
	case errors.As(err, &refused):
		return nil, refusal(refused)
	case errors.Is(err, context.DeadlineExceeded):
		return nil, session.ErrTimeout
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	}
	return nil, fmt.Errorf("%w (%w)", &session.UpstreamError{
		Status: http.StatusBadGateway, Type: "connection_error", Code: "upstream_unreachable",
		Message: "The upstream could not be reached.",
	}, err)
}

func (d *Dialer) address(r session.DialRequest) string {
	u := *d.base.JoinPath("realtime")
	q := url.Values{}
	for name, value := range map[string]string{"model": r.Model, "intent": r.Intent, "call_id": r.CallID} {
		if value != "" {
			q.Set(name, value)
		}
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// refusal reads what the API said instead of upgrading.
func refusal(e *wire.HandshakeError) *session.UpstreamError {
	u := &session.UpstreamError{Status: e.Status, Type: "handshake_error", Message: "The upstream refused the connection: " + e.Error()}
	var body struct {
		Error *session.UpstreamError `json:"error"`
	}
	if json.Unmarshal(e.Body, &body) == nil && body.Error != nil && body.Error.Message != "" {
		u = body.Error
		u.Status = e.Status
	}
	if u.Status == http.StatusSwitchingProtocols { // a 101 that was not right
		u.Status = http.StatusBadGateway
	}
	return u
}
