package gateway_test

import (
	"testing"
	"testing/synctest"
	"time"

	"switchboard/gateway"
)

// Whatever hangs on a node that is declared dead is told at once, and what was sent to it a moment
// before is told soon. A process that was started at its address since then answers.
func TestWhatHangsOnADeadNodeIsTold(t *testing.T) {
	for name, tc := range map[string]struct {
		quiet   time.Duration // before the death
		answers bool          // behind it
		url     string
		within  time.Duration // 0: it is not told
	}{
		"long silent":           {time.Second, false, "http://dead", time.Nanosecond},
		"just sent":             {10 * time.Millisecond, false, "http://dead", 400 * time.Millisecond},
		"another process there": {10 * time.Millisecond, true, "http://dead", 0},
		"another node":          {time.Second, false, "http://other", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				keep, died := gateway.Vigils(time.Hour)
				lost := make(chan struct{}, 8)
				heard, end := keep("http://dead", func() { lost <- struct{}{} })
				defer end()
				time.Sleep(tc.quiet)
				died(tc.url)
				if tc.answers {
					time.Sleep(100 * time.Millisecond)
					heard()
				}
				time.Sleep(max(tc.within, time.Nanosecond))
				synctest.Wait()
				if got := len(lost) > 0; got != (tc.within > 0) {
					t.Errorf("told: %v", got)
				}
				time.Sleep(time.Minute)
				if tc.within == 0 && len(lost) > 0 {
					t.Error("told later")
				}
			})
		})
	}
}
