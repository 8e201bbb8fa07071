package trial

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidwall/gjson"

	"switchboard/cmd/loadgen/endpoint"
	"switchboard/cmd/loadgen/figures"
)

// eavesdroppers listen to answers that never end, and to how late their audio comes.
type eavesdroppers struct {
	lateness atomic.Pointer[figures.Histogram] // nil: not now
	lines    []*endpoint.Conn
	running  sync.WaitGroup

	mu     sync.Mutex
	failed []error // guarded by mu
	ended  bool    // guarded by mu
}

// eavesdrop opens n sessions in which the stand-in speaks at the pace of real time.
func (f *fleet) eavesdrop(ctx context.Context, n int) (*eavesdroppers, error) {
	e := &eavesdroppers{}
	sessions, err := f.openAll(ctx, n, wish{name: "voice", instructions: endpoint.WordStream, config: map[string]any{"turn_detection": nil}})
	if err != nil {
		return nil, err
	}
	for _, s := range sessions {
		line, err := f.entry.Dial(ctx, s.Relay, s.Secret)
		if err == nil {
			err = line.Text([]byte(`{"type":"response.create"}`))
		}
		if err != nil {
			e.end()
			return nil, fmt.Errorf("listen to %s: %w", s.ID, err)
		}
		e.lines = append(e.lines, line)
		e.running.Go(func() { e.listen(line) })
	}
	return e, nil
}

func (e *eavesdroppers) listen(line *endpoint.Conn) {
	for {
		message, err := line.Read()
		if err != nil {
			e.mu.Lock()
			defer e.mu.Unlock()
			if !e.ended {
				e.failed = append(e.failed, err)
			}
			return
		}
		h := e.lateness.Load()
		if h == nil || gjson.GetBytes(message, "type").Str != "response.output_audio.delta" {
			continue
		}
		if sent, ok := endpoint.StampOf(gjson.GetBytes(message, "event_id").Str); ok {
			h.Add(time.Since(sent))
		}
	}
}

// into has lateness counted by h, or by nobody.
func (e *eavesdroppers) into(h *figures.Histogram) { e.lateness.Store(h) }

// end hangs up and waits.
func (e *eavesdroppers) end() {
	e.mu.Lock()
	e.ended = true
	e.mu.Unlock()
	for _, line := range e.lines {
		line.HangUp()
	}
	e.running.Wait()
}

func (e *eavesdroppers) failures() []error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.failed
}
