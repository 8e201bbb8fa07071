package trial

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"time"
)

const (
	halfSent    = 128      // connections with a header that never ends
	adoptedBody = 64 << 20 // what a node may send to another one
	forgedBody  = 1 << 20
)

// abuseWithout does its worst without a key or a token. Session is the ID of one that exists.
func (a *abuser) abuseWithout(ctx context.Context, session string) {
	a.repeat(ctx, 4, "relay without a token", func(ctx context.Context) string {
		return a.handshake(ctx, "relay without a token", sessionPath(session, "/relay"))
	})
	a.repeat(ctx, 4, "v1/realtime with a wrong key", func(ctx context.Context) string {
		return a.handshake(ctx, "v1/realtime with a wrong key", "v1/realtime")
	})
	a.repeat(ctx, halfSent, "half a header", a.halfHeader)
	a.repeat(ctx, 4, "64 MiB to internal/sessions", func(ctx context.Context) string {
		return a.post(ctx, "internal/sessions/x", "application/json", adoptedBody, letters(adoptedBody), nil)
	})
	a.repeat(ctx, 2, "64 MiB to internal/sessions in chunks", func(ctx context.Context) string {
		return a.post(ctx, "internal/sessions/x", "application/json", -1, letters(adoptedBody), nil)
	})
	a.repeat(ctx, 4, "webhooks with a wrong signature", func(ctx context.Context) string {
		return a.post(ctx, "webhooks/openai", "application/json", forgedBody, letters(forgedBody), http.Header{
			"Webhook-Id": {"wh_forged"}, "Webhook-Timestamp": {fmt.Sprint(time.Now().Unix())},
			"Webhook-Signature": {"v1,Zm9yZ2VkZm9yZ2VkZm9yZ2VkZm9yZ2VkZm9yZ2VkZm8="},
		})
	})
}

// handshake opens a WebSocket with a key that does not exist. Browsers cannot read the status
// of a refused handshake, so OpenAI's contract opens the socket and closes it with a code.
func (a *abuser) handshake(ctx context.Context, attack, path string) string {
	c, err := a.node.Dial(ctx, a.node.Root.JoinPath(path), "sk-wrong-"+fmt.Sprint(time.Now().UnixNano()))
	if err != nil {
		return statusOf(err)
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	return statusOf(a.drain(ctx, c, attack))
}

// halfHeader begins a request and sends its header a byte at a time until it is cut off.
func (a *abuser) halfHeader(ctx context.Context) string {
	nc, err := (&net.Dialer{}).DialContext(ctx, "tcp", a.node.Root.Host)
	if err != nil {
		return statusOf(err)
	}
	defer nc.Close()
	defer context.AfterFunc(ctx, func() { nc.Close() })()
	begin := time.Now()
	answer := make(chan string, 1)
	go func() {
		r, err := http.ReadResponse(bufio.NewReader(nc), nil)
		if err != nil {
			answer <- fmt.Sprintf("cut off after %.0f s", time.Since(begin).Seconds())
			return
		}
		answer <- r.Status
	}()
	_, err = nc.Write([]byte("GET /realtime/sessions HTTP/1.1\r\nHost: x\r\nX-Slow: "))
	for err == nil {
		select {
		case said := <-answer:
			return said
		case <-time.After(time.Second / 2):
			_, err = nc.Write([]byte("x"))
		}
	}
	return <-answer
}
