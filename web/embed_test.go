package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

var built = fstest.MapFS{
	"dist-missing.html":               {Data: []byte("make web")},
	"dist/index.html":                 {Data: []byte("the page")},
	"dist/fleet.html":                 {Data: []byte("the fleet")},
	"dist/jobs.html":                  {Data: []byte("the jobs")},
	"dist/assets/main-ABC.js":         {Data: []byte("script")},
	"dist/assets/main-ABC.css":        {Data: []byte("style")},
	"dist/assets/inter-ABC.woff2":     {Data: []byte("font")},
	"dist/assets/licenses-ABC.txt":    {Data: []byte("licences")},
	"dist/assets/mark-ABC.svg":        {Data: []byte("<svg/>")},
	"dist/assets/deep/inside-ABC.txt": {Data: []byte("not served")},
}

func TestHandler(t *testing.T) {
	const (
		fresh   = "no-cache"
		forever = "public, max-age=31536000, immutable"
	)
	tests := []struct {
		path, contentType, cache string
		status                   int
	}{
		{"/", "text/html; charset=utf-8", fresh, 200},
		{"/fleet", "text/html; charset=utf-8", fresh, 200},
		{"/jobs", "text/html; charset=utf-8", fresh, 200},
		{"/assets/main-ABC.js", "text/javascript; charset=utf-8", forever, 200},
		{"/assets/main-ABC.css", "text/css; charset=utf-8", forever, 200},
		{"/assets/inter-ABC.woff2", "font/woff2", forever, 200},
		{"/assets/licenses-ABC.txt", "text/plain; charset=utf-8", forever, 200},
		{"/assets/mark-ABC.svg", "image/svg+xml", forever, 200},
		{"/assets/", "application/problem+json", "", 404},
		{"/assets/none.js", "application/problem+json", "", 404},
		{"/assets/deep/inside-ABC.txt", "application/problem+json", "", 404},
		{"/assets/../index.html", "application/problem+json", "", 404},
		{"/index.html", "application/problem+json", "", 404},
		{"/dist/index.html", "application/problem+json", "", 404},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			w := get(handler(built), http.MethodGet, tt.path)
			if w.Code != tt.status {
				t.Errorf("status %d, want %d", w.Code, tt.status)
			}
			if got := w.Header().Get("Content-Type"); got != tt.contentType {
				t.Errorf("Content-Type %q, want %q", got, tt.contentType)
			}
			if got := w.Header().Get("Cache-Control"); got != tt.cache {
				t.Errorf("Cache-Control %q, want %q", got, tt.cache)
			}
		})
	}
}

func TestPolicyForbidsInlineScripts(t *testing.T) {
	policy := get(handler(built), http.MethodGet, "/").Header().Get("Content-Security-Policy")
	if !strings.Contains(policy, "script-src 'self';") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "blob:") {
		t.Errorf("Content-Security-Policy is not strict: %q", policy)
	}
}

func TestOtherMethodsAreRefused(t *testing.T) {
	if w := get(handler(built), http.MethodPost, "/"); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: status %d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
	if w := get(handler(built), http.MethodHead, "/"); w.Code != http.StatusOK || w.Body.Len() != 0 {
		t.Errorf("HEAD: status %d with %d bytes", w.Code, w.Body.Len())
	}
}

func TestPageThatSaysHowToBuild(t *testing.T) {
	unbuilt := fstest.MapFS{"dist-missing.html": built["dist-missing.html"]}
	if w := get(handler(unbuilt), http.MethodGet, "/"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "make web") {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
}

func TestEmbeddedPage(t *testing.T) {
	page := get(Handler(), http.MethodGet, "/").Body.String()
	if Built() == strings.Contains(page, "make web") {
		t.Errorf("Built is %t, and the page is %s", Built(), page)
	}
}

func get(h http.Handler, method, target string, header ...string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(method, "/", nil)
	r.URL.Path = target
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	h.ServeHTTP(w, r)
	return w
}

func TestCompressedAndTagged(t *testing.T) {
	packed := fstest.MapFS{"dist/assets/main-ABC.js.br": {Data: []byte("br")}, "dist/assets/main-ABC.js.gz": {Data: []byte("gz")},
		"dist/index.html.gz": {Data: []byte("page, gz")}}
	for name, file := range built {
		packed[name] = file
	}
	h := handler(packed)
	for _, row := range []struct{ path, accept, coding, body string }{
		{"/assets/main-ABC.js", "gzip, deflate, br", "br", "br"},
		{"/assets/main-ABC.js", "gzip", "gzip", "gz"},
		{"/assets/main-ABC.js", "br;q=0.1, gzip;q=0.2", "gzip", "gz"},
		{"/assets/main-ABC.js", "br;q=0, gzip;q=0", "", "script"},
		{"/assets/main-ABC.js", "", "", "script"},
		{"/", "br, gzip", "gzip", "page, gz"},
		{"/fleet", "br, gzip", "", "the fleet"},
		{"/assets/inter-ABC.woff2", "br, gzip", "", "font"},
	} {
		w := get(h, http.MethodGet, row.path, "Accept-Encoding", row.accept)
		if w.Body.String() != row.body || w.Header().Get("Content-Encoding") != row.coding {
			t.Errorf("%s to %q: %q as %q", row.path, row.accept, w.Body, w.Header().Get("Content-Encoding"))
		}
		tag := w.Header().Get("ETag")
		if again := get(h, http.MethodGet, row.path, "Accept-Encoding", row.accept, "If-None-Match", tag); again.Code != http.StatusNotModified || again.Body.Len() > 0 {
			t.Errorf("%s to %q with %s: %d", row.path, row.accept, tag, again.Code)
		}
		if got := w.Header().Get("Content-Security-Policy"); got == "" {
			t.Errorf("%s has no policy", row.path)
		}
	}
	for _, path := range []string{"/assets/main-ABC.js.br", "/assets/main-ABC.js.gz", "/index.html.gz"} {
		if w := get(h, http.MethodGet, path); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// Whoever builds the pages gets them compressed too.
func TestBuiltPagesAreCompressed(t *testing.T) {
	paths := []string{"/", "/fleet", "/jobs"}
	if !Built() {
		paths = nil
	}
	for _, path := range paths {
		page := get(Handler(), http.MethodGet, path)
		for _, accept := range []string{"br", "gzip"} {
			if w := get(Handler(), http.MethodGet, path, "Accept-Encoding", accept); w.Header().Get("Content-Encoding") != accept || w.Body.Len() >= page.Body.Len() {
				t.Errorf("%s to %s: %q, %d of %d bytes", path, accept, w.Header().Get("Content-Encoding"), w.Body.Len(), page.Body.Len())
			}
		}
	}
}
