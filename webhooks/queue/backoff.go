package queue

import (
	"errors"
	"math"
	"math/rand/v2"
	"time"
)

// Exponential waits first × factorⁿ⁻¹ after the nth failure, at most limit, give or take a fifth.
func Exponential(first time.Duration, factor float64, limit time.Duration) func(int) time.Duration {
	return func(failures int) time.Duration {
		d := float64(first) * math.Pow(factor, float64(failures-1))
		d = min(d, float64(limit))
		return time.Duration(d * (0.8 + 0.4*rand.Float64()))
	}
}

// verdict is an error by which a handler says more than that it failed.
type verdict struct {
	err   error
	after time.Duration
	final bool // never try again
	again bool // not a failure: call again later
	done  bool // not a failure: nothing is to be done
}

// Error is the handler's own error, or when it wants to be called again.
func (v *verdict) Error() string {
	if v.err == nil {
		return "to be called again in " + v.after.String()
	}
	return v.err.Error()
}

// Unwrap gives the handler's own error; nil where it did not fail.
func (v *verdict) Unwrap() error { return v.err }

// Fatal marks an error that trying again cannot mend: the item is dead at once.
func Fatal(err error) error { return &verdict{err: err, final: true} }

// DoneWith marks an error that is none: nothing is left to be done, and the error says why.
func DoneWith(why error) error { return &verdict{err: why, done: true} }

// RetryIn marks an error after which the item must not be tried before d.
func RetryIn(err error, d time.Duration) error { return &verdict{err: err, after: d} }

// Again is returned by a handler that did its part and wants to be called again after d; it counts as no failure
// and leaves no attempt behind.
func Again(d time.Duration) error { return &verdict{after: d, again: true} }

func asVerdict(err error) verdict {
	if v, ok := errors.AsType[*verdict](err); ok {
		out := *v
		out.err = err
		return out
	}
	return verdict{err: err}
}
