package openapi

import (
	"bytes"
	"io"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"

	"switchboard/gateway/strict"
)

// typed is huma with what runs before a route's handler. Everything but the handlers is shared by all routes.
func (m *mount) typed(r Route) huma.API { return typedAPI{m.api, m, r} }

type typedAPI struct {
	huma.API
	mount *mount
	route Route
}

// Adapter is asked by huma where it adds an operation.
func (a typedAPI) Adapter() huma.Adapter { return routeAdapter{a.API.Adapter(), a.mount, a.route} }

// DocumentOperation is asked by huma to describe an operation. It has the operation's body held against the description,
// behind all that the operation asks of its caller.
func (a typedAPI) DocumentOperation(op *huma.Operation) {
	a.OpenAPI().AddOperation(op)
	if op.RequestBody != nil {
		op.Middlewares = append(op.Middlewares, a.refuseNull)
	}
}

// refuseNull refuses a null where the schema has none: huma takes it for a member that was left out.
func (a typedAPI) refuseNull(c huma.Context, next func(huma.Context)) {
	r := humagin.Unwrap(c).Request
	raw, err := io.ReadAll(r.Body) // it is in memory: see Options.Body
	if err != nil {
		_ = huma.WriteErr(a, c, http.StatusBadRequest, "the body could not be read")
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(raw))
	schema := c.Operation().RequestBody.Content["application/json"].Schema
	if null := strict.Null(a.OpenAPI().Components.Schemas, schema, raw); null != nil {
		location := strings.TrimSuffix("body."+null.Field, ".")
		_ = huma.WriteErr(a, c, http.StatusUnprocessableEntity, "validation failed", &huma.ErrorDetail{Location: location, Message: null.Detail})
		return
	}
	next(c)
}

// routeAdapter adds one route to the engine.
type routeAdapter struct {
	huma.Adapter
	mount *mount
	route Route
}

// Handle is called by huma with what answers the route.
func (a routeAdapter) Handle(op *huma.Operation, handler func(huma.Context)) {
	a.mount.serve(a.route, append(a.mount.before(a.route), func(c *gin.Context) { handler(humagin.NewContext(op, c)) })...)
}
