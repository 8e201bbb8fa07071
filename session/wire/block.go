package wire

import (
	"math/bits"
	"sync"
)

// Blocks are lent in powers of two. The smallest holds an audio delta of 100 ms (6.6 KB), or two
// appends; those over the largest, 1 MiB, are left to the garbage collector. A read begins with
// twice what the last one brought, at most readBlock: with live audio few bytes are lent at a time,
// flat out several events come in one read.
const (
	minBlock     = 8 << 10
	readBlock    = 32 << 10
	blockClasses = 8
)

var blocks [blockClasses]sync.Pool

// block is a lent buffer; who borrowed it gives it back once, with release.
type block struct{ b []byte }

// blockClass is the class whose blocks hold n bytes; it may be past the last one.
func blockClass(n int) int {
	return bits.Len(uint(max(n, minBlock)-1)) - bits.Len(minBlock-1)
}

// borrow lends a block of at least n bytes.
func borrow(n int) *block {
	class := blockClass(n)
	if class >= blockClasses {
		return &block{b: make([]byte, n)}
	}
	if k, ok := blocks[class].Get().(*block); ok {
		return k
	}
	return &block{b: make([]byte, minBlock<<class)}
}

func (k *block) release() {
	if class := blockClass(len(k.b)); class < blockClasses {
		blocks[class].Put(k)
	}
}
