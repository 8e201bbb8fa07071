package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"time"

	"switchboard/gateway/openapi"
	"switchboard/gateway/problem"
	"switchboard/gateway/role"
	"switchboard/session"
	"switchboard/session/series"
)

const (
	overviewPath = "/api/overview"
	nodesPath    = "/nodes"
	settingsPath = "/settings"
)

// fleetRoutes are there if the nodes measure themselves.
func (g *Gateway) fleetRoutes() []openapi.Route {
	var list []openapi.Route
	if g.options.Series != nil && g.options.Lives != nil {
		list = []openapi.Route{
			{Method: "GET", Path: overviewPath, ID: "get-overview", Tag: tagFleet, Role: role.Operator,
				Summary: "See how the fleet is and what it does",
				Text: "Totals of now, what the fleet did in each step of a window, the broadcasts that stand and what needs attention. Each node stores what it does " +
					"every 5 s, by the minute for 25 hours and by the hour for 8 days; while Redis is down the points have gaps.",
				Do: openapi.JSON(g.overview)},
			{Method: "GET", Path: nodesPath, ID: "list-nodes", Tag: tagFleet, Role: role.Operator,
				Summary: "List the nodes and how they are",
				Do:      openapi.JSON(g.listNodes)},
			{Method: "POST", Path: nodesPath + "/{node}/drain", ID: "drain-node", Tag: tagFleet, Role: role.Operator, Status: 202, Errors: []int{404},
				Summary: "Have a node move its sessions to the others",
				Text: "The node opens no more sessions, is not ready for load balancers, and hands over those it has at their next quiet moment; clients reconnect. " +
					"It goes on running, so that it can be stopped with nothing on it. Without another node its sessions stay. A restart ends it.",
				Do: openapi.JSON(g.drainNode)},
			{Method: "DELETE", Path: nodesPath + "/{node}/drain", ID: "undrain-node", Tag: tagFleet, Role: role.Operator, Status: 202, Errors: []int{404},
				Summary: "Have a drained node take sessions again",
				Do:      openapi.JSON(g.undrainNode)},
		}
	}
	if g.options.Settings != nil {
		list = append(list, openapi.Route{Method: "GET", Path: settingsPath, ID: "get-settings", Tag: tagFleet, Role: role.Operator,
			Summary: "See how a node is configured",
			Text:    "Settings, client policies and prices of the node that answers, read-only. Of secrets only whether they are set.",
			Do:      openapi.JSON(g.settings)})
	}
	return list
}

// nodeView is a node of the fleet as the API shows it.
type nodeView struct {
	ID        string    `json:"id" doc:"Of this life of the node: after a restart it has another" example:"node_…"`
	URL       string    `json:"url" doc:"Where the other nodes reach it"`
	Status    string    `json:"status" enum:"ready,draining,drained,silent" doc:"drained: it is to take no sessions, and has none; silent: it has said nothing for more than 10 s"`
	Version   string    `json:"version"`
	StartedAt time.Time `json:"started_at"`
	Uptime    float64   `json:"uptime_seconds"`
	Silence   float64   `json:"heartbeat_age_seconds" doc:"Since it last said how it is; it does every 2 s"`
	Sessions  int       `json:"sessions"`
	Clients   int       `json:"clients"`
	DrainedBy string    `json:"drained_by,omitempty" doc:"Name of the API key that wants it drained"`

	CPU        float64 `json:"cpu" doc:"Cores in use"`
	Cores      int     `json:"cores"`
	Memory     int64   `json:"memory_bytes"`
	MemoryMost int64   `json:"memory_limit_bytes" doc:"Soft limit; 0: none"`
	Goroutines int     `json:"goroutines"`

	JournalPending int     `json:"journal_pending" doc:"Changes not yet written to Redis"`
	JournalDropped int64   `json:"journal_dropped"`
	AuditPending   int     `json:"audit_pending" doc:"Entries of the audit log not yet written"`
	AuditLost      int64   `json:"audit_lost"`
	StoreAway      float64 `json:"store_away_seconds" doc:"Since when Redis has refused its writes"`
	StoreTrip      float64 `json:"store_round_trip_ms" doc:"To Redis and back"`
	LeaseAge       float64 `json:"lease_age_seconds" doc:"Since the leases of its sessions were last renewed"`

	UpstreamErrors pointErrors     `json:"upstream_errors" doc:"Of the last 5 minutes"`
	Upstream       string          `json:"upstream" enum:"ok,failing" doc:"failing: OpenAI refused its key or quota, or ended sessions, in the last 5 minutes"`
	Models         []modelShutdown `json:"models,omitempty" doc:"Models in use there that OpenAI is going to shut down"`
}

type (
	nodesOutput struct {
		Body struct {
			Nodes []nodeView `json:"nodes" nullable:"false" doc:"By URL; one that stopped without a word is shown for 15 minutes"`
			Self  string     `json:"self" doc:"ID of the node that answers"`
		}
	}
	nodeInput struct {
		Node string `path:"node" maxLength:"64" doc:"The node's ID"`
	}
	nodeOutput struct{ Body nodeView }
)

var errNodeNotFound = problem.New(http.StatusNotFound, "node-not-found", "there is no such node; after a restart a node has another ID")

func nodeID(life string) string {
	sum := sha256.Sum256([]byte(life))
	return "node_" + hex.EncodeToString(sum[:8])
}

func (g *Gateway) listNodes(ctx context.Context, _ *struct{}) (*nodesOutput, error) {
	lives, err := g.options.Lives.Vitals(ctx)
	if err != nil {
		return nil, storeError{err}
	}
	out := &nodesOutput{}
	out.Body.Nodes = make([]nodeView, len(lives))
	for i, v := range lives {
		out.Body.Nodes[i] = viewNode(v, time.Now())
	}
	out.Body.Self = nodeID(series.Life(g.options.Node, g.started))
	return out, nil
}

func (g *Gateway) drainNode(ctx context.Context, in *nodeInput) (*nodeOutput, error) {
	return g.orderDrain(ctx, in.Node, callerOf(ctx).Key.Name)
}

func (g *Gateway) undrainNode(ctx context.Context, in *nodeInput) (*nodeOutput, error) {
	return g.orderDrain(ctx, in.Node, "")
}

// orderDrain asks a node to drain in somebody's name, or with "" no more.
func (g *Gateway) orderDrain(ctx context.Context, id, by string) (*nodeOutput, error) {
	lives, err := g.options.Lives.Vitals(ctx)
	if err != nil {
		return nil, storeError{err}
	}
	i := slices.IndexFunc(lives, func(v series.Vitals) bool { return nodeID(v.Life()) == id })
	if i < 0 {
		return nil, errNodeNotFound
	}
	switch err := g.options.Lives.Drain(ctx, lives[i].Life(), by); {
	case errors.Is(err, session.ErrNotFound):
		return nil, errNodeNotFound
	case err != nil:
		return nil, storeError{err}
	}
	g.options.Logger.Info("order to drain", "node", lives[i].Node, "drain", by != "", "by", callerOf(ctx).Key.Name)
	lives[i].DrainBy = by
	return &nodeOutput{Body: viewNode(lives[i], time.Now())}, nil
}

func viewNode(v series.Vitals, now time.Time) nodeView {
	n := nodeView{
		ID: nodeID(v.Life()), URL: v.Node, Status: "ready", Version: v.Version, StartedAt: v.Started, Uptime: now.Sub(v.Started).Seconds(),
		Silence: v.Silence.Seconds(), Sessions: v.Sessions, Clients: v.Clients, DrainedBy: v.DrainBy,
		CPU: v.CPU, Cores: v.Cores, Memory: v.Memory, MemoryMost: v.MemoryMost, Goroutines: v.Goroutines,
		JournalPending: v.JournalPending, JournalDropped: v.JournalDropped, AuditPending: v.AuditPending, AuditLost: v.AuditLost,
		StoreAway: v.StoreAway.Seconds(), StoreTrip: float64(v.StoreTrip.Microseconds()) / 1000, LeaseAge: v.LeaseAge.Seconds(),
		UpstreamErrors: pointErrors{v.UpstreamErrors[0], v.UpstreamErrors[1], v.UpstreamErrors[2], v.UpstreamErrors[3]}, Upstream: "ok",
	}
	switch {
	case v.Silence > silentAfter:
		n.Status = "silent"
	case v.Draining && v.Sessions == 0:
		n.Status = "drained"
	case v.Draining || v.DrainBy != "":
		n.Status = "draining"
	}
	if v.UpstreamErrors[2]+v.UpstreamErrors[3] > 0 {
		n.Upstream = "failing"
	}
	for _, m := range v.Models {
		n.Models = append(n.Models, modelShutdown{m.Name, m.Ends.Format(time.DateOnly), int(m.Ends.Sub(now).Hours() / 24)})
	}
	return n
}
