package live

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"switchboard/gateway/problem"
)

const (
	pingEvery = 15 * time.Second
	lookEvery = 2 * time.Second  // should a ring be lost
	writeTime = 10 * time.Second // for a client that does not read
)

var streamID = regexp.MustCompile(`^\d{1,19}-\d{1,19}$`)

// Serve streams the changes whose owners the client sees, from the one after Last-Event-ID (or the query's last_event_id),
// else from now on. A client whose last event is no longer kept gets an event "resync" first: it should read the dashboard
// anew.
func (l *Log) Serve(w http.ResponseWriter, r *http.Request, sees func(owner string) bool) {
	last := r.Header.Get("Last-Event-ID")
	if last == "" {
		last = r.URL.Query().Get("last_event_id")
	}
	resync := last != "" && last != nothing && !(streamID.MatchString(last) && l.knows(r.Context(), last))
	if last == "" || resync {
		newest, err := l.Last(r.Context())
		if err != nil {
			problem.Write(w, problem.Of(http.StatusServiceUnavailable, "the store is away"))
			return
		}
		last = newest
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no")
	if r.Method == http.MethodHead {
		w.WriteHeader(http.StatusOK)
		return
	}
	s := stream{w: w, control: http.NewResponseController(w)}
	hello := ": hello\nretry: 1000\n\n"
	if resync {
		hello += fmt.Sprintf("id: %s\nevent: resync\ndata: {}\n\n", last)
	}
	if s.send(hello) == nil {
		l.follow(r.Context(), s, last, sees)
	}
}

func (l *Log) follow(ctx context.Context, s stream, last string, sees func(owner string) bool) {
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		rung := l.bell.Next(bell) // before reading, so that no change falls between
		changes, err := l.after(ctx, last)
		if err == nil {
			for _, m := range changes {
				last = m.ID
				owner, _ := m.Values["owner"].(string)
				if !sees(owner) {
					continue
				}
				if s.send(fmt.Sprintf("id: %s\nevent: %s\ndata: %s\n\n", m.ID, m.Values["type"], m.Values["data"])) != nil {
					return
				}
			}
			if len(changes) == atOnce {
				continue
			}
		}
		select {
		case <-rung:
		case <-look.C:
		case <-ping.C:
			if s.send(": ping\nid: "+last+"\n\n") != nil { // what was not the client's business is behind it, too
				return
			}
		case <-l.done:
			return
		case <-ctx.Done():
			return
		}
	}
}

type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

func (s stream) send(text string) error {
	// Not every writer has deadlines (httptest's recorder); then a stuck client is found by its closed connection.
	_ = s.control.SetWriteDeadline(time.Now().Add(writeTime))
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	return s.control.Flush()
}
