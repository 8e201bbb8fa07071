package main

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
	modeOpenAI   = "openai"   // GET /v1/realtime?model=, as every compatible gateway and the upstream itself
	modeSessions = "sessions" // POST /realtime/sessions, then its relay_url
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

	client *http.Client
}

// newTarget makes a target of an address as people write them: http, https, ws or wss,
// with or without /v1 (or /v1/realtime) at the end.
func newTarget(name, address string, pid int, access Access) (Target, error) {
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
	t.client = &http.Client{
		Timeout:   openTimeout,
		Transport: &http.Transport{MaxIdleConnsPerHost: 100, IdleConnTimeout: time.Minute, TLSClientConfig: t.tls()},
	}
	return t, nil
}

func (t Target) tls() *tls.Config { return &tls.Config{InsecureSkipVerify: t.Insecure} }

// hangUp lets go of what the target keeps between sessions.
func (t Target) hangUp() {
	if t.client != nil {
		t.client.CloseIdleConnections()
	}
}

// leg is one session that is open: its connection and how to end it.
type leg struct {
	*conn
	setUp time.Duration // from the first byte to session.created
	end   func()
}

// open makes one session and waits for its session.created.
func (t Target) open(ctx context.Context, sc Scenario) (leg, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	begin := time.Now()
	relay, key, end := t.Root.JoinPath("v1/realtime"), t.Key, func() {}
	relay.RawQuery = url.Values{"model": {t.Model}}.Encode()
	if t.Mode == modeSessions {
		created, err := t.create(ctx, sc)
		if err != nil {
			return leg{}, err
		}
		relay, key = created.relay, created.secret
		end = func() { t.remove(created.id) }
	}
	c, err := t.dial(ctx, relay, key)
	if err == nil {
		err = c.await("session.created")
	}
	if err != nil {
		if c != nil {
			c.hangUp()
		}
		end()
		return leg{}, err
	}
	opened := leg{conn: c, setUp: time.Since(begin), end: func() { c.hangUp(); end() }}
	if t.Mode == modeOpenAI && !sc.quiet() {
		err = c.configure(sc)
	}
	if err != nil {
		opened.end()
	}
	return opened, err
}

func (t Target) dial(ctx context.Context, to *url.URL, key string) (*conn, error) {
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

type created struct {
	id, secret string
	relay      *url.URL
}

// create asks for a session by REST.
func (t Target) create(ctx context.Context, sc Scenario) (created, error) {
	want := map[string]any{"config": sc.config(t.Model)}
	if sc.AppendEvery == flatOut {
		// The policy of client tokens has a limit for events a second.
		want["client"] = map[string]string{"policy": "open"}
	}
	return t.createFrom(ctx, want)
}

// createFrom asks for the session that the body describes.
func (t Target) createFrom(ctx context.Context, want map[string]any) (created, error) {
	ask, err := json.Marshal(want)
	if err != nil {
		return created{}, err
	}
	body, err := t.rest(ctx, http.MethodPost, "realtime/sessions", ask)
	if err != nil {
		return created{}, fmt.Errorf("create session: %w", err)
	}
	found := gjson.GetManyBytes(body, "session_id", "client_secret.value", "relay_url")
	relay, err := t.Root.Parse(found[2].Str)
	if err != nil || found[0].Str == "" || found[1].Str == "" || found[2].Str == "" {
		return created{}, fmt.Errorf("create session: answer lacks session_id, client_secret.value or relay_url")
	}
	return created{id: found[0].Str, secret: found[1].Str, relay: relay}, nil
}

// remove ends a session made by create; one that is gone already is as good.
func (t Target) remove(id string) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, _ = t.rest(ctx, http.MethodDelete, "realtime/sessions/"+url.PathEscape(id), nil)
}

func (t Target) rest(ctx context.Context, method, path string, ask []byte) ([]byte, error) {
	path, query, _ := strings.Cut(path, "?")
	to := t.Root.JoinPath(path)
	to.RawQuery = query
	r, err := http.NewRequestWithContext(ctx, method, to.String(), bytes.NewReader(ask))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+t.Key)
	r.Header.Set("Content-Type", "application/json")
	answer, err := t.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err == nil && answer.StatusCode >= 300 {
		err = &refused{answer.StatusCode, body}
	}
	return body, err
}

// refused is an answer that is no success.
type refused struct {
	status int
	body   []byte
}

// Error gives the status and the first 200 bytes of the body.
func (r *refused) Error() string {
	return fmt.Sprintf("%d %s: %.200s", r.status, http.StatusText(r.status), r.body)
}
