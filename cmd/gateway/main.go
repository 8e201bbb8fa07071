// Command gateway is the Switchboard server, bin/switchboard once built. --help lists its
// settings, docs/configuration.md explains them, and --demo runs it with nothing else.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
	"github.com/redis/go-redis/v9"

	"switchboard/session/otlp"
)

func main() {
	var c config
	k := kong.Parse(&c, options()...)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	log := c.logger(os.Stderr)
	slog.SetDefault(log)           // where a panic of a socket is logged
	redis.SetLogger(redisLog{log}) // one for the whole program, as the line before, so not in run
	otlp.LogErrors(log)
	tuneMemory()
	err := run(ctx, c, os.Stdout, log)
	stop()
	k.FatalIfErrorf(err)
}

// redisLog takes what go-redis says by itself. It repeats errors that are returned too.
type redisLog struct{ log *slog.Logger }

// Printf is called by go-redis, from any goroutine.
func (r redisLog) Printf(_ context.Context, format string, v ...any) {
	r.log.Debug("redis", "message", fmt.Sprintf(format, v...))
}

// options are kong's, for the program and its tests.
func options() []kong.Option {
	return []kong.Option{
		kong.Description("Switchboard: a realtime voice session gateway."),
		kong.Vars{"version": "switchboard " + buildVersion()},
	}
}
