package standin

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Options configure a [Server]. The zero value works.
type Options struct {
	// Keys are the API keys that are accepted; empty means any non-empty key.
	Keys []string
	// Faults apply to every connection until they are changed.
	Faults Faults
	// SessionLife is how long a realtime session lives; default 60 minutes.
	SessionLife time.Duration
	// Speed is how much faster than real time audio is generated; default 4.
	Speed float64
	// KeepClosed is how many ended sessions are remembered for inspection; default 100.
	KeepClosed int
	// Logger gets one line per session and refusal; default none.
	Logger *slog.Logger
	// Record sees every event, "c2s" as received and "s2c" as sent, in order per session.
	// It runs with the session locked: it must be quick, must not keep event, and must
	// not call the Server.
	Record func(dir string, event []byte)
	// PrivateControls ask for an API key under /_simulator/ too.
	PrivateControls bool
	// Shutdowns are days (YYYY-MM-DD) on which models end, by name, beside those that are known.
	Shutdowns map[string]string
	// Jobs are batches, fine-tuning and webhooks.
	Jobs JobOptions
}

// Server is the stand-in. All methods may be called by anybody at any time.
type Server struct {
	opts    Options
	routes  *http.ServeMux
	secrets secretBox
	latency latency
	account *account

	catalogue catalogue

	mu        sync.Mutex // guards what follows
	sessions  map[string]*session
	closed    []SessionState // the last Options.KeepClosed sessions, oldest first
	faults    Faults
	faulted   int // connections that got faults since they were set
	requested int // REST requests since then
	done      bool
	running   sync.WaitGroup // every goroutine of every session
}

// New returns a Server that is ready to serve. Close it.
func New(opts Options) *Server {
	if opts.SessionLife <= 0 {
		opts.SessionLife = time.Hour
	}
	if opts.Speed <= 0 {
		opts.Speed = 4
	}
	if opts.KeepClosed <= 0 {
		opts.KeepClosed = 100
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	srv := &Server{opts: opts, routes: http.NewServeMux(), sessions: map[string]*session{}, faults: opts.Faults, catalogue: newCatalogue(opts.Shutdowns)}
	srv.account = newAccount(opts.Jobs, srv.catalogue)
	for pattern, handler := range map[string]http.HandlerFunc{
		"GET /v1/realtime":                 srv.serveRealtime,
		"POST /v1/realtime/client_secrets": srv.withKey(srv.createSecret),
		"GET /v1/models":                   srv.withKey(srv.listModels),
		"GET /v1/models/{model}":           srv.withKey(srv.showModel),
		"GET /_simulator/sessions":         srv.listSessions,
		"GET /_simulator/sessions/{id}":    srv.showSession,
		"GET /_simulator/latency":          srv.latency.show,
		"DELETE /_simulator/latency":       srv.latency.reset,
		"GET /_simulator/faults":           srv.showFaults,
		"POST /_simulator/faults":          srv.setFaults,
		"DELETE /_simulator/faults":        srv.clearFaults,
		"GET /_simulator/health":           func(http.ResponseWriter, *http.Request) {},
		"/":                                notFound,
	} {
		srv.routes.HandleFunc(pattern, srv.control(pattern, handler))
	}
	for pattern, handler := range srv.account.routes() {
		srv.routes.HandleFunc(pattern, srv.withKey(handler))
	}
	for pattern, handler := range srv.account.controls() {
		srv.routes.HandleFunc(pattern, srv.control(pattern, handler))
	}
	return srv
}

// control is the handler of a route; those under /_simulator/ are locked if that was asked for.
func (srv *Server) control(pattern string, handler http.HandlerFunc) http.HandlerFunc {
	if srv.opts.PrivateControls && strings.Contains(pattern, "/_simulator/") {
		return srv.withKey(handler)
	}
	return handler
}

// ServeHTTP serves the API under /v1/ and the controls under /_simulator/.
func (srv *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Request-Id", newID("req_"))
	srv.routes.ServeHTTP(w, r)
}

// Sessions is the number of live realtime sessions.
func (srv *Server) Sessions() int {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	return len(srv.sessions)
}

// Close drops every socket and waits for every goroutine. Later connections are refused.
func (srv *Server) Close() {
	srv.mu.Lock()
	srv.done = true
	live := make([]*session, 0, len(srv.sessions))
	for _, s := range srv.sessions {
		live = append(live, s)
	}
	srv.mu.Unlock()
	for _, s := range live {
		s.drop("server closed")
	}
	srv.running.Wait()
	srv.account.close()
}

// open registers s and starts its reader. It reports false when the server has closed.
func (srv *Server) open(s *session, refused *refusal) bool {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if srv.done {
		return false
	}
	srv.sessions[s.id] = s
	srv.running.Go(func() {
		defer srv.forget(s)
		s.run(context.Background(), refused)
	})
	return true
}

func (srv *Server) forget(s *session) {
	last := s.state()
	srv.mu.Lock()
	defer srv.mu.Unlock()
	delete(srv.sessions, s.id)
	if len(srv.closed) == srv.opts.KeepClosed {
		srv.closed = append(srv.closed[:0], srv.closed[1:]...)
	}
	srv.closed = append(srv.closed, last)
}
