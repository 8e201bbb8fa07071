package live

import (
	"context"
	"net/http"
	"regexp"
	"time"

	"switchboard/gateway/problem"
	"switchboard/gateway/sse"
)

const (
	lookEvery = 2 * time.Second // should a ring be lost
	retry     = time.Second     // until a client reconnects
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
	s := sse.New(w)
	s.Head()
	if r.Method == http.MethodHead {
		return
	}
	s.Comment("hello")
	s.Retry(retry)
	if resync {
		s.Resync(last)
	}
	if s.Flush() == nil {
		l.follow(r.Context(), s, last, sees)
	}
}

func (l *Log) follow(ctx context.Context, s *sse.Stream, last string, sees func(owner string) bool) {
	ping := time.NewTicker(sse.Heartbeat)
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
				kind, _ := m.Values["type"].(string)
				data, _ := m.Values["data"].(string)
				s.Event(m.ID, kind, []byte(data))
				if s.Flush() != nil {
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
			s.Ping(last) // what was not the client's business is behind it, too
			if s.Flush() != nil {
				return
			}
		case <-l.done:
			return
		case <-ctx.Done():
			return
		}
	}
}
