package strict

import (
	"io"
	"runtime"
)

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

// InTurns calls parse with a reader of r, which may be of any length and slow: from its 32 KiB on, parse holds a turn
// between two reads, and none while r waits for its next bytes. Parse must wait for nothing else, and not call what takes
// a turn with a large body.
func InTurns(r io.Reader, parse func(io.Reader) error) error {
	t := &turnReader{r: r}
	defer t.release()
	return parse(t)
}

// turnReader gives its turn back while it reads. What it reads at once is little, so that others have their turn soon.
type turnReader struct {
	r    io.Reader
	read int
	held bool
}

// Read implements io.Reader. The turn is taken at the end, too: what was read last is still to be parsed.
func (t *turnReader) Read(p []byte) (int, error) {
	t.release()
	n, err := t.r.Read(p[:min(len(p), largeBody)])
	if t.read += n; t.read >= largeBody {
		turns <- struct{}{}
		t.held = true
	}
	return n, err
}

func (t *turnReader) release() {
	if t.held {
		t.held = false
		<-turns
	}
}
