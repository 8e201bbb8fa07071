package gateway

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Models are looked up once a day, and soon after they are seen for the first time.
const (
	lookUpEvery = 24 * time.Hour
	seenEvery   = 5 * time.Minute
	lookUpWait  = 15 * time.Second
)

// modelShutdown is a model in use that OpenAI is going to shut down.
type modelShutdown struct {
	Model    string `json:"model" doc:"One that is configured or that a session of this node uses"`
	Shutdown string `json:"shutdown_date" doc:"The day from which the API refuses it"`
	Days     int    `json:"days" doc:"Until then; below 0 once it is over"`
}

// shutdowns remembers when the models in use end. Nothing waits for a look-up.
type shutdowns struct {
	mu     sync.Mutex
	ends   map[string]time.Time // by model; zero: no day is known
	asked  map[string]time.Time // when each was looked up
	clock  func() time.Time
	metric *prometheus.Desc
}

func newShutdowns() *shutdowns {
	return &shutdowns{ends: map[string]time.Time{}, asked: map[string]time.Time{}, clock: time.Now,
		metric: prometheus.NewDesc("switchboard_model_shutdown_seconds", "Seconds until OpenAI shuts down a model in use; absent for those without a date.", []string{"model"}, nil)}
}

// WatchModels looks up when the configured models and those of this node's sessions end, and
// warns of it, until ctx ends. A look-up that fails is tried again and harms nobody.
func (g *Gateway) WatchModels(ctx context.Context) {
	if g.options.Shutdown == nil {
		return
	}
	tick := time.NewTicker(seenEvery)
	defer tick.Stop()
	for {
		g.lookUp(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (g *Gateway) lookUp(ctx context.Context) {
	for _, model := range g.shutdowns.due(append(g.options.Hub.Models(), g.options.Model, g.options.TranscriptionModel)) {
		bounded, cancel := context.WithTimeout(ctx, lookUpWait)
		day, err := g.options.Shutdown(bounded, model)
		cancel()
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			g.options.Logger.Debug("cannot look up when a model shuts down", "model", model, "err", err)
			continue
		}
		g.shutdowns.learn(model, day)
		if !day.IsZero() {
			g.options.Logger.Warn("OpenAI is going to shut down a model that is in use", "model", model, "on", day.Format(time.DateOnly))
		}
	}
}

// due are the models in use that were not looked up lately. Those not in use are forgotten.
func (s *shutdowns) due(used []string) (due []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	inUse := map[string]bool{}
	for _, model := range used {
		if model == "" || inUse[model] {
			continue
		}
		inUse[model] = true
		if asked, ok := s.asked[model]; !ok || now.Sub(asked) >= lookUpEvery {
			due = append(due, model)
		}
	}
	maps.DeleteFunc(s.ends, func(model string, _ time.Time) bool { return !inUse[model] })
	maps.DeleteFunc(s.asked, func(model string, _ time.Time) bool { return !inUse[model] })
	return due
}

func (s *shutdowns) learn(model string, day time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ends[model], s.asked[model] = day, s.clock()
}

// list are the models in use that end, those that end first at the front.
func (s *shutdowns) list() (list []modelShutdown) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, model := range slices.Sorted(maps.Keys(s.ends)) {
		if day := s.ends[model]; !day.IsZero() {
			days := int(day.Sub(s.clock()).Hours() / 24)
			list = append(list, modelShutdown{model, day.Format(time.DateOnly), days})
		}
	}
	slices.SortStableFunc(list, func(a, b modelShutdown) int { return a.Days - b.Days })
	return list
}

// Describe implements [prometheus.Collector].
func (s *shutdowns) Describe(out chan<- *prometheus.Desc) { out <- s.metric }

// Collect implements [prometheus.Collector].
func (s *shutdowns) Collect(out chan<- prometheus.Metric) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for model, day := range s.ends {
		if !day.IsZero() {
			out <- prometheus.MustNewConstMetric(s.metric, prometheus.GaugeValue, day.Sub(s.clock()).Seconds(), model)
		}
	}
}
