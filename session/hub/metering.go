package hub

import (
	"context"
	"fmt"
	"slices"
	"time"

	"switchboard/session"
	"switchboard/session/access"
)

// Times of metering.
const (
	meterEvery = time.Second           // what was used is counted, and what other nodes counted is seen
	meterPause = 20 * time.Millisecond // and so long after a response has ended
	meterIdle  = 5 * time.Minute       // sessions that do nothing are counted: their time
	meterTimed = 5 * time.Second       // and those of keys whose time is limited
	meterTTL   = 24 * time.Hour        // a session that is not counted any more does not run
)

// owedMost is how many sessions that have ended wait at most to be counted, while the store is away.
const owedMost = 10_000

// expense is what one response or transcription has cost.
type expense struct {
	model string // as the table of prices names it
	usd   float64
	known bool
}

// metered is what the meter knows of a session.
type metered struct {
	tokens int64
	cost   session.Cost
	at     time.Time
}

// owed is a session's last use, which the meter was not told of.
type owed struct {
	key   string
	spent access.Spent
}

// meter counts what the sessions here use until ctx is done, and ends those of API keys
// that have used what they may.
func (h *Hub) meter(ctx context.Context) {
	tick := time.NewTicker(meterEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-h.node.spent:
			select {
			case <-ctx.Done():
				return
			case <-time.After(meterPause):
			}
		}
		h.meterAll(ctx)
	}
}

func (h *Hub) meterAll(ctx context.Context) {
	byKey := map[string][]*Controller{}
	h.mu.Lock()
	for _, c := range h.running {
		byKey[c.spec.Key] = append(byKey[c.spec.Key], c)
	}
	late := h.owed
	h.owed = nil
	h.mu.Unlock()
	for key, sessions := range byKey {
		h.meterKey(ctx, key, sessions)
	}
	for _, o := range late {
		h.meterEnd(ctx, o.key, o.spent)
	}
}

// meterKey counts what the sessions of one API key have used.
func (h *Hub) meterKey(ctx context.Context, key string, sessions []*Controller) {
	limits, now := h.node.KeyLimits(key), time.Now()
	every := meterIdle
	if limits.Seconds > 0 {
		every = meterTimed
	}
	var due []*Controller
	var spent []access.Spent
	for _, c := range sessions {
		s, expenses, isDue := c.spentSince(now, every)
		h.spend(key, s.Labels, expenses)
		if isDue {
			due, spent = append(due, c), append(spent, s)
		}
	}
	if h.node.Meter == nil || len(due) == 0 && limits.Tokens == 0 && limits.Seconds == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	sums, err := h.node.Meter.Count(ctx, key, spent, meterTTL)
	if err != nil {
		h.node.Logger.Debug("usage of key not counted yet", "key", key, "err", err)
		return
	}
	for i, c := range due {
		c.setMetered(spent[i], now)
	}
	if met := limits.Met(sums); met != nil {
		for _, c := range sessions {
			c.end(met)
		}
	}
}

// admit checks the limits of the key, and notes that its session runs.
func (h *Hub) admit(ctx context.Context, c *Controller) error {
	k := h.node.KeyLimits(c.spec.Key)
	if h.node.Meter == nil || k == (access.KeyLimits{}) {
		return nil
	}
	c.admitted = true // or not: an error may hide it
	if err := h.node.Meter.Open(ctx, c.spec.Key, c.id, k, meterTTL); err != nil {
		return fmt.Errorf("count session of key: %w", err)
	}
	return nil
}

// settle counts what a session used that is over on this node.
func (h *Hub) settle(ctx context.Context, c *Controller) {
	if c.state == stateNew || c.up.leg == nil { // it never began
		if c.admitted {
			h.meterEnd(ctx, c.spec.Key, access.Spent{ID: c.id})
		}
		return
	}
	s, expenses := c.lastSpent()
	h.spend(c.spec.Key, s.Labels, expenses)
	if !c.Leaving() {
		h.meterEnd(ctx, c.spec.Key, s)
	}
}

// meterEnd counts the whole of a session that has ended.
func (h *Hub) meterEnd(ctx context.Context, key string, s access.Spent) {
	if h.node.Meter == nil {
		return
	}
	s.Ended = true
	_, err := h.node.Meter.Count(ctx, key, []access.Spent{s}, meterTTL)
	if err == nil {
		return
	}
	h.node.Logger.Warn("usage of a session that has ended not counted yet", "session", s.ID, "key", key, "tokens", s.Tokens, "err", err)
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.owed) < owedMost {
		h.owed = append(h.owed, owed{key, s})
	}
}

// spentSince is what the session has used, if the meter has to be told, and what was spent
// that is not in the node's sums.
func (c *Controller) spentSince(now time.Time, every time.Duration) (spent access.Spent, expenses []expense, due bool) {
	s := c.lock()
	defer s.unlock()
	was := c.metered
	due = c.usage.Spent() != was.tokens || c.cost != was.cost || now.Sub(was.at) >= every
	due = due && !c.frozen && !s.elsewhere()
	expenses, c.unmetered = c.unmetered, nil
	if due || len(expenses) > 0 {
		spent = spentOf(s.record(), c.node.CostLabels)
	}
	return spent, expenses, due
}

// lastSpent is all that the session has used here, with nothing that could change it any more.
func (c *Controller) lastSpent() (access.Spent, []expense) {
	s := c.lock()
	defer s.unlock()
	return spentOf(s.record(), c.node.CostLabels), c.unmetered
}

// setMetered notes what the meter was told.
func (c *Controller) setMetered(told access.Spent, at time.Time) {
	s := c.lock()
	defer s.unlock()
	c.metered = metered{told.Tokens, told.Cost, at}
}

// spentOf is what the session of a record has used; labels are the names of those to sum by.
func spentOf(r session.Record, labels []string) access.Spent {
	s := access.Spent{ID: r.ID, Tokens: r.Usage.Spent(), Seconds: r.Usage.Seconds, Cost: r.Cost}
	for name, value := range r.Labels {
		if slices.Contains(labels, name) {
			if s.Labels == nil {
				s.Labels = map[string]string{}
			}
			s.Labels[name] = value
		}
	}
	return s
}

// Costs are what this node's sessions have cost since its start, in US dollars.
type Costs struct {
	Models  map[string]float64            // by the name in the table of prices
	Keys    map[string]float64            // by API key
	Labels  map[string]map[string]float64 // by name and value; of each name, the first LabelValues
	Unknown int64                         // responses and transcriptions without a price
}

// spend adds to the sums of this node.
func (h *Hub) spend(key string, labels map[string]string, expenses []expense) {
	if len(expenses) == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range expenses {
		if !e.known {
			h.costs.Unknown++
		}
		if e.model == "" {
			continue
		}
		h.costs.Models[e.model] += e.usd
		h.costs.Keys[key] += e.usd
		for name, value := range labels {
			sums := h.costs.Labels[name]
			if sums == nil {
				sums = map[string]float64{}
				h.costs.Labels[name] = sums
			}
			if _, known := sums[value]; !known && len(sums) >= access.LabelValues {
				value = access.OtherLabels
			}
			sums[value] += e.usd
		}
	}
}

// clone copies the sums for somebody who does not hold the lock.
func (c Costs) clone() Costs {
	out := newCosts()
	out.Unknown = c.Unknown
	for name, usd := range c.Models {
		out.Models[name] = usd
	}
	for key, usd := range c.Keys {
		out.Keys[key] = usd
	}
	for name, sums := range c.Labels {
		out.Labels[name] = map[string]float64{}
		for value, usd := range sums {
			out.Labels[name][value] = usd
		}
	}
	return out
}

func newCosts() Costs {
	return Costs{Models: map[string]float64{}, Keys: map[string]float64{}, Labels: map[string]map[string]float64{}}
}
