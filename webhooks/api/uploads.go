package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"switchboard/gateway/problem"
	"switchboard/gateway/strict"
	"switchboard/webhooks/batch"
)

const (
	largestUpload = 201 << 20 // the Batch API's 200 MB and a form around them
	largestField  = 64 << 10
	mostFields    = 20
	stalled       = 30 * time.Second // without a byte, either way
	uploadTime    = 15 * time.Minute // for a body in all

	filesOfNode = 8 // uploads, and other files on this node's disk, at once
	filesOfKey  = 4
	fileWait    = 10 * time.Second // for one of them to end
)

// Errors of the gate.
var (
	errKeyFiles  = fmt.Errorf("an API key has at most %d uploads at once on a node; wait for one to end", filesOfKey)
	errNodeFiles = fmt.Errorf("this node has %d uploads at once already; try again in a moment", filesOfNode)
)

// gate bounds how many files are on this node's disk at once, in all and of one API key.
type gate struct {
	mu   sync.Mutex
	all  int
	of   map[string]int
	left chan struct{} // closed, and made anew, whenever one leaves
}

func newGate() *gate { return &gate{of: map[string]int{}, left: make(chan struct{})} }

// enter waits for a place. Leave must be called.
func (g *gate) enter(ctx context.Context, key string) (leave func(), err error) {
	limit := time.NewTimer(fileWait)
	defer limit.Stop()
	for {
		changed, err := g.try(key)
		if err == nil {
			return sync.OnceFunc(func() { g.leave(key) }), nil
		}
		select {
		case <-changed:
		case <-limit.C:
			return nil, err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (g *gate) try(key string) (changed <-chan struct{}, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.of[key] >= filesOfKey:
		return g.left, errKeyFiles
	case g.all >= filesOfNode:
		return g.left, errNodeFiles
	}
	g.all++
	g.of[key]++
	return nil, nil
}

func (g *gate) leave(key string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.all--
	if g.of[key]--; g.of[key] == 0 {
		delete(g.of, key)
	}
	close(g.left)
	g.left = make(chan struct{})
}

// upload answers a request that creates something of a body that may be large: within the gate, as long as bytes come.
func (s *API) upload(c *gin.Context, create func(kind string, body patientReader) (any, error)) {
	kind, _, _ := mime.ParseMediaType(c.GetHeader("Content-Type"))
	leave, err := s.files.enter(c.Request.Context(), viewer(c.Request.Context()).Key)
	var created any
	if err == nil {
		defer leave()
		body := patientReader{http.MaxBytesReader(c.Writer, c.Request.Body, largestUpload), http.NewResponseController(c.Writer), time.Now().Add(uploadTime)}
		created, err = create(kind, body)
	}
	_ = http.NewResponseController(c.Writer).SetWriteDeadline(time.Now().Add(stalled)) // the server's counts from the request's head
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		err = batch.ErrTooLarge
	}
	if err != nil {
		c.Header("Connection", "close") // what is left of the body is not waited for
		problem.Write(c.Writer, problemOf(s.log, err))
		return
	}
	c.JSON(http.StatusCreated, created)
}

// openForm reads a form's fields up to its file, which is then read as it comes in. A form without a file has ended; then
// file is nil.
func openForm(r *http.Request, body io.Reader) (fields []field, file *lastPart, err error) {
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || params["boundary"] == "" {
		return nil, nil, problem.Of(400, "the form has no boundary")
	}
	form := multipart.NewReader(body, params["boundary"])
	for {
		part, err := form.NextPart()
		switch {
		case err == io.EOF:
			return fields, nil, nil
		case err != nil:
			return nil, nil, readError(err, "the form cannot be read")
		case part.FormName() == "file":
			return fields, &lastPart{Part: part, form: form}, nil
		case len(fields) == mostFields:
			return nil, nil, problem.Of(422, fmt.Sprintf("a form has at most %d fields", mostFields))
		}
		value, err := io.ReadAll(io.LimitReader(part, largestField+1))
		switch {
		case err != nil:
			return nil, nil, readError(err, "the form cannot be read")
		case len(value) > largestField:
			return nil, nil, invalid(part.FormName(), fmt.Sprintf("is longer than %d KiB", largestField>>10))
		}
		fields = append(fields, field{part.FormName(), string(value)})
	}
}

// readError keeps an error that says why nothing more comes, and says the rest in words.
func readError(err error, words string) error {
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge || errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return problem.Of(400, words)
}

// lastPart is a form's file. A field that comes after it would come too late: it is refused, not ignored.
type lastPart struct {
	*multipart.Part
	form *multipart.Reader
	end  error // once it was reached: the form's reader tells it once
}

// Read returns io.EOF at the file's end if the form ends there, too.
func (p *lastPart) Read(b []byte) (int, error) {
	if p.end != nil {
		return 0, p.end
	}
	n, err := p.Part.Read(b)
	if err != io.EOF {
		return n, err
	}
	next, end := p.form.NextPart() // io.EOF, or where the form was cut off
	if end == nil {
		end = problem.Of(400, fmt.Sprintf("the form's field %q comes after its file: put the file last", strict.Clip(next.FormName(), longestShown)))
	}
	p.end = end
	return n, end
}

// patientReader lets a body take its time as long as bytes come, up to a limit.
type patientReader struct {
	r       io.Reader
	control *http.ResponseController
	limit   time.Time
}

// Read gives the next bytes their own deadline.
func (p patientReader) Read(b []byte) (int, error) {
	deadline := time.Now().Add(stalled)
	if deadline.After(p.limit) {
		deadline = p.limit
	}
	_ = p.control.SetReadDeadline(deadline) // a recorder in a test has none
	return p.r.Read(b)
}

// toEnd wraps what is read of the body up to an end: there the deadline is taken back, which would otherwise cancel the
// request while it waits for OpenAI.
func (p patientReader) toEnd(r io.Reader) io.Reader { return endReader{r, p.control} }

type endReader struct {
	r       io.Reader
	control *http.ResponseController
}

// Read takes the deadline back with the first error, io.EOF among them.
func (e endReader) Read(b []byte) (int, error) {
	n, err := e.r.Read(b)
	if err != nil {
		_ = e.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// patientWriter lets an answer take its time as long as bytes go.
type patientWriter struct {
	w       io.Writer
	control *http.ResponseController
}

// Write gives these bytes their own deadline.
func (p patientWriter) Write(b []byte) (int, error) {
	_ = p.control.SetWriteDeadline(time.Now().Add(stalled))
	return p.w.Write(b)
}
