package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	openaiwebhooks "github.com/openai/openai-go/v3/webhooks"

	"switchboard/cmd/simulator/standin"
	"switchboard/session/redisstore/embedded"
	"switchboard/webhooks/seal"
)

// demo is what --demo runs beside the gateway.
type demo struct {
	redis   *embedded.Server // nil: REDIS_URL was given
	openai  *standin.Server
	server  *http.Server
	stopped chan struct{} // closed when server is
}

// startDemo starts what c lacks, and makes c use it. The stand-in is always used: a
// demo must not cost anything because a key lies around in the environment.
func startDemo(ctx context.Context, c *config, base string, certificate *tls.Certificate, log *slog.Logger) (*demo, error) {
	c.demoKey = "sk-demo-" + strings.ToLower(rand.Text())
	entry := "demo:admin:" + c.demoKey
	if _, err := c.keys(entry); err != nil {
		entry = "demo-page:admin:" + c.demoKey // a key named demo is there
	}
	if _, err := c.keys(entry); err != nil {
		return nil, err
	}
	c.APIKeys += "\n" + entry

	d := &demo{stopped: make(chan struct{})}
	if c.RedisURL == "" {
		r, err := embedded.Start()
		if err != nil {
			return nil, err
		}
		d.redis, c.RedisURL = r, r.URL()
		log.Info("embedded Redis: nothing is kept when this process ends")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		d.closeRedis()
		return nil, fmt.Errorf("start the stand-in: %w", err)
	}
	c.OpenAIKey, c.OpenAIBaseURL = "sk-standin-"+rand.Text(), "http://"+l.Addr().String()+"/v1"
	d.openai = standin.New(standin.Options{Keys: []string{c.OpenAIKey}, PrivateControls: true, Jobs: standin.JobOptions{
		BatchTime: cmp.Or(c.demoBatch, 12*time.Second), TuneTime: cmp.Or(c.demoTuned, 20*time.Second), TLS: trust(certificate),
	}})
	d.server = &http.Server{Handler: d.openai, ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
	go func() {
		defer close(d.stopped)
		if err := d.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the stand-in for OpenAI has ended", "err", err)
		}
	}()
	log.Info("stand-in for OpenAI: answers are canned speech", "url", c.OpenAIBaseURL)
	if err := c.demoJobs(ctx, base); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

// demoJobs has the stand-in deliver its webhooks here, and hurries what is meant for real batches.
func (c *config) demoJobs(ctx context.Context, base string) error {
	api := c.openAI()
	types, err := api.Webhooks.EventTypes.List(ctx)
	if err != nil {
		return fmt.Errorf("ask the stand-in for its events: %w", err)
	}
	made, err := api.Webhooks.New(ctx, openaiwebhooks.WebhookNewParams{Name: "This demo", URL: base + "/webhooks/openai", EventTypes: types.Data})
	if err != nil {
		return fmt.Errorf("have the stand-in deliver here: %w", err)
	}
	c.Jobs.Secrets = append(c.Jobs.Secrets, seal.Secret(made.SigningSecret))
	c.Jobs.AllowNetworks = append(c.Jobs.AllowNetworks, "127.0.0.0/8", "::1/128")
	c.Jobs.PollFirst = min(c.Jobs.PollFirst, time.Second/2)
	return nil
}

// trust accepts this process's own certificate, whatever name it is for, and no other.
func trust(own *tls.Certificate) *tls.Config {
	if own == nil {
		return nil
	}
	return &tls.Config{InsecureSkipVerify: true, VerifyConnection: func(s tls.ConnectionState) error {
		if !bytes.Equal(s.PeerCertificates[0].Raw, own.Certificate[0]) {
			return errors.New("not this gateway's certificate")
		}
		return nil
	}}
}

// close ends it all and waits.
func (d *demo) close() {
	_ = d.server.Close() // closes a listener; nothing to be done about an error
	d.openai.Close()
	<-d.stopped
	d.closeRedis()
}

func (d *demo) closeRedis() {
	if d.redis != nil {
		d.redis.Close()
	}
}

// demoText is for a person who has just started the demo. Its first line is read by tools.
func demoText(base, key string) string {
	return fmt.Sprintf(`page  %[1]s/#key=%[2]s

Speak to it on the page, or steer a session from here:

  export GATEWAY=%[1]s KEY=%[2]s
  curl -s --json '{"session_id":"hello","config":{"instructions":"Be brief."}}' -H "Authorization: Bearer $KEY" $GATEWAY/realtime/sessions
  curl -s --json '{"text":"Say hello."}' -H "Authorization: Bearer $KEY" $GATEWAY/realtime/sessions/hello/message
  curl -s -H "Authorization: Bearer $KEY" $GATEWAY/realtime/sessions/hello/items
  curl -s -X DELETE -H "Authorization: Bearer $KEY" $GATEWAY/realtime/sessions/hello

Batches, fine-tuning jobs and webhooks are on the page %[1]s/jobs, and in the README with
lines for here. The API is at %[1]s/docs. Ctrl-C ends the demo.
`, base, key)
}
