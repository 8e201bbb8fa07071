package trial

import (
	"context"
	"encoding/json"
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
		if err := e.begin(line, err); err != nil {
			e.end()
			return nil, fmt.Errorf("listen to %s: %w", s.ID, err)
		}
	}
	return e, nil
}

// eavesdropDirectly does the same without a gateway: that lateness is the machine's own.
func (f *fleet) eavesdropDirectly(ctx context.Context, n int) (*eavesdroppers, error) {
	e := &eavesdroppers{}
	to := f.model.Root.JoinPath("v1/realtime")
	to.RawQuery = "model=gpt-realtime-2.1"
	speak, _ := json.Marshal(map[string]any{"type": "session.update", "session": map[string]any{"type": "realtime", "instructions": endpoint.WordStream}})
	for range n {
		line, err := f.model.Dial(ctx, to, f.model.Key)
		if err := e.begin(line, err, speak); err != nil {
			e.end()
			return nil, fmt.Errorf("listen to the stand-in: %w", err)
		}
	}
	return e, nil
}

// begin has the upstream speak on a line, if there is one, after some events.
func (e *eavesdroppers) begin(line *endpoint.Conn, err error, events ...[]byte) error {
	if err != nil {
		return err
	}
	e.lines = append(e.lines, line)
	e.running.Go(func() { e.listen(line) })
	for _, event := range append(events, []byte(`{"type":"response.create"}`)) {
		if err := line.Text(event); err != nil {
			return err
		}
	}
	return nil
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

// count counts lateness from now on, anew.
func (e *eavesdroppers) count() { e.lateness.Store(&figures.Histogram{}) }

// counted ends what count began, and tells what it counted.
func (e *eavesdroppers) counted() figures.Quantiles {
	return figures.QuantilesOf(e.lateness.Swap(nil))
}

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
