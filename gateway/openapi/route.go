package openapi

import (
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"switchboard/gateway/role"
)

// Route is one row: everything that is said of a route, and what answers it.
type Route struct {
	Method string // GET serves HEAD too
	Path   string // with {names}
	ID     string // of the operation; unique
	Tag    Tag

	Summary string // in the list of operations
	Text    string // what a reader wants to know and a type cannot say

	// Role is the least role of the API keys that may call it; "": no API key is asked for.
	Role role.Role

	Status int   // of the answer; 0: 200
	Later  int   // of the same answer while what was asked for is still under way; 0: never
	Errors []int // statuses of its own refusals; what is refused before Do is added

	Example any // a body that shows more than what is required; nil: one is made of the schema
	Shown   any // an answer; nil: one is made of the schema

	// Before is called with the API key known and the body read, and may answer in the place of Do.
	Before gin.HandlerFunc
	Do     Handler
}

// Tag is a group of operations. They come in the order of their first rows.
type Tag struct {
	Name, Text string
	Refusal    *huma.Schema // of refusals, as application/json; nil: they are problems
}

// Table is the routes of one part of the program.
type Table struct {
	Routes []Route
	// Problem is what a caller is told of an error of a JSON handler; route is its ID.
	Problem func(err error, route string) huma.StatusError
	// Webhooks are what is sent to subscribers.
	Webhooks []Webhook
}

// Webhook is one type of events that subscribers are sent.
type Webhook struct {
	Type string // as batch.completed, or audit.* for a category
	Text string
	Body Model

	Example any // a body; nil: one is made of the schema
}

// Event is one kind of server-sent events of a stream.
type Event struct {
	Type    string `json:"type"`
	Text    string `json:"description"`
	Example any    `json:"example"` // its data
}

// Handler answers the requests of a route and says what they look like. [JSON], [Plain], [Upload] and [Socket] make one.
type Handler interface {
	add(m *mount, r Route, problem func(error, string) huma.StatusError)
}

// engines is a path as the engine writes it.
func engines(path string) string { return strings.NewReplacer("{", ":", "}", "").Replace(path) }

// open reports whether no API key is asked for.
func (r Route) open() bool { return r.Role == "" }

func (r Route) status() int {
	if r.Status == 0 {
		return http.StatusOK
	}
	return r.Status
}

// text is the description: what the row says, and who may call it.
func (r Route) text() string {
	if r.open() {
		return r.Text
	}
	return strings.TrimSpace(r.Text + " Role: " + string(r.Role) + ".")
}

// operation is what the document says of every route, whatever its handler is.
func (r Route) operation() *huma.Operation {
	op := &huma.Operation{
		OperationID: r.ID, Method: r.Method, Path: r.Path, Summary: r.Summary, Description: r.text(),
		Tags: []string{r.Tag.Name}, DefaultStatus: r.status(), Responses: map[string]*huma.Response{},
	}
	if r.open() {
		op.Security = []map[string][]string{{}}
	} else {
		op.Extensions = map[string]any{extensionRole: r.Role}
	}
	return op
}

// extensionRole has the role that an operation asks for.
const extensionRole = "x-role"
