package gateway

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"
	"github.com/tidwall/gjson"

	"switchboard/gateway/openapi"
	"switchboard/gateway/problem"
	"switchboard/gateway/role"
	"switchboard/gateway/sse"
	"switchboard/session"
	"switchboard/session/audit"
)

const auditPath = "/audit"

// auditRoutes are there if somebody keeps a record.
func (g *Gateway) auditRoutes() []openapi.Route {
	if g.options.Audit == nil {
		return nil
	}
	text := func(name, says string) *huma.Param { return openapi.Param("query", name, says, huma.TypeString) }
	limit := openapi.Param("query", "limit", "100 if left out", huma.TypeInteger)
	limit.Schema.Minimum, limit.Schema.Maximum = new(1.0), new(float64(mostAudited))
	class := text("class", "app: requests of app keys; operator: those of operators and admins")
	class.Schema.Enum = []any{string(audit.Apps), string(audit.People)}
	instant := func(name, says string) *huma.Param {
		p := text(name, says)
		p.Schema.Format = "date-time"
		return p
	}
	failed := openapi.Param("query", "failed", "true: only requests that were refused; false: only the others", huma.TypeBoolean)
	return []openapi.Route{{
		Method: "GET", Path: auditPath, ID: "list-audit", Tag: tagFleet, Role: role.Operator,
		Summary: "See who changed what", Errors: []int{422},
		Text: "Every request that changes something is on record, with the API key, the operation, the session or object and the status of the answer; " +
			"never the values that were sent. With Accept: text/event-stream, the entries that are added, as events audit.<action>, from Last-Event-ID on. " +
			"With Accept: application/x-ndjson, all that match, a line each. Subscribers are delivered the same as audit.<action>.",
		Do: openapi.Plain(openapi.Shape{
			Params: []*huma.Param{
				text("by", "Name of an API key"), text("action", "An operationId, or the beginning of several with * behind it: create-*"),
				text("session_id", "Of one session"), text("object_id", "Of one broadcast, key, batch, node, …"),
				class, failed, instant("from", "Not before"), instant("to", "Before"),
				text("before", "next of the page before"), limit,
			},
			Answers: map[int]openapi.Answer{200: {Text: "A page of the log", Type: "application/json", Body: openapi.Of[auditList]()}},
		}, g.auditLog),
	}}
}

// RecordAudit writes what callers change to the audit log, until ctx is done and nothing is left.
func (g *Gateway) RecordAudit(ctx context.Context) {
	if g.recorder != nil {
		g.recorder.Run(ctx)
	}
}

// largestNoted is up to which size of a body its fields are noted.
const largestNoted = 64 << 10

// bodyRead is where a request has its body that was read.
const bodyRead = "body"

// audited records a request when it has been answered: once, by the node that the caller reached.
// Whoever is not known is not on record.
func (g *Gateway) audited(action string) gin.HandlerFunc {
	return func(c *gin.Context) {
		if g.recorder == nil || g.hopped(c.Request) {
			return
		}
		defer func() {
			who := callerOf(c.Request.Context())
			if who.Key.Name == "" {
				return
			}
			raw, _ := c.Get(bodyRead)
			body, _ := raw.([]byte)
			e := audit.Entry{Action: action, Fields: bodyFields(body), Status: c.Writer.Status()}
			about(&e, c.FullPath(), c.Param("id")+c.Param("node"), c.Writer.Header().Get("Location"))
			g.record(who, e)
		}()
		c.Next()
	}
}

// record adds an entry in the name of a caller.
func (g *Gateway) record(who caller, e audit.Entry) {
	if g.recorder == nil {
		return
	}
	e.At, e.Node = time.Now().UTC(), g.options.Node
	e.By, e.KeyID, e.Role = who.Key.Name, who.Key.ID, cmp.Or(string(who.Key.Role), "client")
	g.recorder.Record(e)
}

// about sets what a request concerned: what its path names, or what it made.
func about(e *audit.Entry, route, id, made string) {
	if id == "" && e.Status < 300 && made != "" {
		id = path.Base(made)
	}
	if strings.HasPrefix(route, sessions) || strings.HasPrefix(route, "/v1/realtime") {
		if s := session.ID(id); s.Valid() {
			e.Session = s
		}
		return
	}
	e.Object = id
}

// bodyFields names the fields of a body that is not large.
func bodyFields(raw []byte) (fields []string) {
	if len(raw) > largestNoted || !gjson.ValidBytes(raw) {
		return nil
	}
	gjson.ParseBytes(raw).ForEach(func(name, _ gjson.Result) bool {
		if name.Type == gjson.String {
			fields = append(fields, name.Str)
		}
		return len(fields) < 16
	})
	return fields
}

// auditList is a page of the audit log.
type auditList struct {
	Entries []audit.Entry `json:"entries" nullable:"false" doc:"Newest first"`
	Next    string        `json:"next,omitempty" doc:"before of the next page; absent on the last"`
}

// auditLog answers with a page of the log, all of it (NDJSON) or what is added to it (SSE), as Accept says.
func (g *Gateway) auditLog(c *gin.Context) {
	q, limit, err := auditQuery(c.Request)
	if err != nil {
		g.fail(c, err)
		return
	}
	switch accept := c.GetHeader("Accept"); {
	case strings.Contains(accept, "text/event-stream"):
		g.followAudit(c, q)
	case strings.Contains(accept, "application/x-ndjson"):
		g.exportAudit(c, q)
	default:
		page, err := g.options.Audit.AuditEntries(c.Request.Context(), q, c.Query("before"), limit)
		if err != nil {
			g.fail(c, auditError(err))
			return
		}
		c.JSON(http.StatusOK, auditList{append([]audit.Entry{}, page.Entries...), page.Next})
	}
}

func auditError(err error) error {
	var invalid *session.InvalidError
	if errors.As(err, &invalid) {
		return problem.Field("query."+invalid.Field, invalid.Detail)
	}
	return storeError{err}
}

const mostAudited = 1000 // entries of a page

// auditQuery reads which entries a request is for.
func auditQuery(r *http.Request) (q audit.Query, limit int, err error) {
	v := r.URL.Query()
	q = audit.Query{By: v.Get("by"), Action: v.Get("action"), Session: session.ID(v.Get("session_id")), Object: v.Get("object_id"), Class: audit.Class(v.Get("class"))}
	limit = 100
	if text := v.Get("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > mostAudited {
			return q, 0, problem.Field("query.limit", "want a number from 1 to 1000")
		}
	}
	if q.Class != "" && q.Class != audit.Apps && q.Class != audit.People {
		return q, 0, problem.Field("query.class", "want app or operator")
	}
	if text := v.Get("failed"); text != "" {
		failed, err := strconv.ParseBool(text)
		if err != nil {
			return q, 0, problem.Field("query.failed", "want true or false")
		}
		q.Failed = &failed
	}
	for _, bound := range []struct {
		name string
		into *time.Time
	}{{"from", &q.From}, {"to", &q.To}} {
		if text := v.Get(bound.name); text != "" {
			if *bound.into, err = time.Parse(time.RFC3339, text); err != nil {
				return q, 0, problem.Field("query."+bound.name, "want a time as 2026-11-30T09:00:00Z")
			}
		}
	}
	return q, limit, nil
}

// exportAudit writes all entries that q selects, newest first, a line each. An export that breaks
// off breaks the connection, so that nobody takes a part for the whole.
func (g *Gateway) exportAudit(c *gin.Context, q audit.Query) {
	ctx := c.Request.Context()
	control := http.NewResponseController(c.Writer)
	before := c.Query("before")
	for begun := false; ; begun = true {
		page, err := g.options.Audit.AuditEntries(ctx, q, before, mostAudited)
		switch {
		case err != nil && !begun:
			g.fail(c, auditError(err))
			return
		case err != nil:
			panic(http.ErrAbortHandler)
		case !begun:
			c.Header("Content-Type", "application/x-ndjson")
			c.Header("Content-Disposition", `attachment; filename="audit.ndjson"`)
			c.Status(http.StatusOK)
		}
		_ = control.SetWriteDeadline(time.Now().Add(time.Minute)) // a recorder in a test has none
		lines := json.NewEncoder(c.Writer)
		for i := range page.Entries {
			if lines.Encode(&page.Entries[i]) != nil {
				panic(http.ErrAbortHandler)
			}
		}
		if before = page.Next; before == "" {
			_ = control.SetWriteDeadline(time.Time{})
			return
		}
	}
}

// followAudit streams the entries that are added, and those since Last-Event-ID.
func (g *Gateway) followAudit(c *gin.Context, q audit.Query) {
	ctx, cancel := context.WithCancel(c.Request.Context())
	defer cancel()
	defer context.AfterFunc(g.streams, cancel)()
	last := c.GetHeader("Last-Event-ID")
	if last != "" && !eventID.MatchString(last) {
		g.fail(c, problem.Field("header.Last-Event-ID", "is no ID of this stream"))
		return
	}
	if last == "" || !strings.Contains(last, "-") {
		newest, err := g.options.Audit.NewestAudit(ctx)
		if err != nil {
			g.fail(c, storeError{err})
			return
		}
		last = newest
	}
	s := sse.New(c.Writer)
	s.Head()
	if c.Request.Method == http.MethodHead {
		return
	}
	s.Retry(streamRetry)
	for s.Flush() == nil {
		wait, done := context.WithTimeout(ctx, sse.Heartbeat)
		entries, err := g.options.Audit.FollowAudit(wait, last)
		done()
		switch {
		case ctx.Err() != nil, err != nil && !errors.Is(err, context.DeadlineExceeded):
			return // the client reconnects with what it has
		case err != nil:
			s.Ping(last)
		}
		for i := range entries {
			last = entries[i].ID
			if body, err := json.Marshal(&entries[i]); err == nil && q.Selects(&entries[i]) {
				s.Event(last, "audit."+entries[i].Action, body)
			}
		}
	}
}
