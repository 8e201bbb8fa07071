package hub

import (
	"time"
)

// bucketBurst is how many seconds' worth a client may send at once.
const bucketBurst = 4

// bucket is a token bucket; the zero one has no limit.
type bucket struct {
	rate, left float64
	at         time.Time
}

func newBucket(perSecond int, now time.Time) bucket {
	rate := max(0, float64(perSecond))
	return bucket{rate: rate, left: rate * bucketBurst, at: now}
}

func (b *bucket) take(n int, now time.Time) bool {
	if b.rate == 0 {
		return true
	}
	b.left = min(b.rate*bucketBurst, b.left+now.Sub(b.at).Seconds()*b.rate)
	b.at = now
	if b.left < float64(n) {
		return false
	}
	b.left -= float64(n)
	return true
}
