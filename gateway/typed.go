package gateway

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

// typed serves a group's typed operations. Those that answer a GET answer a HEAD in the same
// way, and net/http leaves the body out; sockets and streams are no typed operations.
func typed(e *gin.Engine, group *gin.RouterGroup, c huma.Config) huma.API {
	return typedAPI{humagin.NewWithGroup(e, group, c)}
}

type typedAPI struct{ huma.API }

// Adapter is asked by huma where it adds an operation.
func (a typedAPI) Adapter() huma.Adapter { return headAdapter{a.API.Adapter()} }

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
	raw, err := io.ReadAll(r.Body) // it is in memory: see body
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

type headAdapter struct{ huma.Adapter }

// Handle adds one route, or two.
func (a headAdapter) Handle(op *huma.Operation, handler func(huma.Context)) {
	a.Adapter.Handle(op, handler)
	if op.Method == http.MethodGet {
		head := *op
		head.Method = http.MethodHead
		a.Adapter.Handle(&head, handler)
	}
}
