package wire

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/gobwas/ws"
)

// answerWithin bounds the write of the 101. The socket's buffer is empty then, so only a
// peer that is gone or a TLS layer in trouble ever takes that long.
const answerWithin = 5 * time.Second

// Accept makes the server's end of a WebSocket of an upgrade request. The header fields
// set on w go out with the 101. On a *[HandshakeError] nothing was written and the caller
// answers; after any other error the connection is gone.
//
// Who may connect, the Origin above all, is for the caller to check before. The handler
// should return and leave the connection to other goroutines: net/http's own holds 4 to
// 8 KiB of stack and request.
func Accept(w http.ResponseWriter, r *http.Request, o Options) (*Conn, error) {
	if err := CheckUpgrade(r); err != nil {
		return nil, err
	}
	nc, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, &HandshakeError{Status: http.StatusNotImplemented, Reason: "connection cannot be taken over: " + err.Error()}
	}
	early, _ := buffered.Reader.Peek(buffered.Reader.Buffered())
	subprotocol := choose(o.Subprotocols, tokens(r.Header, "Sec-Websocket-Protocol"))
	_ = nc.SetWriteDeadline(time.Now().Add(answerWithin))
	if _, err := nc.Write(switching(w.Header(), r.Header.Get("Sec-Websocket-Key"), subprotocol)); err != nil {
		_ = nc.Close()
		return nil, fmt.Errorf("wire: answer the upgrade: %w", err)
	}
	_ = nc.SetDeadline(time.Time{})
	c := wrap(nc, early, ws.StateServerSide, o)
	c.subprotocol = subprotocol
	return c, nil
}

// CheckUpgrade tells what is wrong with an upgrade request (RFC 6455 §4.2.1), as a
// *[HandshakeError]; nil if [Accept] would take it. It is for who has work to do before Accept.
func CheckUpgrade(r *http.Request) error {
	refuse := func(status int, reason string, header ...string) error {
		e := &HandshakeError{Status: status, Reason: reason, Header: http.Header{}}
		for i := 0; i < len(header); i += 2 {
			e.Header.Set(header[i], header[i+1])
		}
		return e
	}
	key, err := base64.StdEncoding.DecodeString(r.Header.Get("Sec-Websocket-Key"))
	switch {
	case r.Method != http.MethodGet:
		return refuse(http.StatusMethodNotAllowed, "method is not GET", "Allow", http.MethodGet)
	case r.ProtoMajor != 1 || r.ProtoMinor < 1:
		return refuse(http.StatusUpgradeRequired, "protocol is not HTTP/1.1", "Upgrade", "websocket", "Connection", "Upgrade")
	case !hasToken(r.Header, "Connection", "upgrade") || !hasToken(r.Header, "Upgrade", "websocket"):
		return refuse(http.StatusUpgradeRequired, "request does not ask for an upgrade to websocket", "Upgrade", "websocket", "Connection", "Upgrade")
	case r.Header.Get("Sec-Websocket-Version") != version:
		return refuse(http.StatusUpgradeRequired, "Sec-WebSocket-Version is not 13",
			"Sec-Websocket-Version", version, "Upgrade", "websocket", "Connection", "Upgrade")
	case err != nil || len(key) != 16 || len(r.Header.Values("Sec-Websocket-Key")) > 1:
		return refuse(http.StatusBadRequest, "Sec-WebSocket-Key is not one key of 16 bytes in base64")
	default:
		return nil
	}
}

// choose picks the first of ours that was offered.
func choose(ours, offered []string) string {
	for _, p := range ours {
		if slices.Contains(offered, p) {
			return p
		}
	}
	return ""
}

// switching is the answer that turns the connection into a WebSocket.
func switching(extra http.Header, key, subprotocol string) []byte {
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
	b.WriteString("Sec-WebSocket-Accept: " + acceptKey(key) + "\r\n")
	if subprotocol != "" {
		b.WriteString("Sec-WebSocket-Protocol: " + subprotocol + "\r\n")
	}
	_ = extra.WriteSubset(&b, map[string]bool{ // to a buffer: cannot fail
		"Upgrade": true, "Connection": true, "Content-Length": true, "Transfer-Encoding": true,
		"Sec-Websocket-Accept": true, "Sec-Websocket-Protocol": true, "Sec-Websocket-Extensions": true,
	})
	b.WriteString("\r\n")
	return b.Bytes()
}
