// Package document serves bytes that stay as they are while the program runs: pages, assets,
// descriptions. Each has a strong ETag, so that a browser that has it is answered 304, and is
// sent compressed to those that take it so.
//
// [Best] is for those who compress by themselves.
package document

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Codings that are served, in the order of preference.
const (
	Brotli = "br"
	Gzip   = "gzip"
)

// Document is one representation of a resource and what it is when compressed. Safe for many
// callers at once.
type Document struct {
	body    []byte
	encoded map[string][]byte // by coding
	tag     string            // of the body, without quotes
}

// New takes a document and, by coding, what it is when compressed; nil: nothing.
func New(body []byte, encoded map[string][]byte) *Document {
	sum := sha256.Sum256(body)
	return &Document{body: body, encoded: encoded, tag: hex.EncodeToString(sum[:12])}
}

// Compress makes a document of body with gzip, if that makes it smaller.
func Compress(body []byte) *Document {
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.BestCompression) // the level exists
	_, _ = w.Write(body)                                    // buffers take everything
	_ = w.Close()
	if out.Len() >= len(body) {
		return New(body, nil)
	}
	return New(body, map[string][]byte{Gzip: out.Bytes()})
}

// ServeHTTP answers GET and HEAD, with conditions and ranges. Content-Type is set before. A
// range is one of the document as it is: of a compressed one nobody could read it.
func (d *Document) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h, body, tag := w.Header(), d.body, d.tag
	if len(d.encoded) > 0 {
		h.Add("Vary", "Accept-Encoding")
	}
	if coding := d.choose(r); coding != "" {
		body, tag = d.encoded[coding], d.tag+"-"+coding
		h.Set("Content-Encoding", coding)
		h.Set("Content-Length", strconv.Itoa(len(body)))
	}
	h.Set("ETag", `"`+tag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

func (d *Document) choose(r *http.Request) string {
	if r.Header.Get("Range") != "" {
		return ""
	}
	var offers []string
	for _, coding := range []string{Brotli, Gzip} {
		if d.encoded[coding] != nil {
			offers = append(offers, coding)
		}
	}
	return Best(r.Header, offers...)
}

// Best is the coding of offers that a request's Accept-Encoding likes best, the first of
// those that it likes as much; "": the body as it is.
func Best(h http.Header, offers ...string) string {
	likes := qualities(h)
	best, most := "", likes.of("identity")
	for _, coding := range offers {
		// At the same quality a compressed body is preferred to the plain one, the first to the others.
		if q := likes.of(coding); q > 0 && (q > most || q == most && best == "") {
			best, most = coding, q
		}
	}
	return best
}

// preferences are the qualities that a request gives codings.
type preferences map[string]float64

func (p preferences) of(coding string) float64 {
	if q, named := p[coding]; named {
		return q
	}
	if q, any := p["*"]; any {
		return q
	}
	if coding == "identity" {
		return leastQuality // accepted, behind all that is named
	}
	return 0
}

// leastQuality is below every quality that a header can give.
const leastQuality = 0.0001

func qualities(h http.Header) preferences {
	likes := preferences{}
	for _, line := range h.Values("Accept-Encoding") {
		for entry := range strings.SplitSeq(line, ",") {
			coding, parameters, _ := strings.Cut(entry, ";")
			q := 1.0
			for parameter := range strings.SplitSeq(parameters, ";") {
				name, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
				if strings.EqualFold(strings.TrimSpace(name), "q") {
					q = quality(strings.TrimSpace(value))
				}
			}
			coding = strings.ToLower(strings.TrimSpace(coding))
			if coding == "x-gzip" { // RFC 9110, 8.4.1.3
				coding = Gzip
			}
			if coding != "" {
				likes[coding] = q
			}
		}
	}
	return likes
}

// quality reads a q-value; one that is none counts as refused.
func quality(s string) float64 {
	q, err := strconv.ParseFloat(s, 64)
	if err != nil || !(q >= 0 && q <= 1) {
		return 0
	}
	return q
}
