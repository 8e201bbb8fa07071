package wire

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gobwas/ws"
)

const (
	maxAnswer     = 1 << 20  // of the handshake, header and all
	maxAnswerBody = 64 << 10 // of it that goes into a HandshakeError
)

// DialOptions are how Dial connects. The zero value works.
type DialOptions struct {
	Options

	// Header goes out with the request, Host included. Fields of the handshake itself
	// are overwritten.
	Header http.Header

	// TLS is for wss; the host's name is filled in. With a ClientSessionCache in it the
	// next handshake with the same host is cheaper.
	TLS *tls.Config

	// Net opens the TCP connection; the system's dialer if nil.
	Net func(ctx context.Context, network, address string) (net.Conn, error)
}

// Dial makes the client's end of a WebSocket with a server. The scheme is ws, wss, http or
// https; no proxy is used and no redirect followed. ctx bounds the handshake only. It
// fails with a *[HandshakeError] when the server answered with anything but an upgrade.
func Dial(ctx context.Context, address string, o DialOptions) (*Conn, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("wire: dial: %w", err)
	}
	nc, err := connect(ctx, u, o)
	if err != nil {
		return nil, fmt.Errorf("wire: dial %s: %w", u.Host, err)
	}
	c, err := shakeHands(ctx, nc, u, o)
	if err != nil {
		_ = nc.Close()
		return nil, err
	}
	return c, nil
}

// connect opens the TCP connection, with TLS over it if the scheme says so.
func connect(ctx context.Context, u *url.URL, o DialOptions) (net.Conn, error) {
	port, secure := "80", false
	switch u.Scheme {
	case "ws", "http":
	case "wss", "https":
		port, secure = "443", true
	default:
		return nil, fmt.Errorf("scheme %q is not of a WebSocket", u.Scheme)
	}
	if u.Port() != "" {
		port = u.Port()
	}
	dial := o.Net
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	nc, err := dial(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return nil, err
	}
	sock := newSocket(nc)
	if !secure {
		return sock, nil
	}
	config := o.TLS.Clone()
	if config == nil {
		config = &tls.Config{}
	}
	if config.ServerName == "" {
		config.ServerName = u.Hostname()
	}
	config.NextProtos = []string{"http/1.1"}
	config.DynamicRecordSizingDisabled = true // one record, and so one write, per event
	encrypted := tls.Client(sock, config)
	if err := encrypted.HandshakeContext(ctx); err != nil {
		_ = nc.Close()
		return nil, err
	}
	return encrypted, nil
}

// shakeHands sends the upgrade request and reads the answer, until ctx is over.
func shakeHands(ctx context.Context, nc net.Conn, u *url.URL, o DialOptions) (*Conn, error) {
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(longAgo) })
	c, err := exchange(nc, u, o)
	if !stop() {
		if c != nil {
			c.end(ctx.Err(), 0, "")
		}
		return nil, fmt.Errorf("wire: handshake with %s: %w", u.Host, context.Cause(ctx))
	}
	return c, err
}

func exchange(nc net.Conn, u *url.URL, o DialOptions) (*Conn, error) {
	r := upgradeRequest(u, o)
	if err := r.Write(nc); err != nil {
		return nil, fmt.Errorf("wire: send the upgrade request: %w", err)
	}
	br := bufio.NewReader(&io.LimitedReader{R: nc, N: maxAnswer})
	answer, err := http.ReadResponse(br, r)
	if err != nil {
		return nil, fmt.Errorf("wire: read the answer to the upgrade request: %w", err)
	}
	if err := checkAnswer(answer, r, o.Subprotocols); err != nil {
		return nil, err
	}
	early, _ := br.Peek(br.Buffered())
	c := wrap(nc, early, ws.StateClientSide, o.Options)
	c.subprotocol = answer.Header.Get("Sec-Websocket-Protocol")
	return c, nil
}

func upgradeRequest(u *url.URL, o DialOptions) *http.Request {
	nonce := make([]byte, 16)
	_, _ = rand.Read(nonce) // never fails
	header := o.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	header.Set("Connection", "Upgrade")
	header.Set("Upgrade", "websocket")
	header.Set("Sec-Websocket-Version", version)
	header.Set("Sec-Websocket-Key", base64.StdEncoding.EncodeToString(nonce))
	header.Del("Sec-Websocket-Extensions")
	header.Del("Sec-Websocket-Protocol")
	if len(o.Subprotocols) > 0 {
		header.Set("Sec-Websocket-Protocol", strings.Join(o.Subprotocols, ", "))
	}
	target := *u
	target.Fragment = ""
	return &http.Request{Method: http.MethodGet, URL: &target, Host: header.Get("Host"), Header: header}
}

// checkAnswer tells what is wrong with the answer (RFC 6455 §4.1); one without an upgrade
// is given as it came, with the beginning of its body.
func checkAnswer(answer *http.Response, r *http.Request, offered []string) error {
	e := &HandshakeError{Status: answer.StatusCode, Header: answer.Header}
	if answer.StatusCode != http.StatusSwitchingProtocols {
		e.Body, _ = io.ReadAll(io.LimitReader(answer.Body, maxAnswerBody))
		return e
	}
	chosen := answer.Header.Values("Sec-Websocket-Protocol")
	switch {
	case !hasToken(answer.Header, "Upgrade", "websocket") || !hasToken(answer.Header, "Connection", "upgrade"):
		e.Reason = "server switched to something else"
	case answer.Header.Get("Sec-Websocket-Accept") != acceptKey(r.Header.Get("Sec-Websocket-Key")):
		e.Reason = "Sec-WebSocket-Accept does not match the key"
	case len(chosen) > 1 || len(chosen) == 1 && !slices.Contains(offered, chosen[0]):
		e.Reason = "server chose a subprotocol that was not offered"
	case len(answer.Header.Values("Sec-Websocket-Extensions")) > 0:
		e.Reason = "server chose an extension that was not offered"
	default:
		return nil
	}
	return e
}
