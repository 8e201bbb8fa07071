package gateway

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"switchboard/gateway/problem"
)

// nodeHeader proves that a request comes from a node of this fleet: "<unix seconds>.<length of
// the body>.<SHA-256 of it>.<HMAC>". The HMAC, under the secret that the nodes share, is of all
// that, the method, the path with its query and the node that the request is for. So it is
// checked before the body is read, and is good for nothing else.
const nodeHeader = "Switchboard-Node"

// nodeSkew is how far two nodes' clocks may be apart.
const nodeSkew = time.Minute

// errBody ends the reading of a body that is not the one that was signed.
var errBody = errors.New("gateway: the body is not the one that was signed")

// proof is what the header says.
type proof struct {
	at     int64
	length int64
	digest [sha256.Size]byte
}

func proofOf(body []byte, now time.Time) proof {
	return proof{at: now.Unix(), length: int64(len(body)), digest: sha256.Sum256(body)}
}

// sign makes the header of a request to a node, which is known by its URL.
func (p proof) sign(secret []byte, r *http.Request, node string) string {
	mac := hmac.New(sha256.New, secret)
	said := fmt.Sprintf("%d.%d.%s", p.at, p.length, base64.RawURLEncoding.EncodeToString(p.digest[:]))
	fmt.Fprintf(mac, "%s\n%s\n%s\n%s", said, r.Method, r.URL.RequestURI(), strings.TrimSuffix(node, "/"))
	return said + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// parseProof reads a header that is well formed and of now.
func parseProof(value string, now time.Time) (p proof, ok bool) {
	parts := strings.Split(value, ".")
	if len(value) > 256 || len(parts) != 4 {
		return p, false
	}
	var errs [3]error
	var digest []byte
	p.at, errs[0] = strconv.ParseInt(parts[0], 10, 64)
	p.length, errs[1] = strconv.ParseInt(parts[1], 10, 64)
	digest, errs[2] = base64.RawURLEncoding.DecodeString(parts[2])
	if errors.Join(errs[:]...) != nil || len(digest) != len(p.digest) || p.length < 0 {
		return p, false
	}
	copy(p.digest[:], digest)
	age := now.Sub(time.Unix(p.at, 0))
	return p, age <= nodeSkew && age >= -nodeSkew
}

// proven returns what a node of this fleet has signed for this request to this node, before
// its body is read; false if there is no such proof. An error is the store's.
func (g *Gateway) proven(r *http.Request) (p proof, ok bool, err error) {
	value := r.Header.Get(nodeHeader)
	if p, ok = parseProof(value, time.Now()); !ok || g.options.Secret == nil {
		return p, false, nil
	}
	secret, err := g.options.Secret(r.Context())
	if err != nil || len(secret) == 0 {
		return p, false, err
	}
	return p, hmac.Equal([]byte(value), []byte(p.sign(secret, r, g.options.Node))), nil
}

// fromNode is what a node of this fleet signed; a request of anybody else is refused.
func (g *Gateway) fromNode(c *gin.Context) (p proof, ok bool) {
	p, ok, err := g.proven(c.Request)
	if err != nil {
		g.fail(c, storeError{err})
		return p, false
	}
	if !ok {
		g.fail(c, problem.New(http.StatusUnauthorized, "", "this address is for the nodes of this fleet"))
	}
	return p, ok
}

// read reads the body that was signed, and no byte more. It is hashed as it comes.
func (p proof) read(body io.Reader) ([]byte, error) {
	sum := sha256.New()
	raw, err := io.ReadAll(io.TeeReader(io.LimitReader(body, p.length+1), sum))
	if err == nil && (int64(len(raw)) != p.length || [sha256.Size]byte(sum.Sum(nil)) != p.digest) {
		err = errBody
	}
	return raw, err
}

type forClients struct{}

// ForClients is the context of requests that come on an address where nodes are not served:
// they have one of their own.
func ForClients(ctx context.Context) context.Context {
	return context.WithValue(ctx, forClients{}, true)
}

// forNodes hides what is for nodes where they are not served.
func (g *Gateway) forNodes(c *gin.Context) {
	if c.Request.Context().Value(forClients{}) != nil {
		g.nothing(c)
	}
}

// hopped reports whether a request was sent on by another node. A header that proves
// nothing is as good as none.
func (g *Gateway) hopped(r *http.Request) bool {
	if r.Header.Get(nodeHeader) == "" {
		return false
	}
	if r.Context().Value(forClients{}) != nil {
		return false
	}
	p, ok, err := g.proven(r)
	if err != nil || !ok {
		return false
	}
	body, err := g.bodyAgain(r)
	return err == nil && int64(len(body)) == p.length && sha256.Sum256(body) == p.digest
}
