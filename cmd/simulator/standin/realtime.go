package standin

import (
	"bufio"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// refusal is an error that ends a session before it began: 101, the error event, a close.
type refusal struct {
	err  *apiError
	code int // 3000 for authentication, 4000 for the rest
}

// reason is the close reason the live API builds from an error.
func (r *refusal) reason() string {
	if r.err == nil {
		return ""
	}
	if r.err.code == "" {
		return r.err.kind
	}
	return r.err.kind + "." + r.err.code
}

func (srv *Server) serveRealtime(w http.ResponseWriter, r *http.Request) {
	faults := srv.takeFaults()
	if !faults.beforeHandshake(w, r) {
		return
	}
	tap := &hijackTap{ResponseWriter: w}
	ws, err := websocket.Accept(tap, r, &websocket.AcceptOptions{
		Subprotocols: []string{"realtime"}, InsecureSkipVerify: true, CompressionMode: websocket.CompressionContextTakeover,
	})
	if err != nil {
		srv.opts.Logger.Debug("handshake refused", "err", err)
		return
	}
	ws.SetReadLimit(readLimit)
	s := &session{
		srv: srv, ws: ws, conn: tap.conn, openedAt: time.Now(), lost: make(chan struct{}), faults: faults, responses: map[string]*response{},
		deflate: strings.Contains(w.Header().Get("Sec-WebSocket-Extensions"), "permessage-deflate"),
	}
	refused := srv.admit(s, r)
	s.id = s.config.ID
	s.alarm = time.AfterFunc(time.Hour, s.wake) // start sets it to what is due
	if !srv.open(s, refused) {
		s.alarm.Stop()
		_ = ws.CloseNow()
	}
}

func (s *session) refuse(r *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.err != nil {
		s.fail(r.err, "")
	}
	s.end(ending{code: r.code, reason: r.reason()})
}

// admit checks the request and gives s its configuration.
func (srv *Server) admit(s *session, r *http.Request) *refusal {
	s.config.ID = newID("sess_")
	if r.Header.Get("OpenAI-Beta") != "" || offers(r, betaSubprotocol) {
		return &refusal{invalid("beta_api_shape_disabled", "", "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API."), 4000}
	}
	if refused := srv.configure(s, r); refused != nil {
		return refused
	}
	s.conv.id = newID("conv_")
	s.input.configure(&s.config)
	if e := s.faults.rejection(); e != nil {
		return e
	}
	return nil
}

func (srv *Server) configure(s *session, r *http.Request) *refusal {
	key := presentedKey(r)
	s.key = shortKey(key)
	bound, ok := srv.secrets.find(key)
	if !ok {
		if e := srv.authorize(key); e != nil {
			return &refusal{e, 3000}
		}
	}
	query := r.URL.Query()
	kind := query.Get("intent")
	switch {
	case query.Has("call_id"):
		return &refusal{invalid("call_id_not_found", "call_id", "No session found for call_id '%s'.", query.Get("call_id")), 4000}
	case ok && kind != "" && kind != bound.Type:
		return &refusal{invalid("invalid_value", "intent", "The client secret is for a session of type '%s', not '%s'.", bound.Type, kind), 4000}
	case ok:
		kind = bound.Type
	case !query.Has("intent"):
		kind = kindRealtime
	case kind != kindRealtime && kind != kindTranscription:
		return &refusal{invalid("invalid_intent", "", "Invalid intent %s", kind), 4000}
	}
	model := query.Get("model")
	if ok {
		id := s.config.ID
		s.config, s.config.ID = bound, id
		model = bound.Model
	} else {
		id := s.config.ID
		s.config = defaultConfig(kind, model)
		s.config.ID = id
	}
	return srv.checkModel(kind, model)
}

func (srv *Server) checkModel(kind, model string) *refusal {
	switch {
	case kind == kindTranscription:
		return nil
	case model == "":
		return &refusal{invalid("missing_model", "model", "You must provide a model parameter."), 4000}
	case !srv.catalogue.has(realtimeModels, model):
		return &refusal{invalid("invalid_model", "model", "Model '%s' does not exist or you do not have access to it.", model), 4000}
	}
	return nil
}

func shortKey(key string) string {
	if len(key) <= 6 {
		return "***"
	}
	return key[:4] + "…"
}

// hijackTap keeps the connection that coder/websocket takes over, for resets and for
// writing many frames at once.
type hijackTap struct {
	http.ResponseWriter
	conn net.Conn
}

// Hijack implements [http.Hijacker].
func (t *hijackTap) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, brw, err := http.NewResponseController(t.ResponseWriter).Hijack()
	t.conn = conn
	return conn, brw, err
}

// resetConn makes the peer see a TCP reset.
func resetConn(conn net.Conn) {
	inner := conn
	if t, ok := conn.(interface{ NetConn() net.Conn }); ok {
		inner = t.NetConn()
	}
	if tcp, ok := inner.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = inner.Close()
}
