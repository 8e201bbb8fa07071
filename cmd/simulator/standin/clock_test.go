package standin_test

import (
	"context"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"switchboard/cmd/simulator/standin"
)

// pipeListener accepts in-memory connections, which a synctest bubble can wait for.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { close(l.done); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

func (l *pipeListener) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	l.conns <- theirs
	return ours, nil
}

// onFakeClock runs f with a client inside a bubble, where hours pass at once.
func onFakeClock(t *testing.T, opts standin.Options, pinged func(context.Context, []byte) bool, f func(c *client)) {
	t.Helper()
	opts.Keys, opts.Speed = []string{testKey}, 4
	synctest.Test(t, func(t *testing.T) {
		listener := &pipeListener{make(chan net.Conn), make(chan struct{})}
		stand := standin.New(opts)
		server := &http.Server{Handler: stand, ReadHeaderTimeout: time.Minute}
		served := make(chan error, 1)
		go func() { served <- server.Serve(listener) }()
		transport := &http.Transport{DialContext: listener.dial}
		ws, _, err := websocket.Dial(t.Context(), "ws://standin/v1/realtime?model=gpt-realtime", &websocket.DialOptions{ // taken over
			HTTPClient: &http.Client{Transport: transport}, HTTPHeader: http.Header{"Authorization": {"Bearer " + testKey}}, OnPingReceived: pinged,
		})
		if err != nil {
			t.Fatal(err)
		}
		ws.SetReadLimit(-1)
		f(&client{t, ws})
		_ = ws.CloseNow()
		transport.CloseIdleConnections()
		stand.Close()
		_ = server.Close()
		<-served
	})
}

func TestIdleTimeoutSpeaksUp(t *testing.T) {
	onFakeClock(t, standin.Options{}, nil, func(c *client) {
		c.next("session.created")
		c.update(`"audio":{"input":{"turn_detection":{"type":"server_vad","idle_timeout_ms":6000}}}`)
		began := time.Now()
		c.send(`{"type":"response.create","response":{"instructions":"Say \"a short answer\""}}`)
		audio := heard(c.until("rate_limits.updated"))
		item := c.next("input_audio_buffer.timeout_triggered").Get("item_id").Str
		played := time.Duration(len(audio)/48) * time.Millisecond
		if waited := time.Since(began); waited < 6*time.Second+played || waited > 6*time.Second+played+100*time.Millisecond {
			c.t.Errorf("timed out after %v, want 6 s behind %v of audio", waited, played)
		}
		if got := c.next("input_audio_buffer.committed").Get("item_id").Str; got != item {
			c.t.Errorf("committed %s, timed out %s", got, item)
		}
		c.next("conversation.item.added")
		c.next("conversation.item.done")
		c.until("response.done")
	})
}

func TestSessionIsPingedUntilItExpires(t *testing.T) {
	pings := 0
	count := func(_ context.Context, payload []byte) bool {
		if len(payload) == 4 {
			pings++
		}
		return true
	}
	onFakeClock(t, standin.Options{}, count, func(c *client) {
		created := c.next("session.created")
		if got := time.Until(time.Unix(created.Get("session.expires_at").Int(), 0)).Round(time.Second); got != time.Hour {
			c.t.Errorf("expires in %v", got)
		}
		for {
			ctx, cancel := context.WithTimeout(c.t.Context(), 2*time.Hour)
			_, _, err := c.ws.Read(ctx)
			cancel()
			if err == nil {
				continue
			}
			if websocket.CloseStatus(err) != 1001 {
				c.t.Errorf("ended with %v", err)
			}
			break
		}
		if pings != 177 { // an hour of 20.26 s
			c.t.Errorf("%d pings", pings)
		}
	})
}

// Audio comes Speed times as fast as it plays, however slowly the machine runs.
func TestAudioIsPaced(t *testing.T) {
	onFakeClock(t, standin.Options{}, nil, func(c *client) {
		c.next("session.created")
		c.say("Tell me a long story.")
		began := time.Now()
		c.send(`{"type":"response.create"}`)
		played := time.Duration(len(heard(c.until("response.done")))/48) * time.Millisecond
		if took := time.Since(began); took < played/4-100*time.Millisecond || took > played/4 {
			c.t.Errorf("%v of audio took %v, want a fourth", played, took)
		}
	})
}
