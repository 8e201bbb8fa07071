package series

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Step is the length of an interval.
type Step time.Duration

// The steps that are stored: minutes for a day, hours for a week.
const (
	Minute = Step(time.Minute)
	Hour   = Step(time.Hour)
)

// Kept is how long samples of a step are kept: an hour, or a day, longer than the window that shows them.
func (s Step) Kept() time.Duration {
	if s == Minute {
		return 25 * time.Hour
	}
	return 8 * 24 * time.Hour
}

// Begin is when the interval of t begins.
func (s Step) Begin(t time.Time) time.Time { return t.UTC().Truncate(time.Duration(s)) }

// Sample is what one node did in one interval, so far. Live and Clients are as they were when it was taken last.
type Sample struct {
	Live       int      `json:"live,omitempty"`
	Clients    int      `json:"clients,omitempty"`
	Opened     int64    `json:"opened,omitempty"`
	Ended      int64    `json:"ended,omitempty"`
	Failed     int64    `json:"failed,omitempty"`
	Turns      int64    `json:"turns,omitempty"` // responses that ended
	Tokens     int64    `json:"tokens,omitempty"`
	CostUSD    float64  `json:"cost,omitempty"`
	Errors     [4]int64 `json:"errors,omitzero"` // of upstreams by class
	Renewals   int64    `json:"renewals,omitempty"`
	HandedOver int64    `json:"handed_over,omitempty"`
	Claimed    int64    `json:"claimed,omitempty"`
	FirstAudio Counts   `json:"first_audio,omitzero"`
}

// Plus adds up two: of one interval of two nodes, or of two intervals.
func (s Sample) Plus(o Sample) Sample {
	s.Live, s.Clients = s.Live+o.Live, s.Clients+o.Clients
	s.Opened, s.Ended, s.Failed = s.Opened+o.Opened, s.Ended+o.Ended, s.Failed+o.Failed
	s.Turns, s.Tokens, s.CostUSD = s.Turns+o.Turns, s.Tokens+o.Tokens, s.CostUSD+o.CostUSD
	for i, n := range o.Errors {
		s.Errors[i] += n
	}
	s.Renewals, s.HandedOver, s.Claimed = s.Renewals+o.Renewals, s.HandedOver+o.HandedOver, s.Claimed+o.Claimed
	s.FirstAudio = s.FirstAudio.Plus(o.FirstAudio)
	return s
}

// Since is what happened between an earlier reading of a node's sums and s; Live and Clients stay those of s.
func (s Sample) Since(o Sample) Sample {
	s.Opened, s.Ended, s.Failed = s.Opened-o.Opened, s.Ended-o.Ended, s.Failed-o.Failed
	s.Turns, s.Tokens, s.CostUSD = s.Turns-o.Turns, s.Tokens-o.Tokens, s.CostUSD-o.CostUSD
	for i, n := range o.Errors {
		s.Errors[i] -= n
	}
	s.Renewals, s.HandedOver, s.Claimed = s.Renewals-o.Renewals, s.HandedOver-o.HandedOver, s.Claimed-o.Claimed
	s.FirstAudio = s.FirstAudio.Minus(o.FirstAudio)
	return s
}

// Interval is what all nodes did in one interval.
type Interval struct {
	Begin time.Time
	Nodes map[string]Sample // by what PutSample was given
}

// Store keeps samples. Safe for many callers at once.
type Store interface {
	// PutSample stores what a life of a node did in the interval that contains at, in the place
	// of what was stored of that before. node tells apart nodes and their restarts.
	PutSample(ctx context.Context, step Step, at time.Time, node string, s Sample) error

	// Samples returns the intervals of a step from the one that contains from to the one that
	// contains to, in order; those in which no node was there have no samples.
	Samples(ctx context.Context, step Step, from, to time.Time) ([]Interval, error)
}

// MarshalJSON writes the buckets that are not empty, as pairs of index and count.
func (c Counts) MarshalJSON() ([]byte, error) {
	list := []int64{int64(c.Sum)}
	for i, n := range c.Buckets {
		if n != 0 {
			list = append(list, int64(i), n)
		}
	}
	return json.Marshal(list)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (c *Counts) UnmarshalJSON(raw []byte) error {
	var list []int64
	if err := json.Unmarshal(raw, &list); err != nil {
		return err
	}
	*c = Counts{}
	if len(list)%2 != 1 {
		return fmt.Errorf("a histogram of %d numbers", len(list))
	}
	c.Sum = time.Duration(list[0])
	for pairs := list[1:]; len(pairs) > 1; pairs = pairs[2:] {
		if i := pairs[0]; i >= 0 && i < int64(Buckets) { // others are a later release's
			c.Buckets[i] = pairs[1]
		}
	}
	return nil
}
