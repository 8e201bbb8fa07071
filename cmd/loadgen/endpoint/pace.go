package endpoint

import (
	"context"
	"fmt"
	"time"
)

// Pace wakes one goroutine at set times. A late one is caught up with, not skipped, as
// a microphone does not skip either.
type Pace struct {
	timer *time.Timer
	Due   time.Time
}

// NewPace makes a Pace whose first time is given; the caller stops it.
func NewPace(first time.Time) *Pace {
	return &Pace{timer: time.NewTimer(time.Until(first)), Due: first}
}

// Wait sleeps until the next time is due; false means that the context has ended.
func (p *Pace) Wait(ctx context.Context) bool {
	if left := time.Until(p.Due); left > 0 {
		p.timer.Reset(left)
		select {
		case <-p.timer.C:
		case <-ctx.Done():
		}
	}
	return ctx.Err() == nil
}

// Next sets the next time, so much after the one before.
func (p *Pace) Next(every time.Duration) { p.Due = p.Due.Add(every) }

// Stop frees the timer.
func (p *Pace) Stop() { p.timer.Stop() }

// Sleep waits for d, or until ctx ends: the error says why.
func Sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stopped: %w", context.Cause(ctx))
	}
}
