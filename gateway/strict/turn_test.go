package strict_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"switchboard/gateway/strict"
)

// watched notes whether a turn is held while it is waited for.
type watched struct {
	io.Reader
	t *testing.T
}

func (w watched) Read(p []byte) (int, error) {
	if strict.TurnsHeld() > 0 {
		w.t.Error("a turn is held while the next bytes are waited for")
	}
	return w.Reader.Read(p)
}

// A long body is parsed in turn, bit by bit, however it ends; a short one needs no turn.
func TestALongBodyHasItsTurnBetweenReads(t *testing.T) {
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		size int
		end  error
	}{"short": {32<<10 - 1, nil}, "long": {300 << 10, nil}, "broken": {300 << 10, broken}} {
		t.Run(name, func(t *testing.T) {
			read := 0
			err := strict.InTurns(watched{strings.NewReader(strings.Repeat("x", c.size)), t}, func(r io.Reader) error {
				for part := make([]byte, 64<<10); ; {
					n, err := r.Read(part)
					read += n
					if held := strict.TurnsHeld() == 1; held != (read >= 32<<10) {
						t.Errorf("behind %d bytes a turn is held: %v", read, held)
					}
					switch {
					case n > 32<<10:
						t.Errorf("%d bytes are parsed at once", n)
					case err == io.EOF:
						return nil
					case c.end != nil && read > 100<<10:
						return c.end
					}
				}
			})
			if err != c.end || c.end == nil && read != c.size {
				t.Errorf("%v behind %d bytes", err, read)
			}
		})
	}
	func() {
		defer func() { _ = recover() }()
		_ = strict.InTurns(strings.NewReader(strings.Repeat("x", 64<<10)), func(r io.Reader) error {
			_, _ = io.ReadFull(r, make([]byte, 40<<10))
			panic("parse")
		})
	}()
	if strict.TurnsHeld() != 0 {
		t.Error("a turn is never given back")
	}
}
