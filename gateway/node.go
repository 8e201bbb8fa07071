package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"

	"switchboard/gateway/problem"
	"switchboard/session"
)

// Bounds of sessions on their way to this node.
const (
	snapshotBytes   = 64 << 20 // one of them
	adoptionsAtOnce = 8        // more wait before their bodies are read
)

// Secret returns what the nodes of a fleet know each other by; the same for all of them.
type Secret func(context.Context) ([]byte, error)

// Once asks for the secret until there is an answer, and keeps that.
func (s Secret) Once() Secret {
	var kept atomic.Pointer[[]byte]
	return func(ctx context.Context) ([]byte, error) {
		if b := kept.Load(); b != nil {
			return *b, nil
		}
		b, err := s(ctx)
		if err == nil {
			kept.Store(&b)
		}
		return b, err
	}
}

// adopt takes a session over from a node that hands it over. Who it comes from is known before
// its body is read.
func (g *Gateway) adopt(c *gin.Context) {
	p, ok := g.fromNode(c)
	switch {
	case !ok:
		return
	case p.length > snapshotBytes:
		g.fail(c, problem.New(http.StatusRequestEntityTooLarge, "", "the body is over the limit"))
		return
	}
	select {
	case g.adoptions <- struct{}{}:
		defer func() { <-g.adoptions }()
	case <-c.Request.Context().Done():
		g.fail(c, c.Request.Context().Err())
		return
	}
	body, err := p.read(c.Request.Body)
	if err != nil {
		g.fail(c, problem.New(http.StatusBadRequest, "malformed-request", "the body is not the one that was signed"))
		return
	}
	patient(c)
	s, err := session.ParseSnapshot(body)
	if invalid := new(session.InvalidError); errors.As(err, &invalid) {
		g.fail(c, invalid)
		return
	}
	if err != nil || string(s.Record.ID) != c.Param("id") {
		g.fail(c, problem.New(http.StatusBadRequest, "malformed-request", "the body is no snapshot of this session"))
		return
	}
	if err := g.options.Hub.Adopt(c.Request.Context(), s); err != nil {
		g.fail(c, err)
		return
	}
	c.Status(http.StatusNoContent)
}

// HandOver gives a session to another node; it is what session.HubOptions.HandOver wants.
func HandOver(client *http.Client, secret Secret) func(context.Context, session.Node, session.Snapshot) error {
	return func(ctx context.Context, to session.Node, s session.Snapshot) error {
		body, err := json.Marshal(s)
		if err != nil {
			return fmt.Errorf("encode snapshot: %w", err)
		}
		path := internalSessions + "/" + string(s.Record.ID)
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(to.URL, "/")+path, bytes.NewReader(body))
		if err != nil {
			return err
		}
		key, err := secret(ctx)
		if err != nil {
			return fmt.Errorf("read the nodes' secret: %w", err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set(nodeHeader, proofOf(body, time.Now()).sign(key, r, to.URL))
		res, err := client.Do(r)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if res.StatusCode == http.StatusNoContent {
			return nil
		}
		why, err := io.ReadAll(io.LimitReader(res.Body, 1<<10))
		return errors.Join(fmt.Errorf("%s: %s", res.Status, why), err)
	}
}
