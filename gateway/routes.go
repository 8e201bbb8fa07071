package gateway

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"switchboard/gateway/openapi"
	"switchboard/gateway/problem"
)

const (
	sessions         = "/realtime/sessions"
	usagePath        = "/realtime/usage"
	internalSessions = "/internal/sessions" // for the other nodes
)

var look = []string{http.MethodGet, http.MethodHead}

// The groups of operations.
var (
	tagSessions     = openapi.Tag{Name: "Sessions", Text: "Create, find, change and end voice sessions, and see what they used."}
	tagControls     = openapi.Tag{Name: "Controls", Text: "Steer a running session: messages, function results, audio, client tokens."}
	tagConversation = openapi.Tag{Name: "Conversation", Text: "Follow, read and attach to a session."}
	tagBroadcasts   = openapi.Tag{Name: "Broadcasts", Text: "Change the instructions of many sessions at once."}
	tagKeys         = openapi.Tag{Name: "API keys", Text: "Create, list and delete API keys, and revoke the client tokens that they issued."}
	tagFleet        = openapi.Tag{Name: "Fleet", Text: "See what the fleet does, how its nodes are, how they are configured and who changed what; drain a node."}
	tagOpenAI       = openapi.Tag{Name: "OpenAI's own contract", Text: "OpenAI's own routes, so that an official SDK works with only its base URL changed.", Refusal: openAIErrorSchema()}
	tagOperations   = openapi.Tag{Name: "Operations", Text: "Health checks, metrics and this document. They need no API key."}
)

// table is the routes of the API. Each is a row beside its handler.
func (g *Gateway) table() openapi.Table {
	t := openapi.Table{
		Problem:  func(err error, route string) huma.StatusError { return g.problem(err, route) },
		Webhooks: published(),
	}
	t.Routes = append(t.Routes, g.sessionRoutes()...)
	t.Routes = append(t.Routes, g.usageRoutes()...)
	t.Routes = append(t.Routes, g.controlRoutes()...)
	t.Routes = append(t.Routes, g.conversationRoutes()...)
	t.Routes = append(t.Routes, g.listenRoute())
	t.Routes = append(t.Routes, g.broadcastRoutes()...)
	t.Routes = append(t.Routes, g.keyRoutes()...)
	t.Routes = append(t.Routes, g.fleetRoutes()...)
	t.Routes = append(t.Routes, g.auditRoutes()...)
	t.Routes = append(t.Routes, g.openAIRoutes()...)
	t.Routes = append(t.Routes, g.operationRoutes()...)
	return t
}

// route builds the engine.
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
	e.GET(internalHeartbeat, g.forNodes, g.whoami)
	e.POST(internalHeartbeat, g.forNodes, g.vouch)
	if g.options.Web != nil {
		for _, path := range []string{"/", "/fleet", "/jobs", "/assets/*name"} {
			e.Match(look, path, gin.WrapH(g.options.Web))
		}
	}
	e.NoMethod(func(c *gin.Context) {
		g.fail(c, problem.New(http.StatusMethodNotAllowed, "", "method "+c.Request.Method+" not allowed"))
	})
	e.NoRoute(g.nothing)
	_, err := openapi.Mount(g.described(), g.table(), g.options.Routes)
	return err
}

func (g *Gateway) nothing(c *gin.Context) {
	g.fail(c, problem.New(http.StatusNotFound, "", "no such route"))
}

// described is what is said of all routes.
func (g *Gateway) described() openapi.Options {
	o := openapi.Options{
		Engine: g.engine, Admit: g.authenticate, Body: g.body, Note: g.audited, Tag: tagOperations,
		Title: "Switchboard", Version: g.options.Version,
		Text: "Realtime voice sessions: applications create and steer them by REST, clients relay audio through them. " +
			"What answers a GET answers a HEAD too, but for sockets; event streams answer without events.",
	}
	if g.options.PublicURL != nil {
		o.Server = g.options.PublicURL.String()
	}
	return o
}
