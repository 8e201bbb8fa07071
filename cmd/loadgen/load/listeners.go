package load

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"

	"github.com/tidwall/gjson"

	"switchboard/cmd/loadgen/endpoint"
)

// listenIn has so many operators listen to the target's sessions, one to each, until the returned
// func is called. They read all that they are sent.
func (m *Measurement) listenIn(ctx context.Context, n int) (hangUp func(), err error) {
	var lines []*endpoint.Conn
	var reading sync.WaitGroup
	hangUp = func() {
		for _, line := range lines {
			line.HangUp()
		}
		reading.Wait()
	}
	if n == 0 {
		return hangUp, nil
	}
	list, err := m.Target.Rest(ctx, http.MethodGet, "realtime/sessions?status=live&fields=summary&limit="+strconv.Itoa(n), nil)
	if err != nil {
		return hangUp, fmt.Errorf("list sessions to listen to: %w", err)
	}
	for _, s := range gjson.GetBytes(list, "sessions").Array() {
		line, err := m.Target.Dial(ctx, m.Target.Root.JoinPath("realtime/sessions", s.Get("session_id").Str, "listen"), m.Target.Key)
		if err != nil {
			hangUp()
			return func() {}, fmt.Errorf("listen in: %w", err)
		}
		lines = append(lines, line)
		reading.Go(func() {
			for err := error(nil); err == nil; {
				_, err = line.Read()
			}
		})
	}
	return hangUp, nil
}
