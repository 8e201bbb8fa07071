// Loadgen drives a realtime voice gateway with many sessions at the pace of live
// speech, and prints what they experienced and what that cost the gateway.
//
//	loadgen --url http://127.0.0.1:8080 --key sk-… --pid 1234
//	loadgen --url http://127.0.0.1:8080 --compare http://127.0.0.1:9090 --rounds 5
//	loadgen bench
//	loadgen intake
//	loadgen trial kill
//
// One-way latencies need cmd/simulator as the upstream, on the same machine: both ends
// stamp their events with one clock. Everything else works with any Realtime API.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"switchboard/cmd/loadgen/endpoint"
	"switchboard/cmd/loadgen/lab"
	"switchboard/cmd/loadgen/load"
	"switchboard/cmd/loadgen/trial"
)

// command is what the first argument chooses; the rest are its flags.
type command interface {
	Run(ctx context.Context) error
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := unlimitFiles(); err != nil {
		fmt.Fprintln(os.Stderr, "loadgen:", err)
	}
	c, err := parse(os.Args[1:])
	if err == nil {
		err = c.Run(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "loadgen:", err)
		os.Exit(1)
	}
}

// parse reads the command line. The commands are grammars of their own, so that --help of
// the one that is meant without a word shows its flags.
func parse(args []string) (command, error) {
	var c any = &load.Command{}
	name, about := "loadgen", "Drives a realtime voice gateway with many sessions and prints what they experienced.\n\n"+
		"\"loadgen bench --help\" tells how to measure this gateway beside nginx, \"loadgen intake --help\" how fast it takes webhooks, "+
		"\"loadgen trial --help\" how to try a fleet of them.\n\nScenarios:\n"+scenarioHelp()
	switch {
	case len(args) > 0 && args[0] == "trial":
		c, args = &trial.Command{}, args[1:]
		name, about = "loadgen trial", "Puts a fleet of gateways under load, takes parts of it away, and looks for what was lost. "+
			"Fails when something must not have been; tells times beside what they should be."
	case len(args) > 0 && args[0] == "intake":
		c, args = &trial.Intake{}, args[1:]
		name, about = "loadgen intake", "Measures how many webhook deliveries a second one gateway verifies and keeps in a Redis with an append-only file, "+
			"beside deliveries that it only verifies, and writes the table of docs/benchmarks.md. Nothing else should run on the machine."
	case len(args) > 0 && args[0] == "bench":
		c, args = &lab.Command{}, args[1:]
		name, about = "loadgen bench", "Measures the gateway, nginx as a blind proxy and no proxy at all over the same "+
			"stand-in, holds the gateway against its budget and writes the table of docs/benchmarks.md. Nothing else should run on the machine."
	}
	parser, err := kong.New(c, kong.Name(name), kong.Description(about))
	if err != nil {
		return nil, err
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return nil, err
	}
	if chosen := parsed.Selected(); chosen != nil {
		c = chosen.Target.Addr().Interface()
	}
	return c.(command), nil
}

func scenarioHelp() string {
	var help strings.Builder
	for _, sc := range endpoint.Scenarios {
		fmt.Fprintf(&help, "  %s: %d sessions, %s\n", sc.Name, sc.Sessions, sc.About)
	}
	return help.String()
}

// unlimitFiles lets this process, and those it starts, open as many sockets as the
// system's administrator allows.
func unlimitFiles() error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("read limit of open files: %w", err)
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("raise limit of open files: %w", err)
	}
	return nil
}
