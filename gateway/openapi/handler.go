package openapi

import (
	"bytes"
	"context"
	"maps"
	"net/http"
	"strings"

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

// Followed is a JSON handler whose answer callers can follow: with Accept: text/event-stream, follow
// is called with what do has answered, and writes the stream. What do refuses is refused as ever.
func Followed[I, O any](do func(context.Context, *I) (*O, error), follow func(c *gin.Context, in *I, first *O), events ...Event) Handler {
	return followed[I, O]{do, follow, events}
}

type followed[I, O any] struct {
	do     typed[I, O]
	follow func(c *gin.Context, in *I, first *O)
	events []Event
}

// answer is what a handler took and answered for a stream.
type answer[I, O any] struct {
	in  *I
	out *O
}

func (h followed[I, O]) add(m *mount, r Route, problem func(error, string) huma.StatusError) {
	type slot struct{} // of the answer in a context
	before := r.Before
	r.Before = func(c *gin.Context) {
		if before != nil {
			before(c)
		}
		if c.IsAborted() || !strings.Contains(c.GetHeader("Accept"), "text/event-stream") {
			return
		}
		var got answer[I, O]
		plain := c.Writer
		held := &heldWriter{ResponseWriter: plain, header: http.Header{}, status: http.StatusOK}
		c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), slot{}, &got))
		c.Writer = held
		c.Next()
		if c.Writer = plain; got.out == nil {
			held.release()
			return
		}
		h.follow(c, got.in, got.out)
	}
	typed[I, O](func(ctx context.Context, in *I) (*O, error) {
		out, err := h.do(ctx, in)
		if got, ok := ctx.Value(slot{}).(*answer[I, O]); ok {
			got.in, got.out = in, out
		}
		return out, err
	}).add(m, r, problem)
	op := m.operation(r)
	op.Extensions = maps.Clone(op.Extensions)
	op.Extensions[extensionEvents] = h.events
	op.Responses["200"].Content["text/event-stream"] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}}
}

// heldWriter holds an answer back.
type heldWriter struct {
	gin.ResponseWriter
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *heldWriter) Header() http.Header               { return w.header }
func (w *heldWriter) WriteHeader(status int)            { w.status = status }
func (w *heldWriter) WriteHeaderNow()                   {}
func (w *heldWriter) Write(b []byte) (int, error)       { return w.body.Write(b) }
func (w *heldWriter) WriteString(s string) (int, error) { return w.body.WriteString(s) }
func (w *heldWriter) Status() int                       { return w.status }
func (w *heldWriter) Size() int                         { return w.body.Len() }
func (w *heldWriter) Written() bool                     { return w.body.Len() > 0 }

// release sends it.
func (w *heldWriter) release() {
	maps.Copy(w.ResponseWriter.Header(), w.header)
	w.ResponseWriter.WriteHeader(w.status)
	_, _ = w.body.WriteTo(w.ResponseWriter) // the client is gone
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
