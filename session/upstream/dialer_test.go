package upstream_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"go.uber.org/goleak"

	"switchboard/session"
	"switchboard/session/upstream"
	"switchboard/session/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func serve(t *testing.T, h http.HandlerFunc) *upstream.Dialer {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	d, err := upstream.New(upstream.Options{BaseURL: s.URL + "/v1", Key: "sk-test", Project: "proj_1"})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// read returns the next message, "" when there is none.
func read(c session.Conn) (got string) {
	_ = c.Each(func(f session.Frame, err error) error {
		got = string(f.Payload())
		return errors.Join(io.EOF, err)
	})
	return got
}

func TestDialSendsWhatWasAskedFor(t *testing.T) {
	seen := make(chan *http.Request, 1)
	d := serve(t, func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Clone(context.Background())
		c, err := wire.Accept(w, r, wire.Options{})
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close(1000, "")
		if _, err := c.Write(session.NewFrame([]byte(`{"type":"session.created"}`)), session.AtOnce); err != nil {
			t.Error(err)
		}
		if got := read(c); got != "" {
			t.Errorf("read %q, which was not sent", got)
		}
	})
	conn, err := d.Dial(t.Context(), session.DialRequest{Model: "gpt-realtime-2.1", SafetyID: "user-7"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(1000, "")
	if got := read(conn); got != `{"type":"session.created"}` {
		t.Fatalf("read %q", got)
	}
	r := <-seen
	for got, want := range map[string]string{
		r.URL.String():                           "/v1/realtime?model=gpt-realtime-2.1",
		r.Header.Get("Authorization"):            "Bearer sk-test",
		r.Header.Get("OpenAI-Safety-Identifier"): "user-7",
		r.Header.Get("OpenAI-Project"):           "proj_1",
		r.Header.Get("OpenAI-Beta"):              "",
		r.Header.Get("Sec-WebSocket-Protocol"):   "",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestRefusedHandshakes(t *testing.T) {
	for name, row := range map[string]struct {
		status int
		body   string
		want   session.UpstreamError
	}{
		"with an error": {429, `{"error":{"type":"requests","code":"slow_down","message":"Slow down.","param":null}}`,
			session.UpstreamError{Status: 429, Type: "requests", Code: "slow_down", Message: "Slow down."}},
		"without": {503, "<html>", session.UpstreamError{Status: 503, Type: "handshake_error",
			Message: "The upstream refused the connection: wire: handshake was answered with status 503"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := serve(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, row.body, row.status) })
			_, err := d.Dial(t.Context(), session.DialRequest{Model: "m"})
			var got *session.UpstreamError
			if !errors.As(err, &got) || *got != row.want {
				t.Fatalf("got %#v, want %#v", err, row.want)
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	s := httptest.NewServer(nil)
	s.Close()
	d, err := upstream.New(upstream.Options{BaseURL: s.URL, Key: "sk-test"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.Dial(t.Context(), session.DialRequest{})
	var got *session.UpstreamError
	if !errors.As(err, &got) || got.Status != http.StatusBadGateway || got.Code != "upstream_unreachable" {
		t.Fatalf("got %v", err)
	}
}

func TestSlowHandshakeIsATimeout(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer s.Close()
	d, err := upstream.New(upstream.Options{BaseURL: s.URL, Key: "sk-test"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 1)
	defer cancel()
	if _, err = d.Dial(ctx, session.DialRequest{}); !errors.Is(err, session.ErrTimeout) {
		t.Fatalf("got %v", err)
	}
}

func TestNewRefusesBadOptions(t *testing.T) {
	for name, o := range map[string]upstream.Options{
		"no key":      {},
		"scheme":      {Key: "k", BaseURL: "ftp://host"},
		"no host":     {Key: "k", BaseURL: "https:///v1"},
		"credentials": {Key: "k", BaseURL: "https://u:p@host/v1"},
	} {
		if _, err := upstream.New(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
