package audit

import (
	"context"
	"strings"
	"time"

	"switchboard/session"
)

// Entry is one request that changed something, or was refused when it tried to.
type Entry struct {
	ID      string     `json:"id" doc:"Grows with time: <unix ms>-<n>"`
	At      time.Time  `json:"at" doc:"When the request was answered"`
	By      string     `json:"by" doc:"Name of the API key"`
	KeyID   string     `json:"key_id,omitempty" doc:"ID of the API key: a later key of the same name has another"`
	Role    string     `json:"role" enum:"client,app,operator,admin" doc:"Of the API key; client: it was a client token that the key had issued"`
	Action  string     `json:"action" doc:"The operation, by its operationId in /openapi.yaml" example:"end-session"`
	Session session.ID `json:"session_id,omitempty"`
	Object  string     `json:"object_id,omitempty" doc:"What was changed, if not a session: a broadcast, batch, key, …"`
	Fields  []string   `json:"fields,omitempty" nullable:"false" doc:"Names of the fields that the request had; never their values"`
	Status  int        `json:"status" doc:"HTTP status of the answer: from 400 on nothing was changed"`
	Node    string     `json:"node" doc:"URL of the node that handled it"`
}

// Class separates entries that must not displace each other: what applications do by the
// thousand does not push out what people did.
type Class string

// The classes: requests of app keys and client tokens, and those of operators and admins.
const (
	Apps   Class = "app"
	People Class = "operator"
)

// Classes lists all.
var Classes = []Class{Apps, People}

// Class is the one that an entry belongs to.
func (e *Entry) Class() Class {
	if e.Role == "operator" || e.Role == "admin" {
		return People
	}
	return Apps
}

// Bounds of one entry.
const (
	longestText = 128 // bytes of each text but the session's ID
	mostFields  = 16
)

// Bound cuts an entry to its limits.
func (e *Entry) Bound() {
	for _, text := range []*string{&e.By, &e.KeyID, &e.Action, &e.Object, &e.Node} {
		*text = clip(*text)
	}
	e.Fields = e.Fields[:min(len(e.Fields), mostFields)]
	for i, name := range e.Fields {
		e.Fields[i] = clip(name)
	}
}

func clip(text string) string { return strings.ToValidUTF8(text[:min(len(text), longestText)], "") }

// Query selects entries. Zero fields select all.
type Query struct {
	By      string     // name of an API key
	Action  string     // an operation, or the beginning of several that ends in *
	Session session.ID // one session
	Object  string     // one object that is not a session
	Class   Class      // only those of one class
	Failed  *bool      // only those that were refused, or only the others
	From    time.Time  // not before
	To      time.Time  // before
}

// Selects reports whether q selects e.
func (q *Query) Selects(e *Entry) bool {
	switch prefix, many := strings.CutSuffix(q.Action, "*"); {
	case q.By != "" && e.By != q.By, q.Session != "" && e.Session != q.Session, q.Object != "" && e.Object != q.Object,
		q.Action != "" && !many && e.Action != q.Action, many && !strings.HasPrefix(e.Action, prefix),
		q.Class != "" && e.Class() != q.Class, q.Failed != nil && *q.Failed != (e.Status >= 400),
		!q.From.IsZero() && e.At.Before(q.From), !q.To.IsZero() && !e.At.Before(q.To):
		return false
	}
	return true
}

// Page is a part of the log.
type Page struct {
	Entries []Entry // newest first
	Next    string  // before of the next page; empty on the last
}

// Log is the audit log of all nodes. Entries are only ever appended; the oldest of each class
// make room when the log has reached its bytes, or its days. Safe for many callers at once.
type Log interface {
	// AppendAudit stores entries in order and returns them with their IDs. id names the call:
	// one that is sent again within a minute, after an error, counts once.
	AppendAudit(ctx context.Context, id string, entries []Entry) ([]Entry, error)

	// AuditEntries lists at most limit entries that q selects, newest first; before, unless
	// empty, is the Next of the page before. *InvalidError: it is not.
	AuditEntries(ctx context.Context, q Query, before string, limit int) (Page, error)

	// FollowAudit returns the entries behind the one with ID after ("": from the oldest stored),
	// in order, and waits for the next if there are none yet.
	FollowAudit(ctx context.Context, after string) ([]Entry, error)

	// NewestAudit returns the ID of the newest entry, "" if there is none.
	NewestAudit(ctx context.Context) (string, error)
}
