package strict

import "runtime"

// turns are held by those who parse a large body. There are half as many as cores: the others
// relay, and a body of 1 MiB keeps a core busy for longer than audio may be late.
var turns = make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))

// largeBody is from how many bytes on a body is parsed in its turn.
const largeBody = 32 << 10

// InTurn calls parse, which must not wait for anything, while few other large bodies are parsed.
// It must not be called within itself.
func InTurn[T any](body []byte, parse func() T) T {
	if len(body) < largeBody {
		return parse()
	}
	turns <- struct{}{}
	defer func() { <-turns }()
	return parse()
}
