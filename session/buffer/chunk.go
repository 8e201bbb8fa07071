package buffer

import (
	"math/bits"
	"sync"
	"time"
)

// Chunks are as large as what the history holds already, within these bounds: a quiet session
// needs little, and thousands that begin to talk at once do not ask for hundreds of megabytes.
const (
	smallestChunk = 1 << 10
	largestChunk  = 8 << 10
)

// chunkPools hold chunks that are not in use, one pool a power of two.
var chunkPools [4]sync.Pool

// chunk is a run of events: ends[i] is where the i-th ends in buf.
type chunk struct {
	buf      []byte
	ends     []int32
	last     time.Time // when the newest was added
	upTo     int64     // bytes ever added to the history up to its end
	received time.Time // since when all clients are known to have received it; zero: they may not have
}

// newChunk has room for at least size bytes.
func newChunk(size int) *chunk {
	pool := poolOf(size)
	if pool < 0 {
		return &chunk{buf: make([]byte, 0, size)}
	}
	if c, ok := chunkPools[pool].Get().(*chunk); ok {
		return c
	}
	return &chunk{buf: make([]byte, 0, smallestChunk<<pool)}
}

// poolOf is the pool of the chunks that have room for size bytes; negative: there is none.
func poolOf(size int) int {
	if size > largestChunk {
		return -1
	}
	return bits.Len(uint(max(size, smallestChunk)-1)) - bits.Len(smallestChunk-1)
}

// giveBack lets others use the chunk.
func (c *chunk) giveBack() {
	size := cap(c.buf)
	*c = chunk{buf: c.buf[:0], ends: c.ends[:0]}
	if pool := poolOf(size); pool >= 0 && size == smallestChunk<<pool {
		chunkPools[pool].Put(c)
	}
}

func (c *chunk) add(event []byte, now time.Time, upTo int64) {
	c.buf = append(c.buf, event...)
	c.ends = append(c.ends, int32(len(c.buf)))
	c.last, c.upTo, c.received = now, upTo, time.Time{}
}

func (c *chunk) event(i int) []byte {
	from := int32(0)
	if i > 0 {
		from = c.ends[i-1]
	}
	return c.buf[from:c.ends[i]]
}
