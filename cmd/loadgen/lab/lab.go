package lab

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"text/template"

	"switchboard/cmd/loadgen/endpoint"
	"switchboard/cmd/loadgen/load"
	"switchboard/cmd/loadgen/program"
)

// Keys that hold nowhere else: the gateway's own callers, and the stand-in's.
const (
	benchKey    = "sk-bench"
	OperatorKey = "sk-ops"
	StandInKey  = "sk-sim"
)

//go:embed nginx.conf
var nginxConf string

var nginxTemplate = template.Must(template.New("nginx.conf").Parse(nginxConf))

// lab starts what a window of the bench needs. Everything listens on loopback and keeps
// its files below dir.
type lab struct {
	dir       string
	simulator string // programs
	nginx     string
	redis     string
	env       []string // more environment for the gateway
	mode      string   // how the gateway is asked for sessions
}

// bench is the programs of one window, in the order in which they were started.
type bench struct {
	*lab
	children []*program.Child
	standIn  endpoint.Target
}

// contender measures a start function with a stand-in of its own.
func (l *lab) contender(name string, start func(*bench, context.Context) (endpoint.Target, error)) load.Contender {
	return load.Contender{Name: name, Start: func(ctx context.Context) (load.Running, error) {
		b := &bench{lab: l}
		err := b.startStandIn(ctx)
		var t endpoint.Target
		if err == nil {
			t, err = start(b, ctx)
		}
		if err != nil {
			return load.Running{}, errors.Join(err, b.stop())
		}
		t.Name = name
		return load.Running{Target: t, StandIn: b.standIn, Stop: b.stop}, nil
	}}
}

// stop ends the programs, the last one first.
func (b *bench) stop() error {
	b.standIn.HangUp()
	var all error
	for _, c := range slices.Backward(b.children) {
		all = errors.Join(all, c.Stop())
	}
	return all
}

// run starts one program and waits for it to be ready.
func (b *bench) run(ctx context.Context, ready func(context.Context) error, name string, env []string, path string, args ...string) (*program.Child, error) {
	c, err := program.Launch(b.dir, name, env, path, args...)
	if err != nil {
		return nil, err
	}
	b.children = append(b.children, c)
	return c, c.Ready(ctx, ready)
}

func (b *bench) startStandIn(ctx context.Context) error {
	address, err := program.FreeAddress()
	if err != nil {
		return err
	}
	if b.standIn, err = endpoint.NewTarget("stand-in", "http://"+address, 0, endpoint.Access{Key: StandInKey, Mode: endpoint.ModeOpenAI, Model: "gpt-realtime-2.1"}); err != nil {
		return err
	}
	_, err = b.run(ctx, program.Answers("http://"+address+"/_simulator/health"), "simulator", nil,
		b.simulator, "--listen", address, "--key", StandInKey)
	return err
}

// direct is no proxy at all: what the load and the stand-in take by themselves.
func (b *bench) direct(context.Context) (endpoint.Target, error) { return b.standIn, nil }

// startNginx is the measure of all others.
func (b *bench) startNginx(ctx context.Context) (endpoint.Target, error) {
	address, err := program.FreeAddress()
	if err != nil {
		return endpoint.Target{}, err
	}
	name := filepath.Join(b.dir, "nginx.conf")
	conf, err := os.Create(name)
	if err != nil {
		return endpoint.Target{}, err
	}
	err = nginxTemplate.Execute(conf, map[string]string{"Dir": b.dir, "Listen": address, "Upstream": b.standIn.Root.Host})
	if err = errors.Join(err, conf.Close()); err != nil {
		return endpoint.Target{}, fmt.Errorf("write nginx.conf: %w", err)
	}
	c, err := b.run(ctx, program.Accepts(address), "nginx", nil, b.nginx, "-p", b.dir, "-e", "stderr", "-c", name)
	if err != nil {
		return endpoint.Target{}, err
	}
	return endpoint.NewTarget("nginx", "http://"+address, c.Cmd.Process.Pid, b.standIn.Access)
}

// gateway starts a gateway program with a Redis of its own.
func gateway(path string) func(*bench, context.Context) (endpoint.Target, error) {
	return func(b *bench, ctx context.Context) (endpoint.Target, error) {
		redis, err := b.startRedis(ctx)
		if err != nil {
			return endpoint.Target{}, err
		}
		address, err := program.FreeAddress()
		if err != nil {
			return endpoint.Target{}, err
		}
		env := append([]string{
			"REDIS_URL=redis://" + redis + "/0",
			"OPENAI_BASE_URL=" + b.standIn.Root.JoinPath("v1").String(),
			"OPENAI_API_KEY=" + StandInKey,
			"SWITCHBOARD_API_KEYS=bench:app:" + benchKey + ",ops:operator:" + OperatorKey,
		}, b.env...)
		c, err := b.run(ctx, program.Answers("http://"+address+"/readyz"), "gateway", env, path, "--listen", address)
		if err != nil {
			return endpoint.Target{}, err
		}
		return endpoint.NewTarget("gateway", "http://"+address, c.Cmd.Process.Pid, endpoint.Access{Key: benchKey, Mode: b.mode, Model: "gpt-realtime-2.1"})
	}
}

// startRedis keeps nothing on disk.
func (b *bench) startRedis(ctx context.Context) (address string, err error) {
	if address, err = program.FreeAddress(); err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", err
	}
	_, err = b.run(ctx, program.Accepts(address), "redis", nil,
		b.redis, "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no", "--dir", b.dir)
	return address, err
}
