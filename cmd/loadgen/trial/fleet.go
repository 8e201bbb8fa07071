package trial

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"time"

	"switchboard/cmd/loadgen/endpoint"
	"switchboard/cmd/loadgen/figures"
	"switchboard/cmd/loadgen/lab"
	"switchboard/cmd/loadgen/program"
)

// programs is what a trial starts.
type programs struct {
	Gateway   string        `help:"Gateway program." default:"bin/switchboard" type:"path"`
	Simulator string        `help:"Program of the stand-in." default:"bin/simulator" type:"path"`
	Redis     string        `help:"Redis server." default:"redis-server"`
	Lease     time.Duration `help:"Lease of the nodes: for how long Redis may be away." default:"1m"`
	Logs      string        `help:"Keep what the programs wrote in this folder." type:"path"`
}

// layout is the fleet that a trial needs.
type layout struct {
	nodes     int
	simulator []string // more flags of the stand-in
	redis     []string // more flags of Redis
	env       []string // more environment of the nodes
	lines     bool     // each node has a line to Redis of its own, that can be cut
	doors     bool     // and a door, through which the other nodes reach it
}

// fleet is several gateway processes with one Redis, a stand-in and a balancer before them.
type fleet struct {
	programs
	dir     string
	redis   *server
	standIn *server
	nodes   []*server
	front   *balancer
	entry   endpoint.Target // the balancer
	model   endpoint.Target // the stand-in
	tally   tally
}

// server is a program of a fleet that can be ended and started again at its address.
type server struct {
	dir, name, address string
	path               string
	env, args          []string
	probe              func(context.Context) error
	line               *passage // to Redis; nil: there is nothing to cut
	door               *passage // for the other nodes; nil: they reach its address
	starts             int
	child              *program.Child // nil while it does not run
}

// start runs it and waits until it is ready.
func (s *server) start(ctx context.Context) (err error) {
	s.starts++
	if s.child, err = program.Launch(s.dir, fmt.Sprintf("%s-%d", s.name, s.starts), s.env, s.path, s.args...); err != nil {
		return err
	}
	return s.child.Ready(ctx, s.probe)
}

// end runs the given way of ending it, if it runs.
func (s *server) end(how func(*program.Child) error) error {
	if s == nil || s.child == nil {
		return nil
	}
	c := s.child
	s.child = nil
	return how(c)
}

func (s *server) signal(sig syscall.Signal) error { return s.child.Cmd.Process.Signal(sig) }

func (s *server) url() string { return "http://" + s.address }

// known is the URL by which the fleet knows a node.
func (s *server) known() string {
	if s.door == nil {
		return s.url()
	}
	return "http://" + s.door.address()
}

// startFleet starts everything; stop has to be called even after an error.
func startFleet(ctx context.Context, p programs, dir string, l layout) (*fleet, error) {
	f := &fleet{programs: p, dir: dir}
	if err := f.startRedis(ctx, l.redis); err != nil {
		return f, err
	}
	if err := f.startStandIn(ctx, l.simulator); err != nil {
		return f, err
	}
	var addresses []string
	for i := range l.nodes {
		n, err := f.newNode(i+1, l)
		if err != nil {
			return f, err
		}
		f.nodes, addresses = append(f.nodes, n), append(addresses, n.address)
		if err := n.start(ctx); err != nil {
			return f, err
		}
	}
	var err error
	if f.front, err = newBalancer(addresses); err != nil {
		return f, err
	}
	f.entry, err = endpoint.NewTarget("fleet", f.front.url(), 0, endpoint.Access{Key: lab.OperatorKey, Mode: endpoint.ModeSessions, Model: "gpt-realtime-2.1"})
	// Every request is a connection of its own, and so goes to any node.
	f.entry.Client.Transport = &http.Transport{DisableKeepAlives: true}
	return f, err
}

// stop ends everything and waits.
func (f *fleet) stop() error {
	if f.front != nil {
		f.front.stop()
	}
	f.model.HangUp()
	var all error
	for _, n := range f.nodes {
		all = errors.Join(all, n.end((*program.Child).Kill))
		for _, p := range []*passage{n.line, n.door} {
			if p != nil {
				p.stop()
			}
		}
	}
	return errors.Join(all, f.standIn.end((*program.Child).Kill), f.redis.end((*program.Child).Kill))
}

// startRedis starts one that keeps what it is told, as in production.
func (f *fleet) startRedis(ctx context.Context, flags []string) error {
	address, err := program.FreeAddress()
	if err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	f.redis = &server{
		dir: f.dir, name: "redis", address: address, path: f.Redis, probe: program.Accepts(address),
		args: append([]string{"--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "yes", "--dir", f.dir}, flags...),
	}
	return f.redis.start(ctx)
}

func (f *fleet) startStandIn(ctx context.Context, flags []string) error {
	address, err := program.FreeAddress()
	if err != nil {
		return err
	}
	f.standIn = &server{
		dir: f.dir, name: "simulator", address: address, path: f.Simulator, probe: program.Answers("http://" + address + "/_simulator/health"),
		args: append([]string{"--listen", address}, flags...),
	}
	if f.model, err = endpoint.NewTarget("stand-in", f.standIn.url(), 0, endpoint.Access{Key: lab.StandInKey}); err != nil {
		return err
	}
	f.model.Client.Timeout = time.Minute
	return f.standIn.start(ctx)
}

// upstreamKey is the key that a node has for the stand-in, whose states show its first four characters.
func upstreamKey(node int) string { return fmt.Sprintf("n%02d-key-of-a-node", node) }

// nodeOf is the node that a key as the stand-in shows it belongs to.
func nodeOf(key string) string { return strings.TrimPrefix(strings.SplitN(key, "-", 2)[0], "n") }

func (f *fleet) newNode(number int, l layout) (*server, error) {
	address, err := program.FreeAddress()
	if err != nil {
		return nil, err
	}
	n := &server{
		dir: f.dir, name: fmt.Sprintf("node%d", number), address: address, path: f.Gateway, probe: program.Answers("http://" + address + "/readyz"),
		args: []string{"--listen", address},
	}
	redis := f.redis.address
	if l.lines {
		if n.line, err = newPassage(reach(f.redis.address)); err != nil {
			return nil, err
		}
		redis = n.line.address()
	}
	if l.doors {
		if n.door, err = newPassage(reach(address)); err != nil {
			return nil, err
		}
	}
	n.env = append([]string{
		"REDIS_URL=redis://" + redis + "/0",
		"OPENAI_BASE_URL=" + f.standIn.url() + "/v1",
		"OPENAI_API_KEY=" + upstreamKey(number),
		"SWITCHBOARD_API_KEYS=ops:operator:" + lab.OperatorKey,
		"SWITCHBOARD_NODE_URL=" + n.known(),
		"SWITCHBOARD_LEASE=" + f.Lease.String(),
		"SWITCHBOARD_IDLE_SECONDS=0",
	}, l.env...)
	return n, nil
}

// reach is what a passage to an address dials with.
func reach(address string) func(context.Context) net.Conn {
	return func(ctx context.Context) net.Conn {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err != nil {
			return nil
		}
		return c
	}
}

// node finds a node by its URL.
func (f *fleet) node(url string) *server {
	if i := slices.IndexFunc(f.nodes, func(n *server) bool { return n.known() == url }); i >= 0 {
		return f.nodes[i]
	}
	return nil
}

// spent is the CPU time that the programs of a fleet have taken.
type spent struct{ nodes, standIn, redis time.Duration }

func (f *fleet) cpu() (s spent, err error) {
	take := func(p *server, sum *time.Duration) {
		used, e := p.child.CPU()
		*sum += used
		err = errors.Join(err, e)
	}
	for _, n := range f.nodes {
		take(n, &s.nodes)
	}
	take(f.standIn, &s.standIn)
	take(f.redis, &s.redis)
	return s, err
}

// tell adds what was taken since to an outcome, for each of n sessions.
func (s spent) tell(f *fleet, o *outcome, n int) error {
	now, err := f.cpu()
	each := func(used time.Duration) string { return fmt.Sprintf("%.0f", figures.Micros(used)/float64(n)) }
	o.figure("CPU µs of nodes, stand-in and Redis for each session",
		each(now.nodes-s.nodes)+", "+each(now.standIn-s.standIn)+", "+each(now.redis-s.redis), "")
	return err
}
