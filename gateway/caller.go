package gateway

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"switchboard/gateway/problem"
	"switchboard/gateway/role"
	"switchboard/session"
	"switchboard/session/access"
)

// caller is who makes a request: an API key, or the holder of a client token.
type caller struct {
	Key   Key // of a token: the key that issued it, with no role
	Grant *access.Grant

	token   string
	tokenID string
}

// sees reports whether a session of key is the caller's business.
func (c caller) sees(key string) bool {
	return c.Key.Role.AtLeast(role.Operator) || c.Key.Name == key
}

type callerKey struct{}

func callerOf(ctx context.Context) caller {
	c, _ := ctx.Value(callerKey{}).(caller)
	return c
}

// Subprotocols of the Realtime API: the server picks the first; the second carries a
// credential, because browsers cannot set headers on a WebSocket.
const (
	subprotocol      = "realtime"
	subprotocolToken = "openai-insecure-api-key."
)

var (
	errNoCredential = problem.New(http.StatusUnauthorized, "credential-missing",
		"no API key or client token: send Authorization: Bearer, or the subprotocol "+subprotocolToken+"<token>")
	errWrongKey = problem.New(http.StatusUnauthorized, "credential-unknown", "the API key is not known")
	errToken    = problem.New(http.StatusUnauthorized, "token-expired", "the client token has expired, was revoked or is not known")
	errInQuery  = problem.New(http.StatusBadRequest, "credential-in-query",
		"credentials are not taken from the address, where logs keep them; replace this one and send it as Authorization: Bearer")
	errTokenOnly  = problem.New(http.StatusForbidden, "token-not-allowed", "a client token may only attach to its session")
	errWrongToken = problem.New(http.StatusForbidden, "token-not-allowed", "the client token is for another session")
)

// credential finds what a request identifies itself with.
func credential(r *http.Request) (string, error) {
	if credentialInQuery(r.URL) {
		return "", errInQuery
	}
	if scheme, rest, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		if rest = strings.TrimSpace(rest); rest != "" {
			return rest, nil
		}
	}
	for _, line := range r.Header.Values("Sec-WebSocket-Protocol") {
		for p := range strings.SplitSeq(line, ",") {
			if token, ok := strings.CutPrefix(strings.TrimSpace(p), subprotocolToken); ok && token != "" {
				return token, nil
			}
		}
	}
	return "", errNoCredential
}

var credentialParameters = map[string]bool{
	"key": true, "api_key": true, "api-key": true, "apikey": true, "token": true, "access_token": true,
	"client_secret": true, "authorization": true,
}

// namesKeys are the paths where the parameter key is the name of an API key.
var namesKeys = map[string]bool{sessions: true, usagePath: true}

func credentialInQuery(u *url.URL) bool {
	for pair := range strings.FieldsFuncSeq(u.RawQuery, func(r rune) bool { return r == '&' || r == ';' }) {
		name, value, _ := strings.Cut(pair, "=")
		value = unescaped(value)
		name = unescaped(name)
		named := name == "key" && namesKeys[u.Path]
		if credentialParameters[strings.ToLower(name)] && !named || strings.HasPrefix(value, tokenPrefix) || strings.HasPrefix(value, "sk-") {
			return true
		}
	}
	return false
}

// unescaped is a part of a query, or what was sent if that is not well formed.
func unescaped(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

// identify finds the caller of a request. Errors are problems, or the store's.
func (g *Gateway) identify(r *http.Request) (caller, error) {
	secret, err := credential(r)
	if err != nil {
		return caller{}, err
	}
	if !strings.HasPrefix(secret, tokenPrefix) {
		key, ok := g.options.Keys.Lookup(secret)
		if !ok {
			return caller{}, g.unknown(errWrongKey)
		}
		return caller{Key: key}, nil
	}
	grant, err := g.options.Grants.Grant(r.Context(), secret)
	switch {
	case errors.Is(err, session.ErrNotFound):
		return caller{}, errToken
	case err != nil:
		return caller{}, storeError{err}
	case time.Now().After(grant.ExpiresAt):
		return caller{}, errToken
	}
	grant.Policy = grant.Policy.Current()
	who := caller{Key: Key{Name: grant.Key}, Grant: &grant, token: secret, tokenID: access.TokenID(secret)}
	if !g.options.Keys.good(who) {
		return caller{}, g.unknown(errToken)
	}
	return who, nil
}

// unknown is why a caller is not let in. While the keys in the store have not been read yet,
// nobody can say that a key is not among them.
func (g *Gateway) unknown(why error) error {
	if !g.options.Keys.complete() {
		return storeError{errKeysUnread}
	}
	return why
}

var errKeysUnread = errors.New("the API keys of the store are not read yet")

// authenticate lets API keys of at least role least through. Client tokens pass nowhere but the
// sockets. What is read without an end, ends when the key is gone.
func (g *Gateway) authenticate(least role.Role) gin.HandlerFunc {
	return func(c *gin.Context) {
		who, err := g.identify(c.Request)
		switch {
		case err != nil:
			g.fail(c, err)
		case who.Grant != nil:
			g.fail(c, errTokenOnly)
		default:
			ctx := role.With(c.Request.Context(), role.Caller{Key: who.Key.Name, Role: who.Key.Role})
			ctx = context.WithValue(ctx, callerKey{}, who)
			c.Request = c.Request.WithContext(ctx)
			if !who.Key.Role.AtLeast(least) {
				g.fail(c, errRole(who.Key.Role, least)) // on record as this caller's
				return
			}
			g.arrive(c, who)
			g.pace(c, who)
		}
	}
}

func errRole(has, least role.Role) *problem.Problem {
	return problem.New(http.StatusForbidden, "role-not-allowed",
		fmt.Sprintf("this needs an API key with the role %s; this key's is %s", least, has))
}

// pace reads a large body no faster than its API key may send.
func (g *Gateway) pace(c *gin.Context, who caller) {
	r := c.Request
	if r.Body == nil || r.Body == http.NoBody {
		return
	}
	share, leave := g.large.Share(who.Key.Name)
	leave() // a share whose rate is in use is remembered
	r.Body = share.Pace(r.Context(), r.Body)
}

// issue makes a client token for grant, good for ttl to start with.
func (g *Gateway) issue(ctx context.Context, issuer Key, grant access.Grant, ttl time.Duration) (string, time.Time, error) {
	token := tokenPrefix + rand.Text() // 130 bits
	grant.Issuer, grant.Round = issuer.ID, g.options.Keys.round(issuer.ID)
	now := time.Now()
	grant.ExpiresAt = now.Add(ttl).Truncate(time.Second)
	if err := g.options.Grants.PutGrant(ctx, token, grant, ttl); err != nil {
		return "", time.Time{}, grantError(err)
	}
	return token, grant.ExpiresAt, nil
}

// used keeps a session's token alive beyond its time to start, so that a client that
// lost its connection comes back with it. The session's own end is what ends it. errToken: it
// was revoked meanwhile.
func (g *Gateway) used(ctx context.Context, who caller, rec session.Record) error {
	grant := *who.Grant
	grant.Created = rec.CreatedAt // tokens of earlier releases have none
	grant.ExpiresAt = time.Now().Add(g.options.ResumeTTL)
	err := g.options.Grants.ExtendGrant(ctx, who.token, grant, g.options.ResumeTTL)
	if errors.Is(err, session.ErrNotFound) {
		return errToken
	}
	if err != nil {
		g.options.Logger.Warn("client token not prolonged", "session", grant.Session, "err", err)
	}
	return nil
}

// grantError is why a token was not kept.
func grantError(err error) error {
	var limit *session.LimitError
	if errors.As(err, &limit) {
		return err
	}
	return storeError{err}
}
