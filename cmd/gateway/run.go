package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"switchboard/gateway"
	"switchboard/session"
	"switchboard/session/access"
	"switchboard/session/contain"
	"switchboard/session/hub"
	"switchboard/session/redisstore"
	"switchboard/session/trace"
	"switchboard/session/upstream"
	"switchboard/session/wire"
	"switchboard/web"
	"switchboard/webhooks"
	"switchboard/webhooks/seal"
)

// run is the server's whole life: it returns after ctx has ended and all has been closed,
// or because it could not start.
func run(ctx context.Context, c config, out io.Writer, log *slog.Logger) error {
	certificate, err := c.certificate()
	if err != nil {
		return err
	}
	listeners, err := c.listen()
	if err != nil {
		return err
	}
	defer func() {
		for _, l := range listeners {
			l.Close()
		}
	}()
	if certificate != nil {
		c.shown = certificate.Leaf
	}
	base := c.scheme() + "://" + reachable(listeners[0].Addr())
	c.NodeURL = cmp.Or(c.NodeURL, c.scheme()+"://"+reachable(listeners[len(listeners)-1].Addr()))
	if c.Demo {
		d, err := startDemo(ctx, &c, base, certificate, log)
		if err != nil {
			return err
		}
		defer d.close()
	}
	traces, log, err := c.traces(ctx, log)
	if err != nil {
		return err
	}
	defer traces.close(c.StopTimeout, log)
	n, err := newNode(c, traces.recorder(), log)
	if err != nil {
		return err
	}
	defer n.close()
	n.greet(ctx, c, base, out)
	if certificate != nil {
		for i, l := range listeners {
			listeners[i] = tls.NewListener(wire.Listener(l), &tls.Config{Certificates: []tls.Certificate{*certificate}, NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12})
		}
	}
	return n.serve(ctx, listeners, c.StopTimeout)
}

// listen returns the listener of clients and, if they have one of their own, that of nodes.
func (c *config) listen() ([]net.Listener, error) {
	all, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return nil, fmt.Errorf("--listen: %w", err)
	}
	if c.InternalListen == "" {
		return []net.Listener{all}, nil
	}
	nodes, err := net.Listen("tcp", c.InternalListen)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("--internal-listen: %w", err), all.Close())
	}
	return []net.Listener{all, nodes}, nil
}

func (c *config) scheme() string {
	if c.TLSCert != "" {
		return "https"
	}
	return "http"
}

func (c *config) certificate() (*tls.Certificate, error) {
	if c.TLSCert == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert, --tls-key: %w", err)
	}
	return &pair, nil
}

// reachable turns an address listened on into one that can be asked: all interfaces
// include the loopback.
func reachable(a net.Addr) string {
	tcp, ok := a.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return a.String()
	}
	return fmt.Sprintf("127.0.0.1:%d", tcp.Port)
}

// node is what runs in this process.
type node struct {
	client  redis.UniversalClient
	store   *redisstore.Store
	pulse   redis.UniversalClient // heartbeats never wait for what else is on its way to Redis
	hub     *hub.Hub
	hooks   *webhooks.Server
	gateway *gateway.Gateway
	log     *slog.Logger
}

func newNode(c config, traces trace.Recorder, log *slog.Logger) (*node, error) {
	dialer, err := upstream.New(upstream.Options{
		BaseURL: c.OpenAIBaseURL, Key: c.OpenAIKey, Organization: c.OpenAIOrganization, Project: c.OpenAIProject,
	})
	if err != nil {
		return nil, fmt.Errorf("--openai-base-url: %w", err)
	}
	n := &node{log: log}
	if n.client, err = redisstore.Connect(c.RedisURL); err != nil {
		return nil, fmt.Errorf("--redis-url: %w", err)
	}
	if n.pulse, err = redisstore.Connect(c.RedisURL); err != nil {
		return nil, errors.Join(fmt.Errorf("--redis-url: %w", err), n.client.Close())
	}
	if err := n.assemble(c, dialer, traces); err != nil {
		return nil, errors.Join(err, n.close())
	}
	return n, nil
}

// close lets go of Redis.
func (n *node) close() error { return errors.Join(n.client.Close(), n.pulse.Close()) }

// assemble makes the parts of the node, which has its connections.
func (n *node) assemble(c config, dialer *upstream.Dialer, traces trace.Recorder) error {
	client, log := n.client, n.log
	prices, err := c.prices()
	if err != nil {
		return err
	}
	name := c.NodeURL
	if n.hooks, err = newWebhooks(c, client, name, log); err != nil {
		return err
	}
	sealer, err := seal.ForSessions(cmp.Or(c.Jobs.SealKey, c.OpenAIKey))
	if err != nil {
		return err
	}
	store := redisstore.New(client, redisstore.Options{Keep: c.Keep, AuditKeep: c.AuditKeep, AuditBytes: c.AuditBytes})
	n.store = store
	secret := gateway.Secret(store.ClusterSecret).Once()
	keys, err := c.keys()
	if err != nil {
		return err
	}
	caps := session.Limits{MaxSeconds: c.CapMaxSeconds, IdleSeconds: c.CapIdleSeconds, MaxTokens: c.CapMaxTokens}
	limits := access.KeyLimits{Sessions: c.KeySessions, Tokens: c.KeyTokens, Seconds: c.KeySeconds}
	n.hub = hub.New(hub.Options{
		Node: name, Notify: tell(n.hooks, log), Dialer: dialer, Trace: traces,
		Store: store, Directory: store, Meter: store, Fleet: redisstore.New(n.pulse, redisstore.Options{}), Broadcasts: store, Grants: store,
		HandOver: gateway.HandOver(&http.Client{Transport: gateway.NodeTransport(c.shown), Timeout: 10 * time.Second}, secret),
		Peers:    gateway.Peers(gateway.NodeTransport(c.shown), secret),
		Logger:   log, Heartbeat: c.Heartbeat, Lease: c.Lease, DrainLimit: c.Drain, SessionClients: c.SessionClients, TokenClients: c.TokenClients,
		ConversationBytes: c.ConversationBytes, ConversationImages: c.ConversationImages, ConversationItems: c.ConversationItems,
		Sealer: sealer, RenewAfter: cmp.Or(c.RenewAfter, -1),
		Defaults: session.Limits{MaxSeconds: c.MaxSeconds, IdleSeconds: c.IdleSeconds, MaxTokens: c.MaxTokens},
		Caps:     caps, Prices: prices, CostLabels: c.CostLabels,
		KeyLimits: func(key string) access.KeyLimits { return keys.Limits(key, limits) },
	})
	n.gateway, err = newGateway(c, n.hub, dialer, store, keys, n.hooks, name, secret, sealer, log)
	return err
}

func newGateway(c config, hub *hub.Hub, dialer *upstream.Dialer, store *redisstore.Store, keys *gateway.Keys, hooks *webhooks.Server, name string, secret gateway.Secret, sealer session.Sealer, log *slog.Logger) (*gateway.Gateway, error) {
	policies, err := c.policies()
	if err != nil {
		return nil, err
	}
	prices, err := c.prices()
	if err != nil {
		return nil, err
	}
	public, err := webURL(c.PublicURL)
	if err != nil {
		return nil, err
	}
	settings, err := c.settings()
	if err != nil {
		return nil, err
	}
	return gateway.New(gateway.Options{
		Settings: settings, Prices: priceViews(prices),
		Version: buildVersion(), Node: name, Directory: store, Secret: secret, Certificate: c.shown, Broadcasts: store,
		Spending: store, Series: store, Lives: store, Audit: store, AuditTold: tellAudit(hooks, log), CostLabels: c.CostLabels,
		Hub: hub, Store: store, Grants: store, Sealer: sealer, Keys: keys, KeyRing: store, Routes: hooks.Routes(), Metrics: hooks.Metrics(), Web: web.Handler(), Logger: log,
		PublicURL: public, AllowedOrigins: c.AllowedOrigins, Policies: policies,
		Model: c.Model, TranscriptionModel: c.TranscriptionModel, ListenIn: c.ListenIn, Shutdown: dialer.Shutdown,
		BodyBytes: c.BodyBytes, FrameBytes: c.FrameBytes, LargeRate: c.LargeRate, TokenTTL: c.TokenTTL, ResumeTTL: c.ResumeTTL,
	})
}

// greet says where the server is, and what is not as it should be.
func (n *node) greet(ctx context.Context, c config, base string, out io.Writer) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	if err := n.client.Ping(ctx).Err(); err != nil {
		n.log.Warn("Redis does not answer; no session can be opened until it does", "err", err)
	} else if err := n.store.CopyIndex(ctx); err != nil { // a later turn of FollowIndex may succeed
		n.log.Warn("the first list of sessions will take longer", "err", err)
	}
	if !web.Built() {
		n.log.Warn("the web page is not in this binary: run make web, then build again")
	}
	n.log.Info("listening", "url", base, "nodes", c.NodeURL, "version", buildVersion())
	if c.Demo {
		fmt.Fprint(out, demoText(base, c.demoKey))
	}
}

// server answers on all listeners. Node-to-node routes are for whoever comes through that of the
// nodes; without one of their own, it is everybody's.
func (n *node) server(nodes net.Listener) *http.Server {
	return &http.Server{
		Handler: n.gateway,
		BaseContext: func(l net.Listener) context.Context {
			if l == nodes {
				return context.Background()
			}
			return gateway.ForClients(context.Background())
		},
		ReadHeaderTimeout: 10 * time.Second,
		WriteTimeout:      time.Minute, // event streams set their own
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(n.log.Handler(), slog.LevelDebug),
	}
}

// serve takes requests until ctx ends. Then it says that it is not ready, gives its
// sessions to other nodes while it still answers, lets the requests under way end, and
// waits for all.
func (n *node) serve(ctx context.Context, listeners []net.Listener, stopTimeout time.Duration) error {
	server := n.server(listeners[len(listeners)-1])
	hubContext, stopHub := context.WithCancel(context.WithoutCancel(ctx))
	hooksContext, stopHooks := context.WithCancel(context.WithoutCancel(ctx))
	failed := make(chan error, len(listeners))
	var running, working sync.WaitGroup
	working.Go(func() { n.hooks.Run(hooksContext) })
	drained := make(chan struct{})
	running.Go(func() {
		defer close(drained)
		_ = n.hub.Run(hubContext) // returns why it was told to stop
	})
	for _, l := range listeners {
		running.Go(func() { failed <- server.Serve(l) })
	}
	loopsContext, stopLoops := context.WithCancel(context.WithoutCancel(ctx))
	for what, loop := range map[string]func(context.Context){
		"keys": n.gateway.WatchKeys, "measuring": n.gateway.Measure, "audit": n.gateway.RecordAudit,
		"models": n.gateway.WatchModels, "index": n.store.FollowIndex,
	} {
		working.Go(func() { contain.Keep(loopsContext, n.log, what, func() { loop(loopsContext) }) })
	}

	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
		n.log.Info("stopping", "sessions", n.hub.Stats().Sessions)
	}
	n.gateway.Drain()
	n.hooks.Drain()
	stopHub()
	<-drained
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if stopErr := server.Shutdown(bounded); stopErr != nil {
		n.log.Warn("requests cut off", "err", stopErr)
		_ = server.Close() // whatever is left
	}
	running.Wait()
	stopLoops()
	stopHooks() // last: requests and sessions hand their events over to it
	working.Wait()
	n.gateway.Wait()
	if err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	n.log.Info("stopped", "pid", os.Getpid())
	return nil
}
