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

func get(h http.Handler, method, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(method, "/", nil)
	r.URL.Path = target
	h.ServeHTTP(w, r)
	return w
}
