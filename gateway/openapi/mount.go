package openapi

import (
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"

	"switchboard/gateway/document"
	"switchboard/gateway/problem"
	"switchboard/gateway/role"
	"switchboard/gateway/strict"
)

// Options are where routes go and what is said of all of them. Engine and Admit are required.
type Options struct {
	Engine *gin.Engine
	Admit  func(least role.Role) gin.HandlerFunc // lets API keys of at least a role through
	Body   gin.HandlerFunc                       // reads the body of a caller who is known into memory, within its limits; nil: it is read as it comes

	// Note wraps all that a route does which changes something, to keep a record of it; nil: nobody does.
	Note func(route string) gin.HandlerFunc

	Title, Version, Text string
	Server               string // where the API is; "": where the document was loaded from
	Tag                  Tag    // of the document's own routes
}

type mount struct {
	o    Options
	api  huma.API
	doc  *huma.OpenAPI
	tags []string // seen
}

// Mount serves the routes of tables, and the document and the page that describe them. The document is returned to be
// read only.
func Mount(o Options, tables ...Table) (*huma.OpenAPI, error) {
	problem.Install()
	m := &mount{o: o}
	m.api = humagin.New(o.Engine, m.config())
	m.doc = m.api.OpenAPI()
	var texts texts
	for _, t := range append(tables, Table{Routes: texts.routes(o.Tag)}) {
		for _, r := range t.Routes {
			m.tag(r.Tag)
			r.Do.add(m, r, t.Problem)
		}
		for _, w := range t.Webhooks {
			addWebhook(m.doc, w)
		}
	}
	return m.doc, texts.write(o.Engine, m.doc)
}

// config is that of an API without routes of huma's own.
func (m *mount) config() huma.Config {
	c := huma.DefaultConfig(m.o.Title, m.o.Version)
	c.Info.License = &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}
	c.Info.Description = m.o.Text
	c.Servers = []*huma.Server{{URL: "/", Description: "Where this document was loaded from"}}
	if m.o.Server != "" {
		c.Servers = []*huma.Server{{URL: strings.TrimSuffix(m.o.Server, "/"), Description: "The fleet's public address"}}
	}
	c.DocsPath, c.SchemasPath, c.OpenAPIPath = "", "", "" // our own page; no CDN
	format := huma.DefaultJSONFormat
	format.Unmarshal = func(raw []byte, into any) error {
		return strict.InTurn(raw, func() error { return json.Unmarshal(raw, into) })
	}
	c.Formats = map[string]huma.Format{"application/json": format, "json": format}
	c.CreateHooks = nil // no $schema in bodies
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"key": {Type: "http", Scheme: "bearer", Description: "An API key of the gateway's, or a client token where it says so"},
	}
	c.Security = []map[string][]string{{"key": {}}}
	return c
}

// tag adds a tag to the document where it is first seen.
func (m *mount) tag(t Tag) {
	if !slices.Contains(m.tags, t.Name) {
		m.tags = append(m.tags, t.Name)
		m.doc.Tags = append(m.doc.Tags, &huma.Tag{Name: t.Name, Description: t.Text})
	}
}

// admit is what asks who the caller is, within what notes that something is changed.
func (m *mount) admit(r Route) (all []gin.HandlerFunc) {
	if r.open() {
		return nil
	}
	if m.o.Note != nil && r.Method != http.MethodGet {
		all = append(all, m.o.Note(r.ID))
	}
	return append(all, m.o.Admit(r.Role))
}

// before is all that runs before a route's handler.
func (m *mount) before(r Route) []gin.HandlerFunc {
	all := m.admit(r)
	if m.o.Body != nil && !r.open() {
		all = append(all, m.o.Body)
	}
	if r.Before != nil {
		all = append(all, r.Before)
	}
	return all
}

// operation is what the document has of a route.
func (m *mount) operation(r Route) *huma.Operation {
	for _, op := range operationsOf(m.doc.Paths[r.Path]) {
		if op.Method == r.Method {
			return op
		}
	}
	return nil
}

func operationsOf(item *huma.PathItem) []*huma.Operation {
	all := []*huma.Operation{item.Post, item.Get, item.Patch, item.Delete, item.Put}
	return slices.DeleteFunc(all, func(op *huma.Operation) bool { return op == nil })
}

// operations are those of a document, by path.
func operations(doc *huma.OpenAPI) iter.Seq[*huma.Operation] {
	return func(yield func(*huma.Operation) bool) {
		for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
			for _, op := range operationsOf(doc.Paths[path]) {
				if !yield(op) {
					return
				}
			}
		}
	}
}

// texts are the document and its page, which are written when all routes are known and are routes themselves.
type texts struct {
	yaml, page *document.Document
}

func (t *texts) routes(tag Tag) []Route {
	get := func(id, path, summary, text, kind, says string, of **document.Document) Route {
		return Route{Method: "GET", Path: path, ID: id, Tag: tag, Summary: summary, Text: text,
			Do: Plain(Shape{Answers: map[int]Answer{200: {says, kind, Text("")}}}, func(c *gin.Context) { serveText(c, kind, *of) })}
	}
	return []Route{
		get("openapi", "/openapi.yaml", "This document", "The same in JSON is at /openapi.json.", "application/yaml", "OpenAPI 3.1", &t.yaml),
		get("docs", "/docs", "This document as a page", "", "text/html", "HTML", &t.page),
	}
}

// write makes the texts of the document. What the page loads, and the document in JSON, have no operations.
func (t *texts) write(e *gin.Engine, doc *huma.OpenAPI) error {
	asYAML, err := doc.YAML()
	if err != nil {
		return fmt.Errorf("write OpenAPI document: %w", err)
	}
	asJSON, err := doc.MarshalJSON()
	if err != nil {
		return fmt.Errorf("write OpenAPI document: %w", err)
	}
	page, err := page(doc)
	if err != nil {
		return fmt.Errorf("write page of the API: %w", err)
	}
	t.yaml, t.page = document.Compress(asYAML), document.Compress(page)
	for _, also := range []struct {
		path, kind string
		body       []byte
	}{
		{"/openapi.json", "application/json", asJSON},
		{"/docs/style.css", "text/css", pageStyle},
		{"/docs/page.js", "text/javascript", pageScript},
	} {
		d := document.Compress(also.body)
		e.Match([]string{"GET", "HEAD"}, also.path, func(c *gin.Context) { serveText(c, also.kind, d) })
	}
	return nil
}

// contentSecurityPolicy lets the page load and reach nothing but this gateway.
const contentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; frame-ancestors 'none'; form-action 'none'"

func serveText(c *gin.Context, kind string, d *document.Document) {
	if kind != "application/json" { // which has no other
		kind += "; charset=utf-8"
	}
	c.Header("Cache-Control", "no-cache")
	c.Header("Content-Type", kind)
	c.Header("Content-Security-Policy", contentSecurityPolicy)
	d.ServeHTTP(c.Writer, c.Request)
}
