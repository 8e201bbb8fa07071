package gateway

import (
	"compress/gzip"
	"net/http"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"

	"switchboard/gateway/document"
)

// compressFrom is the length from which JSON is worth the effort.
const compressFrom = 1 << 10

// compress sends longer JSON with gzip to those who take it so. Only answers to GET and HEAD
// are compressed: secrets are told in answers to POST only, and the length of a compressed
// body tells of what is in it (BREACH). Streams and everything else pass as they are.
func (g *Gateway) compress(c *gin.Context) {
	r := c.Request
	if r.Method != http.MethodGet && r.Method != http.MethodHead || r.Header.Get("Upgrade") != "" || r.Header.Get("Range") != "" {
		return
	}
	plain := c.Writer
	w := &compressor{ResponseWriter: plain, wanted: document.Best(r.Header, document.Gzip) != ""}
	c.Writer = w
	defer func() {
		w.end()
		c.Writer = plain
	}()
	c.Next()
}

// compressor holds the beginning of an answer back until it is clear what to do with it.
type compressor struct {
	gin.ResponseWriter
	wanted  bool // the client takes gzip
	held    []byte
	decided bool
	gzip    *gzip.Writer // nil: what is written passes as it is
}

var gzips = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}

// Unwrap is for [http.ResponseController].
func (w *compressor) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Written reports whether the handler has begun to answer.
func (w *compressor) Written() bool { return len(w.held) > 0 || w.ResponseWriter.Written() }

// Size is how much of the body has been written, held back or not.
func (w *compressor) Size() int {
	if len(w.held) > 0 {
		return len(w.held)
	}
	return w.ResponseWriter.Size()
}

// Write implements [http.ResponseWriter].
func (w *compressor) Write(b []byte) (int, error) {
	if !w.decided && w.compressible() {
		if len(w.held)+len(b) < compressFrom {
			w.held = append(w.held, b...)
			return len(b), nil
		}
		w.begin()
	}
	w.decided = true
	if err := w.release(); err != nil {
		return 0, err
	}
	return w.write(b)
}

// WriteString implements [io.StringWriter].
func (w *compressor) WriteString(s string) (int, error) { return w.Write([]byte(s)) }

// Flush sends what is there; who flushes before there is much writes a stream.
func (w *compressor) Flush() {
	w.decided = true
	_ = w.release() // the next write says so too
	if w.gzip != nil {
		_ = w.gzip.Flush()
	}
	w.ResponseWriter.Flush()
}

// compressible reports whether the answer is JSON that nobody has encoded.
func (w *compressor) compressible() bool {
	kind, _, _ := strings.Cut(w.Header().Get("Content-Type"), ";")
	kind = strings.TrimSpace(kind)
	json := kind == "application/json" || strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json")
	return json && w.Header().Get("Content-Encoding") == "" && w.Status() != http.StatusPartialContent
}

// begin starts to compress if the client likes that. What is sent depends on it either way.
func (w *compressor) begin() {
	if !strings.Contains(strings.Join(w.Header().Values("Vary"), ","), "Accept-Encoding") {
		w.Header().Add("Vary", "Accept-Encoding")
	}
	if !w.wanted {
		return
	}
	w.Header().Set("Content-Encoding", "gzip")
	w.Header().Del("Content-Length")
	w.gzip = gzips.Get().(*gzip.Writer)
	w.gzip.Reset(w.ResponseWriter)
}

func (w *compressor) write(b []byte) (int, error) {
	if w.gzip != nil {
		return w.gzip.Write(b)
	}
	return w.ResponseWriter.Write(b)
}

// release writes what was held back.
func (w *compressor) release() error {
	held := w.held
	w.held = nil
	if len(held) == 0 {
		return nil
	}
	_, err := w.write(held)
	return err
}

func (w *compressor) end() {
	_ = w.release() // the client is gone
	if w.gzip != nil {
		_ = w.gzip.Close()
		w.gzip.Reset(nil)
		gzips.Put(w.gzip)
		w.gzip = nil
	}
}
