package gateway

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"

	"switchboard/session"
)

// nodeHeader proves that a request comes from a node of this fleet: the time and an HMAC
// of it, the method, the path and the body, under the secret that the nodes share.
const nodeHeader = "Switchboard-Node"

// nodeSkew is how far two nodes' clocks may be apart.
const nodeSkew = time.Minute

// snapshotBytes bounds a session on its way to this node.
const snapshotBytes = 64 << 20

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

func sign(secret []byte, method, path string, body []byte, now time.Time) string {
	at := strconv.FormatInt(now.Unix(), 10)
	mac := hmac.New(sha256.New, secret)
	fmt.Fprintf(mac, "%s\n%s\n%s\n", at, method, path)
	mac.Write(body)
	return at + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// signed reports whether value was made by a node for this request.
func signed(secret []byte, value, method, path string, body []byte) bool {
	at, _, ok := strings.Cut(value, ".")
	unix, err := strconv.ParseInt(at, 10, 64)
	if !ok || err != nil || len(secret) == 0 {
		return false
	}
	then := time.Unix(unix, 0)
	if age := time.Since(then); age > nodeSkew || age < -nodeSkew {
		return false
	}
	return hmac.Equal([]byte(value), []byte(sign(secret, method, path, body, then)))
}

// hopped reports whether a request was sent on by another node. A header that proves
// nothing is as good as none.
func (g *Gateway) hopped(r *http.Request) bool {
	value := r.Header.Get(nodeHeader)
	if value == "" {
		return false
	}
	body, err := g.bodyAgain(r)
	if err != nil {
		return false
	}
	secret, err := g.Secret(r.Context())
	return err == nil && signed(secret, value, r.Method, r.URL.Path, body)
}

// adopt takes a session over from a node that hands it over.
func (g *Gateway) adopt(c *gin.Context) {
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, snapshotBytes))
	if err != nil {
		g.fail(c, refuse(http.StatusRequestEntityTooLarge, "", "the body is over the limit"))
		return
	}
	patient(c)
	secret, err := g.Secret(c.Request.Context())
	if err != nil {
		g.fail(c, storeError{err})
		return
	}
	if !signed(secret, c.GetHeader(nodeHeader), c.Request.Method, c.Request.URL.Path, body) {
		g.fail(c, refuse(http.StatusUnauthorized, "", "this address is for the nodes of this fleet"))
		return
	}
	var s session.Snapshot
	if err := json.Unmarshal(body, &s); err != nil || string(s.Record.ID) != c.Param("id") {
		g.fail(c, refuse(http.StatusBadRequest, "malformed-request", "the body is no snapshot of this session"))
		return
	}
	if err := g.Hub.Adopt(c.Request.Context(), s); err != nil {
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
		r.Header.Set(nodeHeader, sign(key, http.MethodPost, path, body, time.Now()))
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
