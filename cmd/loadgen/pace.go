package main

import (
	"context"
	"time"
)

// pace wakes one goroutine at set times. A late one is caught up with, not skipped, as
// a microphone does not skip either.
type pace struct {
	timer *time.Timer
	due   time.Time
}

func newPace(first time.Time) *pace {
	return &pace{timer: time.NewTimer(time.Until(first)), due: first}
}

// wait sleeps until the next time is due; false means that the context has ended.
func (p *pace) wait(ctx context.Context) bool {
	if left := time.Until(p.due); left > 0 {
		p.timer.Reset(left)
		select {
		case <-p.timer.C:
		case <-ctx.Done():
		}
	}
	return ctx.Err() == nil
}

// next sets the next time, so much after the one before.
func (p *pace) next(every time.Duration) { p.due = p.due.Add(every) }

func (p *pace) stop() { p.timer.Stop() }
