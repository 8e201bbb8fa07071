package gateway

import (
	"runtime"
	"time"
)

// usage says how many cores the process has kept busy since it was asked last.
type usage struct {
	at   time.Time
	used time.Duration
}

func (u *usage) of() float64 {
	now, used := time.Now(), processTime()
	defer func() { u.at, u.used = now, used }()
	if u.at.IsZero() || !now.After(u.at) {
		return 0
	}
	return max(0, (used-u.used).Seconds()/now.Sub(u.at).Seconds())
}

func (*usage) cores() int { return runtime.GOMAXPROCS(0) }
