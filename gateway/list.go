package gateway

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"switchboard/gateway/problem"
	"switchboard/gateway/role"
	"switchboard/session"
)

// sessionList is a page of sessions, and numbers of all that the caller may see.
type sessionList struct {
	Sessions []sessionView `json:"sessions" nullable:"false" doc:"In the order that was asked for, newest first. Empty only if no session matches"`
	Next     string        `json:"next,omitempty" doc:"Where the next page begins; absent on the last"`
	Facets   []facet       `json:"facets,omitempty" doc:"With facets=true: of status, state, key, model, node and labels, how many sessions that the other filters select have each value"`
	Total    int           `json:"total" doc:"Sessions that match, on all pages"`
	Totals   Totals        `json:"totals" doc:"Of all sessions that the caller may see, whether they match or not"`
}

// Totals sums up sessions; all but Status of those that have not ended.
type Totals struct {
	Status     map[session.Status]int `json:"status" doc:"Sessions by status: created, active, ended"`
	Nodes      map[string]int         `json:"nodes" doc:"Live sessions by the node that runs them"`
	Live       int                    `json:"live" doc:"Sessions that have not ended"`
	Unattended int                    `json:"unattended" doc:"Live sessions without a client"`
	Clients    int                    `json:"clients" doc:"Clients attached"`
}

func (g *Gateway) list(ctx context.Context, in *listInput) (*listOutput, error) {
	who := callerOf(ctx)
	if _, known := g.options.Keys.Lookup(in.Key); known {
		return nil, errInQuery // its secret in place of its name
	}
	q, err := query(who, in)
	if err != nil {
		return nil, err
	}
	g.flush(ctx)
	return g.listed(ctx, who, q, in.Fields)
}

// listed is the page of sessions that q selects.
func (g *Gateway) listed(ctx context.Context, who caller, q session.Query, fields string) (*listOutput, error) {
	page, err := g.page(ctx, who, q)
	if err != nil {
		return nil, err
	}
	out := &listOutput{Body: sessionList{
		Sessions: make([]sessionView, len(page.Records)), Next: page.Next, Total: page.Total,
	}}
	if q.Facets {
		out.Body.Facets = facetViews(page.Facets)
	}
	if page.Totals != nil {
		out.Body.Totals = totalsOf(*page.Totals)
	} else if out.Body.Totals, err = g.totals(ctx, who.scope()); err != nil {
		return nil, err
	}
	for i, rec := range page.Records {
		if ctl, ok := g.options.Hub.Controller(rec.ID); ok {
			rec = ctl.Record()
		}
		rec.Reason = who.reason(rec.Reason)
		out.Body.Sessions[i] = view(rec)
		if fields == "summary" {
			out.Body.Sessions[i] = summary(out.Body.Sessions[i])
		}
	}
	return out, nil
}

// page reads the sessions that q selects, if the caller may see any of them.
func (g *Gateway) page(ctx context.Context, who caller, q session.Query) (session.Page, error) {
	if q.Key != "" && !who.sees(q.Key) {
		return session.Page{}, nil
	}
	page, err := g.options.Store.Records(ctx, q)
	var invalid *session.InvalidError
	switch {
	case errors.As(err, &invalid):
		return page, problem.Field("query."+invalid.Field, invalid.Detail)
	case err != nil:
		return page, storeError{err}
	}
	return page, nil
}

// scope is the API key whose sessions the caller sees; empty: it sees all.
func (c caller) scope() string {
	if c.Key.Role.AtLeast(role.Operator) {
		return ""
	}
	return c.Key.Name
}

func query(who caller, in *listInput) (session.Query, error) {
	if in.After != "" && in.Offset > 0 {
		return session.Query{}, problem.Field("query.offset", "cannot be given together with after")
	}
	q := session.Query{Scope: who.scope(), Key: in.Key, Status: in.Status, Limit: in.Limit, After: in.After, Offset: in.Offset,
		Text: in.Q, State: in.State, Model: in.Model, Node: in.Node, From: in.From, To: in.To,
		Sort: in.Sort, Ascending: in.Order == "asc", Facets: in.Facets,
	}
	for _, label := range in.Label {
		k, v, ok := strings.Cut(label, ":")
		if !ok || k == "" {
			return q, problem.Field("query.label", "want key:value")
		}
		if q.Labels == nil {
			q.Labels = map[string]string{}
		}
		if _, twice := q.Labels[k]; twice {
			return q, problem.Field("query.label", "the key "+strconv.Quote(k)+" is there twice, and a session has one value of it")
		}
		q.Labels[k] = v
	}
	return q, nil
}
