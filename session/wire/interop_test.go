package wire_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"switchboard/session"
	"switchboard/session/wire"
)

// coderSizes are around the lengths at which the header and our blocks change. 15 MiB
// is what the Realtime API allows in an append; it goes one way over plain TCP only.
var coderSizes = []int{0, 1, 125, 126, 32 << 10, 65535, 65536, 1 << 20}

const coderLargest = 15 << 20

func TestCoderDialsUs(t *testing.T) {
	for name, s := range map[string]func(http.Handler) *httptest.Server{"plain": httptest.NewServer, "TLS": tlsServer(false), "TLS over our listener": tlsServer(true)} {
		for how, serveEcho := range map[string]func(*wire.Conn) error{"Read": echo, "Each": echoEach} {
			t.Run(name+"/"+how, func(t *testing.T) {
				s := s(handler(t, wire.Options{Subprotocols: []string{"realtime"}}, func(c *wire.Conn) { serveEcho(c) }))
				t.Cleanup(s.Close)
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				peer, _, err := websocket.Dial(ctx, s.URL, &websocket.DialOptions{
					HTTPClient:      s.Client(),
					Subprotocols:    []string{"openai-insecure-api-key.ek_1", "realtime"},
					CompressionMode: websocket.CompressionContextTakeover, // which must not be agreed to
				})
				if err != nil {
					t.Fatal(err)
				}
				defer peer.CloseNow()
				if peer.Subprotocol() != "realtime" {
					t.Fatalf("subprotocol %q", peer.Subprotocol())
				}
				coderEchoes(ctx, t, peer)
				if err := peer.Close(4002, "over"); err != nil {
					t.Fatalf("closing handshake: %v", err)
				}
			})
		}
	}
}

// coderEchoes holds the other end to sending back what comes.
func coderEchoes(ctx context.Context, t *testing.T, peer *websocket.Conn) {
	t.Helper()
	peer.SetReadLimit(-1)
	want := func(text string) {
		t.Helper()
		kind, got, err := peer.Read(ctx)
		if err != nil || kind != websocket.MessageText || string(got) != text {
			t.Fatalf("read %v, %d bytes, %v; want %d", kind, len(got), err, len(text))
		}
	}
	for _, n := range coderSizes {
		text := strings.Repeat("é", n/2) + strings.Repeat("x", n%2)
		if err := peer.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
			t.Fatal(err)
		}
		want(text)
	}
	for range 3 { // in fragments, with pings between
		w, err := peer.Writer(ctx, websocket.MessageText)
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			if _, err := w.Write([]byte(strings.Repeat("fragment ", 3000))); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		want(strings.Repeat("fragment ", 15000))
	}
	readCtx := peer.CloseRead(ctx)
	if err := peer.Ping(readCtx); err != nil {
		t.Fatalf("ping: %v", err)
	}
}

func TestWeDialCoder(t *testing.T) {
	for name, newServer := range map[string]func(http.Handler) *httptest.Server{"plain": httptest.NewServer, "TLS": tlsServer(false)} {
		t.Run(name, func(t *testing.T) {
			closed := make(chan error, 1)
			s := newServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				peer, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"realtime"}})
				if err != nil {
					t.Errorf("coder's accept: %v", err)
					return
				}
				defer peer.CloseNow()
				closed <- coderServes(r.Context(), peer)
			}))
			t.Cleanup(s.Close)
			c := dial(t, s.URL, wire.DialOptions{TLS: clientTLS(s), Options: wire.Options{Subprotocols: []string{"realtime"}}})
			if c.Subprotocol() != "realtime" {
				t.Fatalf("subprotocol %q", c.Subprotocol())
			}
			for _, n := range coderSizes {
				text := strings.Repeat("y", n)
				sendText(t, c, text)
				wantText(t, c, text)
			}
			if name == "plain" {
				large := strings.Repeat("z", coderLargest)
				sendText(t, c, large)
				wantText(t, c, large)
			}
			sendText(t, c, "fragments")
			wantText(t, c, strings.Repeat("fragment ", 15000))
			sendText(t, c, "ping me")
			wantText(t, c, "pong came")
			c.Close(4003, "enough")
			if err := <-closed; websocket.CloseStatus(err) != 4003 || !strings.Contains(err.Error(), "enough") {
				t.Fatalf("coder saw %v", err)
			}
		})
	}
}

// coderServes echoes, and does more when asked to.
func coderServes(ctx context.Context, peer *websocket.Conn) error {
	peer.SetReadLimit(-1)
	for {
		_, got, err := peer.Read(ctx)
		if err != nil {
			return err
		}
		switch string(got) {
		case "ping me":
			go func() {
				if peer.Ping(ctx) == nil { // needs the reads of the loop
					_ = peer.Write(ctx, websocket.MessageText, []byte("pong came"))
				}
			}()
		case "fragments":
			w, err := peer.Writer(ctx, websocket.MessageText)
			if err != nil {
				return err
			}
			for range 5 {
				_, _ = w.Write([]byte(strings.Repeat("fragment ", 3000)))
			}
			_ = w.Close()
		default:
			if err := peer.Write(ctx, websocket.MessageText, got); err != nil {
				return err
			}
		}
	}
}

func TestCoderClosesWithCodeAndReason(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Errorf("coder's accept: %v", err)
			return
		}
		_ = peer.Write(r.Context(), websocket.MessageText, []byte("error"))
		_ = peer.Close(3000, "invalid_request_error.invalid_api_key")
	}))
	t.Cleanup(s.Close)
	c := dial(t, s.URL, wire.DialOptions{})
	wantText(t, c, "error")
	_, err := c.Read()
	wantClose(t, err, 3000, "invalid_request_error.invalid_api_key")
	var closed *session.CloseError
	if _, again := c.Read(); !errors.As(again, &closed) {
		t.Fatalf("second read: %v", again)
	}
}
