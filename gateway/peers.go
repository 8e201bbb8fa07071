package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"switchboard/gateway/problem"
	"switchboard/session"
	"switchboard/session/hub"
)

// internalHeartbeat is where nodes ask each other who they are, and for what a node without Redis needs.
const internalHeartbeat = "/internal/heartbeat"

// answerBytes bounds what a node is told by another one: a heartbeat of every node.
const answerBytes = 1 << 20

// identity is the answer of a node that is asked who it is.
type identity struct {
	Incarnation string `json:"incarnation"`
}

// peers reaches the other nodes.
type peers struct {
	client *http.Client
	secret Secret
}

// Peers reaches other nodes over a transport that NodeTransport made; it is what
// hub.Options.Peers wants. Each call is a connection of its own: that an old one still works
// says nothing.
func Peers(t *http.Transport, secret Secret) hub.Peers {
	t = t.Clone()
	t.DisableKeepAlives = true
	return &peers{client: &http.Client{Transport: t}, secret: secret}
}

// Incarnation implements [hub.Peers].
func (p *peers) Incarnation(ctx context.Context, url string) (string, error) {
	var who identity
	err := p.call(ctx, http.MethodGet, url, nil, &who)
	return who.Incarnation, err
}

// Vouch implements [hub.Peers].
func (p *peers) Vouch(ctx context.Context, url string, b session.Heartbeat) (v hub.Voucher, err error) {
	body, err := json.Marshal(b)
	if err != nil {
		return v, fmt.Errorf("encode heartbeat: %w", err)
	}
	return v, p.call(ctx, http.MethodPost, url, body, &v)
}

func (p *peers) call(ctx context.Context, method, url string, body []byte, answer any) error {
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(url, "/")+internalHeartbeat, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if body != nil {
		secret, err := p.secret(ctx)
		if err != nil {
			return fmt.Errorf("read the nodes' secret: %w", err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set(nodeHeader, proofOf(body, time.Now()).sign(secret, r, url))
	}
	res, err := p.client.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s%s: %s", url, internalHeartbeat, res.Status)
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, answerBytes)).Decode(answer); err != nil {
		return fmt.Errorf("decode answer of %s: %w", url, err)
	}
	return nil
}

// whoami tells which incarnation of this node answers.
func (g *Gateway) whoami(c *gin.Context) {
	c.JSON(http.StatusOK, identity{g.options.Hub.Incarnation()})
}

// vouch passes the heartbeat of a node that has lost Redis on, or promises not to declare it dead.
func (g *Gateway) vouch(c *gin.Context) {
	p, ok := g.fromNode(c)
	if !ok {
		return
	}
	var b session.Heartbeat
	body, err := p.read(c.Request.Body)
	if err == nil {
		err = json.Unmarshal(body, &b)
	}
	if err != nil {
		g.fail(c, problem.New(http.StatusBadRequest, "malformed-request", "the body is no heartbeat, or not the one that was signed"))
		return
	}
	v, err := g.options.Hub.Vouch(c.Request.Context(), b)
	if err != nil {
		g.fail(c, storeError{err})
		return
	}
	c.JSON(http.StatusOK, v)
}
