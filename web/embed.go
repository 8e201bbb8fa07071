// Package web holds the pages that browsers load, built by esbuild from the TypeScript beside it.
//
// Mount [Handler] at "/", "/fleet", "/jobs" and "/assets/". The built files are not in the repository: `make web` writes
// them to dist, and a binary built without them serves a page that says so.
package web

import (
	"embed"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strings"

	"switchboard/gateway/document"
)

// The pattern matches the committed dist-missing.html always, and the folder dist when it was built.
//
//go:embed dist*
var files embed.FS

// contentSecurityPolicy lets the pages load and reach nothing but this gateway. 'self' covers WebSockets.
const contentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; " +
	"connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// pages are the files of the pages, by address.
var pages = map[string]string{"/": "dist/index.html", "/fleet": "dist/fleet.html", "/jobs": "dist/jobs.html"}

// contentTypes are set here because the types known to a machine's registry differ.
var contentTypes = map[string]string{
	".css":   "text/css; charset=utf-8",
	".html":  "text/html; charset=utf-8",
	".js":    "text/javascript; charset=utf-8",
	".svg":   "image/svg+xml",
	".txt":   "text/plain; charset=utf-8",
	".woff2": "font/woff2",
}

// notFound is the problem that the gateway answers for any address where there is nothing.
const notFound = `{"type":"urn:switchboard:problem:not-found","title":"Not Found","status":404,"detail":"no such route"}`

// Handler serves the pages and their assets, to GET and HEAD: compressed to those who take it
// so, and 304 to those who have them. Any other path is a problem (RFC 9457) with status 404.
func Handler() http.Handler {
	return handler(files)
}

// Built reports whether the pages are in this binary.
func Built() bool {
	_, err := fs.Stat(files, "dist/index.html")
	return err == nil
}

// compressed are the endings that the build gives to a file's compressed forms.
var compressed = map[string]string{".br": document.Brotli, ".gz": document.Gzip}

// documents reads what can be served, by file name.
func documents(files fs.FS) map[string]*document.Document {
	found := map[string]*document.Document{}
	_ = fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || contentTypes[path.Ext(name)] == "" {
			return err
		}
		body, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		encoded := map[string][]byte{}
		for ending, coding := range compressed {
			if b, err := fs.ReadFile(files, name+ending); err == nil {
				encoded[coding] = b
			}
		}
		found[name] = document.New(body, encoded)
		return nil
	}) // what is embedded can be read
	return found
}

func handler(files fs.FS) http.Handler {
	found := documents(files)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, cache := locate(found, r.URL.Path)
		switch {
		case found[name] == nil:
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, notFound) // the client is gone
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		default:
			setHeaders(w.Header(), name, cache)
			found[name].ServeHTTP(w, r)
		}
	})
}

// locate returns the file for a path and how long it may be kept; an empty name where there is none.
func locate(found map[string]*document.Document, address string) (name, cache string) {
	if asset, ok := strings.CutPrefix(address, "/assets/"); ok && fs.ValidPath(asset) && !strings.Contains(asset, "/") {
		return "dist/assets/" + asset, "public, max-age=31536000, immutable"
	}
	page, ok := pages[address]
	if !ok {
		return "", ""
	}
	if found[page] == nil {
		return "dist-missing.html", "no-cache"
	}
	return page, "no-cache"
}

func setHeaders(h http.Header, name, cache string) {
	h.Set("Cache-Control", cache)
	h.Set("Content-Type", contentTypes[path.Ext(name)])
	h.Set("Content-Security-Policy", contentSecurityPolicy)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Permissions-Policy", "microphone=(self), camera=(), geolocation=()")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
}
