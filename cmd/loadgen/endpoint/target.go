package endpoint

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gobwas/ws"
	"github.com/tidwall/gjson"
)

// The ways a target takes sessions.
const (
	ModeOpenAI   = "openai"   // GET /v1/realtime?model=, as every compatible gateway and the upstream itself
	ModeSessions = "sessions" // POST /realtime/sessions, then its relay_url
)

// openTimeout is how long a session may take until session.created.
const openTimeout = 30 * time.Second

// Access is how a target lets callers in; targets that are compared share it.
type Access struct {
	Key      string `help:"API key, sent as Bearer." env:"LOADGEN_KEY" default:"sk-sim"`
	Mode     string `help:"How sessions are opened: openai is GET /v1/realtime?model=, sessions is POST /realtime/sessions and the relay_url it answers with." enum:"openai,sessions" default:"openai"`
	Model    string `help:"Model asked for." default:"gpt-realtime-2.1"`
	Insecure bool   `help:"Accept any TLS certificate."`
}

// Target is a server that takes voice sessions.
type Target struct {
	Access
	Name string
	Root *url.URL // http or https, without the /v1
	PID  int      // of the process to account for; 0: not known

	Client *http.Client
}

// NewTarget makes a target of an address as people write them: http, https, ws or wss,
// with or without /v1 (or /v1/realtime) at the end.
func NewTarget(name, address string, pid int, access Access) (Target, error) {
	root, err := url.Parse(address)
	if err != nil {
		return Target{}, fmt.Errorf("read address of %s: %w", name, err)
	}
	switch root.Scheme {
	case "http", "https":
	case "ws", "wss":
		root.Scheme = strings.Replace(root.Scheme, "ws", "http", 1)
	default:
		return Target{}, fmt.Errorf("read address of %s: %q begins with none of http, https, ws, wss", name, address)
	}
	root.Path = strings.TrimRight(root.Path, "/")
	root.Path = strings.TrimSuffix(strings.TrimSuffix(root.Path, "/realtime"), "/v1")
	root.RawQuery = ""
	t := Target{Access: access, Name: name, Root: root, PID: pid}
	t.Client = &http.Client{
		Timeout:   openTimeout,
		Transport: &http.Transport{MaxIdleConnsPerHost: 100, IdleConnTimeout: time.Minute, TLSClientConfig: t.tls()},
	}
	return t, nil
}

func (t Target) tls() *tls.Config { return &tls.Config{InsecureSkipVerify: t.Insecure} }

// HangUp lets go of what the target keeps between sessions.
func (t Target) HangUp() {
	if t.Client != nil {
		t.Client.CloseIdleConnections()
	}
}

// Leg is one session that is open: its connection and how to end it.
type Leg struct {
	*Conn
	SetUp time.Duration // from the first byte to session.created
	End   func()
}

// Open makes one session and waits for its session.created.
func (t Target) Open(ctx context.Context, sc Scenario) (Leg, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	begin := time.Now()
	relay, key, end := t.Root.JoinPath("v1/realtime"), t.Key, func() {}
	relay.RawQuery = url.Values{"model": {t.Model}}.Encode()
	if t.Mode == ModeSessions {
		created, err := t.create(ctx, sc)
		if err != nil {
			return Leg{}, err
		}
		relay, key = created.Relay, created.Secret
		end = func() { t.Remove(created.ID) }
	}
	c, err := t.Dial(ctx, relay, key)
	if err == nil {
		err = c.await("session.created")
	}
	if err != nil {
		if c != nil {
			c.HangUp()
		}
		end()
		return Leg{}, err
	}
	opened := Leg{Conn: c, SetUp: time.Since(begin), End: func() { c.HangUp(); end() }}
	if t.Mode == ModeOpenAI && !sc.Quiet() {
		err = c.configure(sc)
	}
	if err != nil {
		opened.End()
	}
	return opened, err
}

// Dial opens a socket and waits for the answer to its handshake.
func (t Target) Dial(ctx context.Context, to *url.URL, key string) (*Conn, error) {
	address := *to
	address.Scheme = strings.Replace(address.Scheme, "http", "ws", 1)
	var refusal string
	dialer := ws.Dialer{
		Header:    ws.HandshakeHeaderHTTP{"Authorization": {"Bearer " + key}},
		TLSConfig: t.tls(),
		OnStatusError: func(_ int, _ []byte, answer io.Reader) {
			if r, err := http.ReadResponse(bufio.NewReader(answer), nil); err == nil {
				body, _ := io.ReadAll(io.LimitReader(r.Body, 200))
				refusal = string(body)
			}
		},
	}
	nc, early, _, err := dialer.Dial(ctx, address.String())
	if err != nil {
		return nil, fmt.Errorf("dial: %w %s", err, strings.TrimSpace(refusal))
	}
	return newConn(nc, early)
}

// maxAnswer is more than the stand-in has to tell of 10,000 sessions.
const maxAnswer = 256 << 20

// Created is a session that a gateway made, and how to reach it.
type Created struct {
	ID, Secret string
	Relay      *url.URL
}

// create asks for a session by REST.
func (t Target) create(ctx context.Context, sc Scenario) (Created, error) {
	want := map[string]any{"config": sc.config(t.Model)}
	if sc.AppendEvery == FlatOut {
		// The policy of client tokens has a limit for events a second.
		want["client"] = map[string]string{"policy": "open"}
	}
	return t.CreateFrom(ctx, want)
}

// CreateFrom asks for the session that the body describes.
func (t Target) CreateFrom(ctx context.Context, want map[string]any) (Created, error) {
	ask, err := json.Marshal(want)
	if err != nil {
		return Created{}, err
	}
	body, err := t.Rest(ctx, http.MethodPost, "realtime/sessions", ask)
	if err != nil {
		return Created{}, fmt.Errorf("create session: %w", err)
	}
	found := gjson.GetManyBytes(body, "session_id", "client_secret.value", "relay_url")
	relay, err := t.Root.Parse(found[2].Str)
	if err != nil || found[0].Str == "" || found[1].Str == "" || found[2].Str == "" {
		return Created{}, fmt.Errorf("create session: answer lacks session_id, client_secret.value or relay_url")
	}
	return Created{ID: found[0].Str, Secret: found[1].Str, Relay: relay}, nil
}

// Remove ends a session made by create; one that is gone already is as good.
func (t Target) Remove(id string) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, _ = t.Rest(ctx, http.MethodDelete, "realtime/sessions/"+url.PathEscape(id), nil)
}

// Rest makes one request and returns the body of its answer; a status of 300 or more is a *Refused.
func (t Target) Rest(ctx context.Context, method, path string, ask []byte) ([]byte, error) {
	path, query, _ := strings.Cut(path, "?")
	to := t.Root.JoinPath(path)
	to.RawQuery = query
	r, err := http.NewRequestWithContext(ctx, method, to.String(), bytes.NewReader(ask))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+t.Key)
	r.Header.Set("Content-Type", "application/json")
	answer, err := t.Client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err == nil && answer.StatusCode >= 300 {
		err = &Refused{answer.StatusCode, body}
	}
	return body, err
}

// Refused is an answer that is no success.
type Refused struct {
	Status int
	body   []byte
}

// Error gives the status and the first 200 bytes of the body.
func (r *Refused) Error() string {
	return fmt.Sprintf("%d %s: %.200s", r.Status, http.StatusText(r.Status), r.body)
}
