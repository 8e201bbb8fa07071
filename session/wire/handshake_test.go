package wire_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"switchboard/session/wire"
)

func TestAcceptRefuses(t *testing.T) {
	good := http.Header{
		"Connection": {"keep-alive, Upgrade"}, "Upgrade": {"WebSocket"},
		"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
	}
	tests := []struct {
		name, method, field, value string
		status                     int
		answer                     string // header field that the answer must have
	}{
		{"method", "POST", "", "", 405, "Allow"},
		{"no connection", "GET", "Connection", "", 426, "Upgrade"},
		{"other connection", "GET", "Connection", "close", 426, "Upgrade"},
		{"no upgrade", "GET", "Upgrade", "", 426, "Upgrade"},
		{"other upgrade", "GET", "Upgrade", "h2c", 426, "Upgrade"},
		{"no version", "GET", "Sec-Websocket-Version", "", 426, "Sec-Websocket-Version"},
		{"old version", "GET", "Sec-Websocket-Version", "8", 426, "Sec-Websocket-Version"},
		{"no key", "GET", "Sec-Websocket-Key", "", 400, ""},
		{"short key", "GET", "Sec-Websocket-Key", "c2hvcnQ=", 400, ""},
		{"key is not base64", "GET", "Sec-Websocket-Key", "****", 400, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(tt.method, "/", nil)
			r.Header = maps.Clone(good)
			if tt.field != "" {
				r.Header.Set(tt.field, tt.value)
			}
			w := httptest.NewRecorder()
			_, err := wire.Accept(w, r, wire.Options{})
			var refused *wire.HandshakeError
			if !errors.As(err, &refused) || refused.Status != tt.status {
				t.Fatalf("got %v, want status %d", err, tt.status)
			}
			if tt.answer != "" && refused.Header.Get(tt.answer) == "" {
				t.Errorf("no %s to answer with", tt.answer)
			}
			if w.Body.Len() > 0 || len(w.Header()) > 0 {
				t.Error("something was written")
			}
		})
	}
}

func TestAcceptPassesHeadersOn(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Request-Id", "r1")
		w.Header().Set("Sec-Websocket-Extensions", "permessage-deflate")
		c, err := wire.Accept(w, r, wire.Options{})
		if err != nil {
			t.Error(err)
			return
		}
		c.Close(1000, "")
	}))
	defer s.Close()
	nc, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	_, _ = nc.Write([]byte(upgradeRequest))
	answer, _ := io.ReadAll(nc)
	head, _, _ := bytes.Cut(answer, []byte("\r\n\r\n"))
	if !bytes.Contains(head, []byte("X-Request-Id: r1")) || bytes.Contains(head, []byte("deflate")) {
		t.Fatalf("answered %q", head)
	}
}

func TestDialTellsWhatTheServerAnswered(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer sk" || r.Host != "api.example.com" {
			t.Errorf("request has %v for %q", r.Header, r.Host)
		}
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = io.WriteString(w, strings.Repeat("slow down ", 100_000))
	}))
	defer s.Close()
	_, err := wire.Dial(t.Context(), s.URL, wire.DialOptions{Header: http.Header{"Authorization": {"Bearer sk"}, "Host": {"api.example.com"}}})
	var refused *wire.HandshakeError
	if !errors.As(err, &refused) || refused.Status != 429 || refused.Header.Get("Retry-After") != "7" {
		t.Fatalf("got %v", err)
	}
	if !strings.HasPrefix(string(refused.Body), "slow down") || len(refused.Body) > 64<<10 {
		t.Fatalf("body of %d bytes", len(refused.Body))
	}
}

func TestDialRefusesABadAnswer(t *testing.T) {
	for name, answer := range map[string]func(r *http.Request) string{
		"wrong accept": func(*http.Request) string {
			return "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAA\r\n\r\n"
		},
		"other upgrade": func(*http.Request) string { return "HTTP/1.1 101 x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n" },
		"extension": func(r *http.Request) string {
			return string(upgradeAnswer(r, "Sec-WebSocket-Extensions: permessage-deflate\r\n"))
		},
		"subprotocol unasked": func(r *http.Request) string { return string(upgradeAnswer(r, "Sec-WebSocket-Protocol: chat\r\n")) },
		"not HTTP":            func(*http.Request) string { return "SSH-2.0-OpenSSH_9.2p1\r\n" },
		"nothing":             func(*http.Request) string { return "" },
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				nc, _, _ := http.NewResponseController(w).Hijack()
				defer nc.Close()
				_, _ = io.WriteString(nc, answer(r))
			}))
			defer s.Close()
			c, err := wire.Dial(t.Context(), s.URL, wire.DialOptions{Options: wire.Options{Subprotocols: []string{"realtime"}}})
			if err == nil {
				c.Close(1000, "")
				t.Fatal("no error")
			}
		})
	}
}

func TestDialGivesUpWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("caller left")
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cancel(why)
		<-r.Context().Done()
	}))
	defer s.Close()
	if _, err := wire.Dial(ctx, s.URL, wire.DialOptions{}); !errors.Is(err, why) {
		t.Fatalf("got %v", err)
	}
}

func TestDialKnowsItsSchemes(t *testing.T) {
	for _, url := range []string{"ftp://127.0.0.1/", "127.0.0.1", "ws://127.0.0.1:bad/", "://"} {
		if _, err := wire.Dial(t.Context(), url, wire.DialOptions{}); err == nil {
			t.Errorf("%s: no error", url)
		}
	}
}

func TestDialOutlivesItsContext(t *testing.T) {
	url := serve(t, wire.Options{}, func(c *wire.Conn) { echo(c) })
	ctx, cancel := context.WithCancel(t.Context())
	c, err := wire.Dial(ctx, url, wire.DialOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(1000, "")
	cancel()
	sendText(t, c, "still here")
	wantText(t, c, "still here")
}
