package openapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"
)

// JSON is a handler whose types say what it takes and answers.
func JSON[I, O any](do func(context.Context, *I) (*O, error)) Handler { return typed[I, O](do) }

type typed[I, O any] func(context.Context, *I) (*O, error)

func (do typed[I, O]) add(m *mount, r Route, problem func(error, string) huma.StatusError) {
	op := r.operation()
	op.Errors = r.refusals()
	op.MaxBodyBytes, op.BodyReadTimeout = -1, -1 // it has been read
	huma.Register(m.typed(r), *op, func(ctx context.Context, in *I) (*O, error) {
		out, err := do(ctx, in)
		if err == nil {
			return out, nil
		}
		return nil, problem(err, r.ID)
	})
	r.complete(m.doc.Components.Schemas, m.operation(r), nil)
}

// Plain is a handler that writes its answer itself, such as a stream of events.
func Plain(s Shape, do gin.HandlerFunc) Handler { return plain{s, do} }

type plain struct {
	shape Shape
	do    gin.HandlerFunc
}

func (h plain) add(m *mount, r Route, _ func(error, string) huma.StatusError) {
	m.serve(r, append(m.before(r), h.do)...)
	m.describe(r, h.shape, r.refusals())
}

// Upload is a handler that reads its body itself, because the body may be large or has to be seen byte for byte.
func Upload(s Shape, do gin.HandlerFunc) Handler { return upload{s, do} }

type upload plain

func (h upload) add(m *mount, r Route, _ func(error, string) huma.StatusError) {
	m.serve(r, append(m.admit(r), h.do)...)
	m.describe(r, h.shape, r.refusals())
}

// Socket is a handler that makes a WebSocket of a request, and asks itself who the caller is: a client token may do, too.
func Socket(s Shape, do ...gin.HandlerFunc) Handler { return socket{s, do} }

type socket struct {
	shape Shape
	do    []gin.HandlerFunc
}

func (h socket) add(m *mount, r Route, _ func(error, string) huma.StatusError) {
	m.o.Engine.Handle(r.Method, engines(r.Path), h.do...)
	m.describe(r, h.shape, r.Errors)
}

// serve adds a route to the engine, and a HEAD for a GET: net/http leaves the body out.
func (m *mount) serve(r Route, do ...gin.HandlerFunc) {
	m.o.Engine.Handle(r.Method, engines(r.Path), do...)
	if r.Method == http.MethodGet {
		m.o.Engine.Handle(http.MethodHead, engines(r.Path), do...)
	}
}

// describe adds the operation of a route that huma does not serve.
func (m *mount) describe(r Route, s Shape, refusals []int) {
	op := r.operation()
	s.describe(m.doc.Components.Schemas, r, op)
	r.complete(m.doc.Components.Schemas, op, refusals)
	m.doc.AddOperation(op)
}
