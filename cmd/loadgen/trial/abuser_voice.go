package trial

import (
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"switchboard/cmd/loadgen/endpoint"
)

// Sizes of what a client token sends, around the limits of the voice policy.
const (
	largestEvent   = 1 << 20   // the policy's event_bytes
	oversizedEvent = 2 << 20   // over it
	hugeEvent      = 17 << 20  // over --frame-bytes too
	imageBytes     = 192 << 10 // before base64
	textBytes      = 64 << 10
	itemEvery      = 600 * time.Millisecond // an image and a text: all of bytes_per_second
	heldTime       = 2 * time.Second        // for which an abuser holds a socket that it does not read
	unreadBuffer   = 4 << 10                // of the kernel, for such a socket
)

// abuseToken does its worst with one token of the voice policy.
func (a *abuser) abuseToken(ctx context.Context, s endpoint.Created) {
	// The token has few sockets: those that send come first.
	a.repeat(ctx, 1, "images and texts", func(ctx context.Context) string { return a.items(ctx, s) })
	large, over, huge := appendOf(largestEvent), appendOf(oversizedEvent), appendOf(hugeEvent)
	a.repeat(ctx, 2, "frames of 1 MiB", func(ctx context.Context) string { return a.flood(ctx, s, "frames of 1 MiB", large) })
	a.repeat(ctx, 2, "frames of 2 MiB", func(ctx context.Context) string { return a.flood(ctx, s, "frames of 2 MiB", over) })
	a.repeat(ctx, 1, "frames of 17 MiB", func(ctx context.Context) string { return a.flood(ctx, s, "frames of 17 MiB", huge) })
	a.repeat(ctx, 32, "sockets, held", func(ctx context.Context) string { return a.hold(ctx, s, "") })
	a.repeat(ctx, 8, "resets, never read", func(ctx context.Context) string {
		return a.hold(ctx, s, fmt.Sprintf("last_event_id=event_unknown_%d", rand.Int()))
	})
}

// hold opens a socket and reads nothing from it.
func (a *abuser) hold(ctx context.Context, s endpoint.Created, query string) string {
	c, end, err := a.socket(ctx, s, query)
	if err != nil {
		return statusOf(err)
	}
	defer end()
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(unreadBuffer) // a larger one holds more, and proves less
	}
	_ = endpoint.Sleep(ctx, heldTime)
	return "101"
}

// flood sends a frame again and again until the socket ends or was open for a while.
func (a *abuser) flood(ctx context.Context, s endpoint.Created, attack string, frame []byte) string {
	c, end, err := a.socket(ctx, s, "")
	if err != nil {
		return statusOf(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- a.drain(ctx, c, attack) }()
	for begin := time.Now(); time.Since(begin) < heldTime && ctx.Err() == nil; {
		_ = c.SetWriteDeadline(time.Now().Add(heldTime))
		if _, err := c.Write(frame); err != nil {
			break
		}
		a.count(ctx, attack, "sent")
		if endpoint.Sleep(ctx, a.pause) != nil {
			break
		}
	}
	// The close frame, if there is one, is on its way already.
	select {
	case err := <-ended:
		end()
		return statusOf(err)
	case <-time.After(heldTime):
	}
	end()
	c.Close()
	<-ended
	return "open to the end"
}

// items sends images and texts as items, at the rate that the policy allows, as long as the socket lasts.
func (a *abuser) items(ctx context.Context, s endpoint.Created) string {
	c, end, err := a.socket(ctx, s, "")
	if err != nil {
		return statusOf(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- a.drain(ctx, c, "images and texts") }()
	image := imageItem(imageBytes)
	text := itemOf(`{"type":"input_text","text":"` + strings.Repeat("x", textBytes) + `"}`)
	for n := 0; ctx.Err() == nil; n++ {
		message := image
		if n%2 == 1 {
			message = text
		}
		if c.Text([]byte(message)) != nil {
			break
		}
		a.count(ctx, "images and texts", "sent")
		if endpoint.Sleep(ctx, itemEvery/2) != nil {
			break
		}
	}
	end()
	c.Close()
	return statusOf(<-ended)
}

// imageItem creates an item with an image of that many random bytes.
func imageItem(bytes int) string {
	image := make([]byte, bytes)
	for i := range image {
		image[i] = byte(rand.Uint32())
	}
	copy(image, "\x89PNG\r\n\x1a\n")
	return itemOf(`{"type":"input_image","image_url":"data:image/png;base64,` + base64.StdEncoding.EncodeToString(image) + `"}`)
}

func itemOf(part string) string {
	return `{"type":"conversation.item.create","item":{"type":"message","role":"user","content":[` + part + `]}}`
}

// errorCode is what an error event says first.
func errorCode(message []byte) (string, bool) {
	if gjson.GetBytes(message, "type").Str != "error" {
		return "", false
	}
	found := gjson.GetManyBytes(message, "error.code", "error.type")
	if found[0].Str != "" {
		return found[0].Str, true
	}
	return found[1].Str, true
}
