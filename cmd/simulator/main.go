// Command simulator serves a stand-in for the OpenAI API; see docs/simulator.md.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"switchboard/cmd/simulator/standin"
)

type flags struct {
	Listen      string            `default:"127.0.0.1:9090" help:"Address to listen on."`
	Key         []string          `help:"API key to accept; may be repeated. Without it any non-empty key is accepted."`
	TLSCert     string            `name:"tls-cert" type:"existingfile" help:"Certificate file: serve https and wss."`
	TLSKey      string            `name:"tls-key" type:"existingfile" help:"Key file of the certificate."`
	Speed       float64           `default:"4" help:"How much faster than real time audio is generated."`
	SessionLife time.Duration     `default:"60m" help:"How long a realtime session lives."`
	KeepClosed  int               `default:"100" help:"How many ended realtime sessions can still be looked at."`
	Shutdown    map[string]string `name:"model-shutdown" placeholder:"MODEL=DAY" help:"The day (YYYY-MM-DD) on which a model ends; may be repeated."`
	Verbose     bool              `short:"v" help:"Log sessions and refusals."`
	WebhookURL  string            `name:"webhook-url" help:"Deliver every webhook there."`
	WebhookKey  string            `name:"webhook-secret" env:"SIMULATOR_WEBHOOK_SECRET" help:"Signs those deliveries: whsec_ and base64."`
	BatchTime   time.Duration     `default:"6s" help:"How long a batch takes."`
	TuneTime    time.Duration     `default:"12s" help:"How long a fine-tuning job takes."`

	Delivery standin.DeliveryFaults `embed:"" prefix:"webhook-" group:"Faults of webhooks"`

	Fault standin.Faults `embed:"" prefix:"fault-" group:"Faults on every connection"`
}

func main() {
	var f flags
	kong.Parse(&f, kong.Name("simulator"), kong.Description("A stand-in for the OpenAI API."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, f, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "simulator:", err)
		os.Exit(1)
	}
}

// check says what is wrong with the flags.
func (f *flags) check() error {
	if (f.TLSCert == "") != (f.TLSKey == "") {
		return errors.New("--tls-cert and --tls-key go together")
	}
	if (f.WebhookURL == "") != (f.WebhookKey == "") {
		return errors.New("--webhook-url and --webhook-secret go together")
	}
	if _, err := standardwebhooks.NewWebhook(f.WebhookKey); f.WebhookKey != "" && err != nil {
		return errors.New("--webhook-secret: want whsec_ and base64")
	}
	for model, day := range f.Shutdown {
		if _, err := time.Parse(time.DateOnly, day); err != nil {
			return fmt.Errorf("--model-shutdown: %s=%s: want a day, as 2027-01-20", model, day)
		}
	}
	return nil // kong has asked the faults for their Validate
}

// run serves until ctx ends. It prints its URL to out once it listens.
func run(ctx context.Context, f flags, out io.Writer) error {
	if err := f.check(); err != nil {
		return err
	}
	level := slog.LevelInfo
	if f.Verbose {
		level = slog.LevelDebug
	}
	listener, err := net.Listen("tcp", f.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	stand := standin.New(standin.Options{
		Keys: f.Key, Faults: f.Fault, SessionLife: f.SessionLife, Speed: f.Speed, KeepClosed: f.KeepClosed, Shutdowns: f.Shutdown,
		Jobs: standin.JobOptions{
			BatchTime: f.BatchTime, TuneTime: f.TuneTime, Delivery: f.Delivery,
			Webhook: standin.Endpoint{URL: f.WebhookURL, Secret: f.WebhookKey},
		},
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})),
	})
	defer stand.Close()
	scheme := "http"
	if f.TLSCert != "" {
		scheme = "https"
	}
	if _, err := fmt.Fprintf(out, "%s://%s/v1\n", scheme, listener.Addr()); err != nil {
		return fmt.Errorf("print the address: %w", err)
	}
	server := &http.Server{Handler: stand, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- serve(server, listener, f) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	// WebSockets are not the server's any more; Close of the stand-in ends them.
	if err := server.Shutdown(closing); err != nil {
		_ = server.Close()
	}
	<-served
	return nil
}

func serve(server *http.Server, listener net.Listener, f flags) error {
	if f.TLSCert != "" {
		return server.ServeTLS(listener, f.TLSCert, f.TLSKey)
	}
	return server.Serve(listener)
}
