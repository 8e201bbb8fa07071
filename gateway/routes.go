package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"switchboard/gateway/problem"
	"switchboard/gateway/role"
	"switchboard/session"
)

var policyType = typeOf[session.Policy]()

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }

// What is asked of sessions, and answered.
type (
	idInput struct {
		ID session.ID `path:"id" doc:"The session's ID"`
	}
	endInput struct {
		ID session.ID `path:"id" doc:"The session's ID"`
		By string     `query:"by" enum:"client" doc:"client: the caller asked for it, through the application"`
	}
	createInput struct {
		Body createBody
		host string // as the caller reached the gateway
		tls  bool
	}
	createOutput struct {
		Location string `header:"Location"`
		Body     Created
	}
	sessionOutput struct{ Body SessionView }
	listInput     struct {
		Label  []string       `query:"label,explode" doc:"key:value; all that are given must match" example:"team:support"`
		Status session.Status `query:"status" enum:"created,active,ended"`
		Key    string         `query:"key" maxLength:"64" doc:"Name of the API key that opened them; an app key sees its own only"`
		Fields string         `query:"fields" enum:"summary" doc:"summary leaves out session, limits, policy and expires_at"`
		Limit  int            `query:"limit" minimum:"1" maximum:"200" default:"50"`
		After  string         `query:"after" doc:"next of the page before"`
	}
	listOutput  struct{ Body sessionList }
	itemsOutput struct {
		Body struct {
			Items []session.Item `json:"items" nullable:"false" doc:"In the order of the conversation"`
		}
	}
)

// What steers one, and the answers to that.
type (
	updateInput struct {
		ID   session.ID    `path:"id" doc:"The session's ID"`
		Body sessionConfig `doc:"Fields to change: instructions, voice, tools, … or a partial GA session object"`
	}
	messageInput struct {
		ID   session.ID `path:"id" doc:"The session's ID"`
		Body struct {
			Text    string `json:"text" minLength:"1" doc:"What is said"`
			Role    string `json:"role,omitempty" enum:"user,system,assistant" default:"user" doc:"Who says it"`
			Respond *bool  `json:"respond,omitempty" default:"true" doc:"Ask for a response to it"`
		}
	}
	functionResultInput struct {
		ID   session.ID `path:"id" doc:"The session's ID"`
		Body struct {
			CallID string `json:"call_id" minLength:"1" doc:"Of the function call"`
			Output string `json:"output" doc:"What the function returned, as text or JSON text"`
		}
	}
	clientSecretInput struct {
		ID   session.ID     `path:"id" doc:"The session's ID"`
		Body *clientOptions // may be left out
	}
	clientSecretOutput struct{ Body ClientSecret }
	sentOutput         struct{ Body Sent }
	renewedOutput      struct {
		Status int
		Body   Renewed
	}
)

// Renewed answers a renewal.
type Renewed struct {
	SessionID session.ID      `json:"session_id"`
	Status    string          `json:"status" enum:"renewed,pending" doc:"pending: it takes longer, and goes on; with 202"`
	Reason    string          `json:"reason" doc:"Why the upstream was replaced: requested, or what came before that: expiring, upstream_lost, failing" example:"requested"`
	Items     int             `json:"items" doc:"Items of the conversation; the new upstream was told all that have something to say"`
	Dropped   []string        `json:"dropped,omitempty" nullable:"false" doc:"Fields of the configuration that the new upstream refused"`
	Session   json.RawMessage `json:"session" doc:"Effective API session"`
	ExpiresAt time.Time       `json:"expires_at,omitzero" doc:"When the connection to the upstream that is in use now must be renewed"`
}

// Sent answers a control that the upstream has acknowledged.
type Sent struct {
	Status string `json:"status" enum:"sent,cancelled,committed,cleared"`
	ItemID string `json:"item_id,omitempty" doc:"The conversation item that was made"`
}

// Resolve notes how the caller reached the gateway.
func (in *createInput) Resolve(c huma.Context) []error {
	in.host, in.tls = c.Host(), c.TLS() != nil
	return nil
}

const (
	sessions         = "/realtime/sessions"
	usagePath        = "/realtime/usage"
	internalSessions = "/internal/sessions" // for the other nodes
)

var look = []string{http.MethodGet, http.MethodHead}

// route builds the engine. Every route is one line here.
func (g *Gateway) route() error {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.HandleMethodNotAllowed = true
	e.RedirectTrailingSlash = false
	if err := e.SetTrustedProxies(nil); err != nil {
		return err
	}
	e.Use(g.log, g.recover, g.headers, g.hurry, g.cors, g.encoding, g.compress, g.depart)
	g.engine = e

	e.POST(internalSessions+"/:id", g.forNodes, g.adopt)
	api := e.Group("", g.authenticate(role.App), g.body, g.owned)
	g.api = typed(e, api, g.apiConfig())
	g.routeSessions()
	g.routeOperators(e)
	api.Match(look, sessions+"/:id/events", g.events)
	api.POST("/v1/realtime/client_secrets", g.clientSecrets)

	if g.options.Spending != nil {
		g.routeUsage()
	}
	if g.options.Broadcasts != nil {
		g.routeBroadcasts(e)
	}
	if g.options.KeyRing != nil {
		g.routeKeys(e)
	}
	e.GET(sessions+"/:id/relay", g.upgradable, g.sameOrigin, g.relay)
	e.GET("/v1/realtime", g.upgradable, g.sameOrigin, g.realtime)

	if g.options.Routes != nil {
		g.routeBeside(e)
	}
	e.Match(look, "/healthz", g.healthz)
	e.Match(look, "/readyz", g.readyz)
	e.Match(look, "/metrics", g.metrics())
	if g.options.Web != nil {
		for _, path := range []string{"/", "/fleet", "/jobs", "/assets/*name"} {
			e.Match(look, path, gin.WrapH(g.options.Web))
		}
	}
	e.NoMethod(func(c *gin.Context) {
		g.fail(c, problem.New(http.StatusMethodNotAllowed, "", "method "+c.Request.Method+" not allowed"))
	})
	e.NoRoute(g.nothing)
	return g.describe()
}

// routeSessions adds the routes with which applications run their sessions.
func (g *Gateway) routeSessions() {
	add(g, http.MethodPost, sessions, "create-session", "Open a session", 201, g.create)
	add(g, http.MethodGet, sessions, "list-sessions", "List the fleet's sessions", 200, g.list)
	add(g, http.MethodGet, sessions+"/{id}", "get-session", "Look at a session", 200, g.get)
	add(g, http.MethodPatch, sessions+"/{id}", "update-session", "Change instructions, voice, tools, …", 200, g.update)
	add(g, http.MethodDelete, sessions+"/{id}", "end-session", "End a session", 200, g.end)
	add(g, http.MethodGet, sessions+"/{id}/items", "list-items", "Read the conversation", 200, g.items)
	add(g, http.MethodPost, sessions+"/{id}/message", "send-message", "Say something and have it answered", 200, g.message)
	add(g, http.MethodPost, sessions+"/{id}/function-result", "send-function-result", "Answer a function call", 200, g.functionResult)
	add(g, http.MethodPost, sessions+"/{id}/cancel", "cancel-response", "Stop the response being generated", 200, g.cancel)
	add(g, http.MethodPost, sessions+"/{id}/audio/commit", "commit-audio", "Make the input audio an item", 200, g.commit)
	add(g, http.MethodPost, sessions+"/{id}/audio/clear", "clear-audio", "Forget the input audio", 200, g.clear)
	add(g, http.MethodPost, sessions+"/{id}/client-secret", "create-client-secret", "Issue another client token", 201, g.clientSecret)
	add(g, http.MethodPost, sessions+"/{id}/client-secret/revoke", "revoke-client-secret", "Revoke client tokens", 200, g.revoke)
	add(g, http.MethodGet, apiKeys+"/self", "identify-key", "See which key this is, and its role", 200, g.self)
}

func (g *Gateway) nothing(c *gin.Context) {
	g.fail(c, problem.New(http.StatusNotFound, "", "no such route"))
}

// routeOperators adds what operators do to one session.
func (g *Gateway) routeOperators(e *gin.Engine) {
	apps := g.api
	defer func() { g.api = apps }()
	g.api = typed(e, e.Group("", g.authenticate(role.Operator), g.body, g.owned), g.sharedConfig(apps))
	add(g, http.MethodPost, sessions+"/{id}/renew", "renew-session", "Replace the session's upstream", 200, g.renew)
}

// routeBroadcasts adds what operators do to all sessions at once.
func (g *Gateway) routeBroadcasts(e *gin.Engine) {
	operators := e.Group("", g.authenticate(role.Operator), g.body)
	apps := g.api
	defer func() { g.api = apps }()
	g.api = typed(e, operators, g.sharedConfig(apps))
	add(g, http.MethodPost, broadcasts, "create-broadcast", "Change the instructions of all sessions", 202, g.broadcast)
	add(g, http.MethodGet, broadcasts, "list-broadcasts", "List broadcasts", 200, g.listBroadcasts)
	add(g, http.MethodGet, broadcasts+"/{id}", "get-broadcast", "See how far a broadcast has come", 200, g.getBroadcast)
	add(g, http.MethodDelete, broadcasts+"/{id}", "withdraw-broadcast", "Take a broadcast back", 200, g.withdraw)
	add(g, http.MethodGet, broadcasts+"/{id}/outcomes", "list-outcomes", "See what became of a broadcast in each session", 200, g.outcomes)
	operators.Match(look, broadcasts+"/:id/events", g.progress)
}

// routeKeys adds what is done with API keys. What concerns no key but its own, any key may do.
func (g *Gateway) routeKeys(e *gin.Engine) {
	apps := g.api
	defer func() { g.api = apps }()
	g.api = typed(e, e.Group("", g.authenticate(role.App), g.body), g.sharedConfig(apps))
	add(g, http.MethodGet, apiKeys+"/{id}", "get-key", "Look at an API key", 200, g.getKey)
	add(g, http.MethodPost, apiKeys+"/{id}/revoke-tokens", "revoke-key-tokens", "Revoke the client tokens of an API key", 200, g.revokeKey)
	g.api = typed(e, e.Group("", g.authenticate(role.Admin), g.body), g.sharedConfig(apps))
	add(g, http.MethodPost, apiKeys, "create-key", "Make an API key", 201, g.createKey)
	add(g, http.MethodGet, apiKeys, "list-keys", "List the API keys", 200, g.listKeys)
	add(g, http.MethodDelete, apiKeys+"/{id}", "delete-key", "Remove an API key", 200, g.deleteKey)
}

// sharedConfig describes operations of another group in the same document.
func (g *Gateway) sharedConfig(with huma.API) huma.Config {
	c := g.apiConfig()
	c.OpenAPI = with.OpenAPI()
	return c
}

// routeBeside adds the routes of what stands beside the sessions, described in the same document.
func (g *Gateway) routeBeside(e *gin.Engine) {
	api := typed(e, e.Group("", g.authenticate(role.App), g.body), g.sharedConfig(g.api))
	g.options.Routes(e, api, g.authenticate, func(ctx context.Context) (key string, r role.Role) {
		who := callerOf(ctx).Key
		return who.Name, who.Role
	})
}

func (g *Gateway) apiConfig() huma.Config {
	c := huma.DefaultConfig("Switchboard", g.options.Version)
	c.Info.License = &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}
	c.Servers = []*huma.Server{{URL: "/", Description: "Where this document was loaded from"}}
	if g.options.PublicURL != nil {
		c.Servers = []*huma.Server{{URL: strings.TrimSuffix(g.options.PublicURL.String(), "/"), Description: "The fleet's public address"}}
	}
	c.Info.Description = "Realtime voice sessions: applications create and steer them by REST, clients relay audio through them. " +
		"What answers a GET answers a HEAD too, but for sockets; event streams answer without events."
	c.DocsPath, c.SchemasPath, c.OpenAPIPath = "", "", "" // our own page; no CDN
	c.CreateHooks = nil                                   // no $schema in bodies
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"key": {Type: "http", Scheme: "bearer", Description: "An API key of the gateway's, or a client token where it says so"},
	}
	c.Security = []map[string][]string{{"key": {}}}
	return c
}

// add registers one typed operation. Its errors become problems here.
func add[I, O any](g *Gateway, method, path, id, summary string, status int, do func(context.Context, *I) (*O, error)) {
	op := huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary, DefaultStatus: status,
		Tags: []string{tagOf(path)}, Errors: errorsOf(method, path),
		MaxBodyBytes: -1, BodyReadTimeout: -1, // body() has read it
	}
	huma.Register(g.api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := do(ctx, in)
		if err == nil {
			return out, nil
		}
		return nil, g.problem(err, id)
	})
}

func tagOf(path string) string {
	switch {
	case strings.HasPrefix(path, broadcasts):
		return "Broadcasts"
	case strings.HasPrefix(path, apiKeys):
		return "API keys"
	case path == sessions, path == sessions+"/{id}", path == usagePath:
		return "Sessions"
	case strings.HasSuffix(path, "/items"), strings.HasSuffix(path, "/events"), strings.HasSuffix(path, "/relay"):
		return "Conversation"
	}
	return "Controls"
}

// errorsOf are the statuses of an operation's own refusals; completeRefusals adds those of all.
func errorsOf(method, path string) []int {
	var list []int
	if path != sessions && path != apiKeys {
		list = append(list, 404)
	}
	switch {
	case strings.HasPrefix(path, apiKeys) && method == http.MethodPost:
		return append(list, 409, 429, 503)
	case path == sessions && method == http.MethodPost:
		return append(list, 409, 429, 502, 503, 504)
	case method == http.MethodPost || method == http.MethodPatch:
		return append(list, 409, 410, 429, 502, 503, 504)
	case method == http.MethodDelete && path != sessions+"/{id}":
		return append(list, 409, 503)
	}
	return append(list, 503)
}
