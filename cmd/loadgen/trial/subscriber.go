package trial

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
)

// subscriber is an application that webhook events are passed on to. It counts them by their ID.
type subscriber struct {
	server     *http.Server
	url        string
	id, secret string        // of the subscription; set before the first delivery
	ended      chan struct{} // closed when server is

	mu sync.Mutex
	// Guarded by mu.
	got   map[string]int
	wrong []string // deliveries that were not signed with the secret
}

func newSubscriber() (*subscriber, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &subscriber{url: "http://" + l.Addr().String(), ended: make(chan struct{}), got: make(map[string]int)}
	s.server = &http.Server{Handler: s}
	go func() { // stop waits for it
		defer close(s.ended)
		if err := s.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.note("", fmt.Sprintf("subscriber ended: %v", err))
		}
	}()
	return s, nil
}

func (s *subscriber) stop() {
	s.server.Close() // its error would say that it is closed
	<-s.ended
}

// ServeHTTP takes a delivery.
func (s *subscriber) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	id, at, given := r.Header.Get("webhook-id"), r.Header.Get("webhook-timestamp"), r.Header.Get("webhook-signature")
	want, signErr := signDelivery(s.secret, id, at, body)
	if err := errors.Join(err, signErr); err != nil || !strings.Contains(given, want) {
		s.note("", fmt.Sprintf("%s: signed %q, %v", id, given, err))
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	s.note(id, "")
}

func (s *subscriber) note(id, wrong string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if wrong != "" {
		s.wrong = append(s.wrong, wrong)
		return
	}
	s.got[id]++
}

// tally tells how many events came, and how many of them more than once.
func (s *subscriber) tally() (events, again int, wrong []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.got {
		if n > 1 {
			again++
		}
	}
	return len(s.got), again, s.wrong
}
