package hub

import (
	"context"
	"time"

	"switchboard/session/configuration"
)

// medium is where a session's audio goes, and so what a session has when its leg ends: with the
// audio, the whole conversation passes here, or only the control of it
// (docs/decisions/0021-medium-and-dialect.md).
type medium interface {
	// next makes the leg that takes the place of one that is lost or whose time is over, or the
	// first one. It waits, without the lock.
	next(ctx context.Context, o configuration.Opening) (*leg, error)
	// renewal returns from when a leg that expires is replaced at a quiet moment, and by when at any.
	renewal(expires time.Time) (at, by time.Time)
	// over reports whether another leg would end like the one that ended so.
	over(why error) bool
	// lost has the session go on from what is lost with its leg.
	lost(c *held)
}
