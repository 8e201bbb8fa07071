package gateway

import (
	"cmp"
	"context"
	"crypto/x509"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"switchboard/gateway/openapi"
	"switchboard/gateway/problem"
	"switchboard/session"
	"switchboard/session/access"
	"switchboard/session/audit"
	"switchboard/session/hub"
	"switchboard/session/series"
	"switchboard/session/wire"
)

// Options wires a gateway. Hub, Store, Grants and Keys are required.
type Options struct {
	Hub    *hub.Hub
	Store  session.Store
	Grants access.Grants
	Keys   *Keys

	// KeyRing has the API keys that are made at run time; nil: there are none but Keys, and no
	// routes for them. With one, WatchKeys has to be called.
	KeyRing access.KeyRing

	// Version names this build in the OpenAPI document and in switchboard_build_info; "" is "unknown".
	Version string

	// Node is how other nodes reach this one, Directory says which runs a session, and
	// Secret is what they know each other by. Without a Directory this node is alone.
	Node      string
	Directory session.Directory
	Secret    Secret

	// Certificate is what this node shows, if it serves https; see NodeTransport.
	Certificate *x509.Certificate

	// Silence is how long a node may say nothing to a client that is forwarded there until it is
	// looked whether the session goes on elsewhere; 0: 5 seconds.
	Silence time.Duration

	Broadcasts Broadcasts // nil: there are no routes for them

	// Spending has what sessions used by day, also by the values of the labels CostLabels; nil: there is no route for it.
	Spending   Spending
	CostLabels []string

	// Series stores what the nodes do, and Lives how they are; nil: neither is stored, and there are
	// no routes for them. With them, Measure has to be called.
	Series series.Store
	Lives  series.Lives

	// Audit is the record of who changed what, and AuditTold is given each entry that this node has
	// added; nil: there is none. With it, RecordAudit has to be called.
	Audit     audit.Log
	AuditTold func(context.Context, audit.Entry)

	// Settings and Prices are how this node is configured, to be shown to operators; nil: no route for them.
	Settings []Setting
	Prices   []PriceView

	// Routes are those of what stands beside the sessions. Their handlers learn from role.CallerOf whose request it is.
	Routes openapi.Table

	// Metrics are the numbers of what stands beside the sessions; nil: none.
	Metrics prometheus.Collector

	// Sealer encrypts the configurations of client tokens in the store; nil: they are kept as they are.
	Sealer session.Sealer

	Web    http.Handler // serves the pages at /; nil: 404
	Logger *slog.Logger // nil: nothing is logged

	// PublicURL is how clients reach the gateway, for relay_url; nil: the request's own host.
	PublicURL *url.URL
	// AllowedOrigins are the browser origins beside the gateway's own ("https://app.example"), or "*".
	AllowedOrigins []string

	// Policies are what client tokens may be given by name; voice and open are added when missing.
	Policies map[string]session.Policy
	Model    string // of REST sessions whose config names none; "": the upstream's own rule
	// TranscriptionModel transcribes the user's speech in REST sessions whose config
	// does not speak of transcription; "": none.
	TranscriptionModel string

	// ListenIn says whether operators may listen to sessions that do not say so themselves; "": they may not.
	ListenIn session.ListenIn

	// Shutdown looks up on which day a model is shut down, the zero time if none is known; nil: nobody asks.
	Shutdown func(ctx context.Context, model string) (time.Time, error)

	BodyBytes  int64         // largest request body; 0: 1 MiB
	BodyTime   time.Duration // for a body to arrive; 0: 15 seconds
	FrameBytes int           // largest message of a client; 0: 16 MiB
	LargeRate  int           // bytes a second that one API key's clients may send in large messages; 0: no limit
	TokenTTL   time.Duration // to start with a client token, unless asked otherwise; 0: 10 minutes
	ResumeTTL  time.Duration // a token that was used stays good for this long after its last use; 0: 24 hours
}

// Gateway is the HTTP handler of one node. Safe for many callers at once.
type Gateway struct {
	options Options
	engine  *gin.Engine
	origins origins

	nodes     *http.Transport // to the other nodes
	looks     *http.Transport // the same, for requests that change nothing
	forwarded atomic.Int64    // requests sent to them
	adoptions chan struct{}   // holds one for each session on its way here
	lists     chan struct{}   // and for each stream of the list

	shutdowns *shutdowns
	started   time.Time
	recorder  *audit.Recorder // nil: there is no audit log

	draining atomic.Bool
	vigils   vigils         // over nodes that something was forwarded to
	here     presences      // callers whose connections last
	viewers  viewers        // pages that show sessions of this node
	large    wire.Quota     // of their large messages
	clients  sync.WaitGroup // attached WebSockets, whose HTTP handlers have returned
	streams  context.Context
	stop     context.CancelFunc // ends the event streams
	hops     context.Context
	hangUp   context.CancelFunc // ends the sockets that are forwarded to other nodes
}

// New builds the handler. It fails when an option is missing or makes no sense.
func New(o Options) (*Gateway, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	problem.Install()
	g := &Gateway{options: o, shutdowns: newShutdowns(), origins: newOrigins(o.AllowedOrigins, o.PublicURL), adoptions: make(chan struct{}, adoptionsAtOnce), lists: make(chan struct{}, listStreams)}
	g.large.KeyBytes, g.large.NodeBytes, g.large.KeyRate = int64(o.FrameBytes)+session.HeadRoom, largeAtOnce*int64(o.FrameBytes), o.LargeRate
	g.nodes, g.looks = NodeTransport(o.Certificate), NodeTransport(o.Certificate)
	g.looks.ResponseHeaderTimeout = lookWait
	g.streams, g.stop = context.WithCancel(context.Background())
	g.hops, g.hangUp = context.WithCancel(context.Background())
	g.started = time.Now()
	if o.Audit != nil {
		g.recorder = audit.NewRecorder(o.Audit, o.AuditTold, o.Logger)
	}
	if err := g.route(); err != nil {
		return nil, err
	}
	o.Hub.OnDeath(g.nodeDied)
	return g, nil
}

// largeAtOnce is how many messages of the largest size a node holds at once, of all keys together.
const largeAtOnce = 4

func (o *Options) complete() error {
	for _, required := range []struct {
		name    string
		missing bool
	}{
		{"Hub", o.Hub == nil}, {"Store", o.Store == nil}, {"Grants", o.Grants == nil}, {"Keys", o.Keys == nil},
		{"Secret", o.Directory != nil && o.Secret == nil},
	} {
		if required.missing {
			return &session.InvalidError{Field: "gateway.Options." + required.name, Detail: "is required"}
		}
	}
	if o.KeyRing == nil {
		o.Keys.learn(access.KeySet{})
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	policies := map[string]session.Policy{"voice": session.Voice(), "open": session.Open()}
	for name, p := range o.Policies {
		p.Name = name
		policies[name] = p
	}
	o.Policies = policies
	o.Version = cmp.Or(o.Version, "unknown")
	o.BodyBytes = cmp.Or(o.BodyBytes, 1<<20)
	o.BodyTime = cmp.Or(o.BodyTime, 15*time.Second)
	o.FrameBytes = cmp.Or(o.FrameBytes, 16<<20)
	o.Silence = cmp.Or(o.Silence, 5*time.Second)
	o.TokenTTL = cmp.Or(o.TokenTTL, 10*time.Minute)
	o.ResumeTTL = cmp.Or(o.ResumeTTL, 24*time.Hour)
	return nil
}

// ServeHTTP answers one request.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) { g.engine.ServeHTTP(w, r) }

// Drain refuses new sessions from now on, reports not ready, and ends the event
// streams, which would keep http.Server.Shutdown waiting. Sessions go on until the hub ends them.
func (g *Gateway) Drain() {
	g.draining.Store(true)
	g.stop()
}

// Wait sends the clients away that are forwarded to other nodes, and returns when the last
// client is gone. Call it when the server takes no more requests and the hub has ended.
func (g *Gateway) Wait() {
	g.hangUp()
	g.clients.Wait()
}
