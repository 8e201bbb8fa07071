package webhooks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"sync"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"

	"switchboard/session/contain"
	"switchboard/webhooks/api"
	"switchboard/webhooks/batch"
	"switchboard/webhooks/fanout"
	"switchboard/webhooks/live"
	"switchboard/webhooks/notify"
	"switchboard/webhooks/queue"
	"switchboard/webhooks/records"
	"switchboard/webhooks/seal"
	"switchboard/webhooks/tune"
	"switchboard/webhooks/wake"
)

// Options wire a Server. Redis and API are required.
type Options struct {
	Config
	Redis redis.UniversalClient
	API   openai.Client
	Node  string // this node's name in logs of attempts

	Logger *slog.Logger // nil: nothing is logged

	// CallIncoming, if set, is asked to take a call that OpenAI announces; an error has it announced again.
	CallIncoming func(ctx context.Context, callID string, e Event) error
	// Handlers, if set, registers more handlers.
	Handlers func(*Router)
}

// Server does everything beside the sessions. Create it with New, mount its Routes, call Run.
type Server struct {
	*api.API // its routes
	Receiver *Receiver
	o        Options
	log      *slog.Logger
	inbox    *queue.Queue
	intake   *intake
	router   Router
	secrets  *secretSet
	bell     *wake.Bell
	changes  *live.Log
	batches  *batch.Batches
	jobs     *tune.Jobs
	fanout   *fanout.Fanout
	notifier *notify.Notifier
	handling prometheus.Histogram
}

const trimEvery = time.Minute

// New checks the configuration and builds a Server; nothing runs yet.
func New(o Options) (*Server, error) {
	for i, secret := range o.Secrets {
		if err := secret.Validate(); err != nil {
			return nil, fmt.Errorf("OPENAI_WEBHOOK_SECRET, number %d: %w", i+1, err)
		}
	}
	box, err := seal.New(o.SealKey, o.SealMigrate)
	if err != nil {
		return nil, err
	}
	networks, err := fanout.ParseNetworks(o.AllowNetworks)
	if err != nil {
		return nil, err
	}
	log := cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	s := &Server{o: o, log: log, bell: wake.New(o.Redis, log), handling: newHandling()}
	if s.notifier, err = s.newNotifier(); err != nil {
		return nil, err
	}
	s.inbox = queue.New(o.Redis, "inbox", queue.Options{
		Node: o.Node, Timeout: o.HandleTime, Logger: log, OnDead: s.onDead, OnSettled: s.onSettled,
	})
	s.intake = newIntake(s.inbox.Add)
	s.changes = live.New(o.Redis, s.bell)
	s.secrets = &secretSet{fixed: o.Secrets, rdb: o.Redis, box: box, bell: s.bell, log: log}
	s.Receiver = &Receiver{
		secrets: s.secrets, keep: s.intake.put, now: time.Now, log: log,
		bodyTime: 10 * time.Second, large: semaphore.NewWeighted(largeAtOnce),
		refusals: rate.Sometimes{First: 10, Interval: time.Second}, failures: rate.Sometimes{First: 10, Interval: time.Second},
	}
	s.fanout = fanout.New(o.Redis, box, s.bell, fanout.Options{
		Allowed: networks, DisableAfter: o.DisableAfter, Node: o.Node, OnDisabled: s.onDisabled, Logger: log,
	})
	s.batches = batch.New(o.API, records.New(o.Redis, "batches", log), s.inbox, s.changes, batch.Options{
		Prices: o.Prices, PollFirst: o.PollFirst, Logger: log,
	})
	if s.jobs, err = s.newJobs(); err != nil {
		return nil, err
	}
	s.API = api.New(api.Options{
		Receiver: s.Receiver, Inbox: s.inbox, Secrets: s.secrets, Changes: s.changes, Batches: s.batches, Jobs: s.jobs,
		Fanout: s.fanout, OpenAI: o.API, Smoke: o.SmokePrompt != "", Logger: log,
	})
	s.register()
	return s, nil
}

func (s *Server) newNotifier() (*notify.Notifier, error) {
	n := notify.Options{URLs: s.o.Notify, Every: s.o.NotifyEvery, Logger: s.log}
	if s.o.NotifyTemplates != "" {
		text, err := os.ReadFile(s.o.NotifyTemplates)
		if err != nil {
			return nil, fmt.Errorf("notification templates: %w", err)
		}
		n.Templates = string(text)
	}
	return notify.New(n)
}

func (s *Server) newJobs() (*tune.Jobs, error) {
	t := tune.Options{Prompt: s.o.SmokePrompt, Responses: s.o.SmokeAPI == "responses", PollFirst: s.o.PollFirst, Logger: s.log}
	if s.o.SmokeExpect != "" {
		expect, err := regexp.Compile(s.o.SmokeExpect)
		if err != nil {
			return nil, fmt.Errorf("smoke-expect: %w", err)
		}
		t.Expect = expect
	}
	return tune.New(s.o.API, records.New(s.o.Redis, "jobs", s.log), s.inbox, s.changes, t), nil
}

// Run receives, handles and delivers until ctx ends, then waits for what it started.
func (s *Server) Run(ctx context.Context) {
	var parts sync.WaitGroup
	defer parts.Wait()
	for what, part := range map[string]func(context.Context){
		"bell": s.bell.Run, "secrets": s.secrets.run, "intake": s.intake.run, "fan-out": s.fanout.Run,
		"trim": s.trim, "discover": s.discover, "inbox": s.work,
	} {
		parts.Go(func() { contain.Keep(ctx, s.log, what, func() { part(ctx) }) })
	}
}

// work handles the inbox, if this node does.
func (s *Server) work(ctx context.Context) {
	if s.o.Workers > 0 {
		s.inbox.Run(ctx, s.o.Workers, s.handle)
	}
}

// Drain ends the streams of changes, which would keep an http.Server's Shutdown waiting. Deliveries are taken until
// Run's context ends: end that after Shutdown.
func (s *Server) Drain() { s.changes.Close() }

// Publish passes an event of this gateway's own, such as a session's life, on to subscribers. It returns once the event
// is kept; if nobody wants it, at once. An event of the same id is kept once; "" is an id of its own.
func (s *Server) Publish(ctx context.Context, id, eventType string, data any) error {
	if !s.fanout.Wanted(eventType) {
		return nil
	}
	_, err := s.intake.put(ctx, fanout.NewEvent(cmp.Or(id, fanout.NewID()), eventType, data))
	return err
}

// handle is what a node does with an item of the inbox: subscribers first, since that is quick and cannot fail for what
// the event is about.
func (s *Server) handle(ctx context.Context, c queue.Claim) (by string, err error) {
	began := time.Now()
	defer func() { s.handling.Observe(time.Since(began).Seconds()) }()
	e, err := parseEvent(c.ID, c.Origin, c.Body)
	if err != nil {
		return "", queue.Fatal(err)
	}
	e.Attempt = c.Fails
	if category(e.Type) != taskCategory || e.Origin != queue.FromGateway {
		if err := s.fanout.Publish(ctx, c.Item); err != nil {
			return "fan-out", err
		}
	}
	if category(e.Type) == taskCategory && e.Origin != queue.FromGateway {
		return unhandled, nil // only this gateway gives itself work
	}
	by, err = s.router.Route(ctx, e)
	if refused, ok := errors.AsType[*openai.Error](err); ok && refused.StatusCode == http.StatusNotFound {
		err = queue.DoneWith(errGone) // it will not come back: trying again is for nothing
	}
	return by, err
}

var errGone = errors.New("OpenAI has no such object: it was deleted, is another project's, or the event is a sample")

// onSettled shows what became of an event; work that the gateway gave itself shows in its own way.
func (s *Server) onSettled(ctx context.Context, c queue.Claim, state queue.State, a queue.Attempt) {
	if category(c.Topic) == taskCategory && state != queue.Dead {
		return
	}
	err := s.changes.Publish(ctx, "inbox.updated", "", map[string]any{
		"id": c.ID, "type": c.Topic, "origin": c.Origin, "state": state, "handler": a.By, "error": a.Error, "note": a.Note, "received_at": c.At,
	})
	if err != nil {
		s.log.Warn("a change was not shown", "id", c.ID, "err", err)
	}
}

// onDead tells people that an event was given up; not of a notification, which could not be told either.
func (s *Server) onDead(ctx context.Context, it queue.Item, note string) {
	s.log.Error("an event was given up", "id", it.ID, "type", it.Topic, "reason", note)
	if it.Topic == notify.Task || it.Topic == notify.ToTask {
		return
	}
	n := notify.Notice{Kind: "dead_letter", Subject: it.ID, Fields: map[string]any{"type": it.Topic, "error": note}}
	if _, err := s.inbox.Add(ctx, n.Item("dead:"+it.ID)); err != nil {
		s.log.Error("nobody was told", "id", it.ID, "err", err)
	}
}

func (s *Server) onDisabled(sub fanout.Subscription, reason string) {
	ctx, cancel := context.WithTimeout(context.Background(), intakeTime)
	defer cancel()
	n := notify.Notice{Kind: "subscription.disabled", Subject: sub.ID, Fields: map[string]any{"url": sub.URL, "error": reason}}
	if _, err := s.inbox.Add(ctx, n.Item(fmt.Sprintf("disabled:%s:%d", sub.ID, time.Now().Unix()))); err != nil {
		s.log.Error("nobody was told", "subscription", sub.ID, "err", err)
	}
}

// trim forgets old items now and then; every node does, which does no harm.
func (s *Server) trim(ctx context.Context) {
	every(ctx, trimEvery, func() {
		if err := s.inbox.Trim(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("not trimmed", "err", err)
		}
		s.fanout.Trim(ctx)
	})
}

func every(ctx context.Context, d time.Duration, do func()) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			do()
		case <-ctx.Done():
			return
		}
	}
}
