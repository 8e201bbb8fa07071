package hub

import (
	"context"
	"errors"
	"slices"

	"switchboard/session"
	"switchboard/session/realtime"
)

// Bounds of listening in. Each listener may have listenEvents events waiting, of listenBytes
// together: 8 s of both sides as PCM, or 16 s of one.
const (
	listenEvents     = 1024
	listenBytes      = 1 << 20
	sessionListeners = 8
	nodeListeners    = 64
)

// ErrNotHeard refuses to listen to a session that does not allow it.
var ErrNotHeard = errors.New("session: does not allow to listen in")

// Listener hears both sides of one session: what the caller says, as it goes to the upstream, and
// what the caller hears, with its words. One goroutine reads it. One that stays behind loses audio
// and is told how much; nobody waits for it.
type Listener struct {
	c *Controller
	*follower[heard]
	lost struct{ events, bytes int } // audio of which it was not told yet; guarded by the controller's lock
}

// heard is one event for those who listen.
type heard struct {
	event []byte // a copy that all listeners of the session share
	audio bool   // it may be left out
}

// Listen begins to listen in, on behalf of by. Its first event is a session.created that says in
// which formats the sides speak. ErrNotHeard: the session does not allow it; *session.LimitError:
// too many listen.
func (c *Controller) Listen(by string) (*Listener, error) {
	s := c.lock()
	defer s.unlock()
	if err := s.refuses(); err != nil {
		return nil, err
	}
	if !c.spec.ListenIn.Allowed() {
		return nil, ErrNotHeard
	}
	if len(c.listeners) >= sessionListeners {
		return nil, &session.LimitError{Limit: "session_listeners", Max: sessionListeners}
	}
	if c.node.stats.Listeners.Add(1) > nodeListeners {
		c.node.stats.Listeners.Add(-1)
		return nil, &session.LimitError{Limit: "node_listeners", Max: nodeListeners}
	}
	l := &Listener{c: c, follower: newFollower(listenEvents, listenBytes, func(h heard) int64 { return int64(len(h.event)) })}
	l.put(heard{event: realtime.Marshal(realtime.Object{
		"type": c.up.words.tells[meansReady], "event_id": session.NewID(realtime.OwnPrefix), "session": c.up.session,
	})})
	c.listeners = append(c.listeners, l)
	s.note(Command{Name: "listen", By: by})
	s.announce()
	s.save()
	return l, nil
}

// Next waits for the next event. *session.CloseError: it is over, and why; what was heard before
// comes first.
func (l *Listener) Next(ctx context.Context) ([]byte, error) {
	h, err := l.next(ctx)
	return h.event, err
}

// Close stops listening.
func (l *Listener) Close() {
	s := l.c.lock()
	defer s.unlock()
	s.removeListener(l, context.Canceled)
}

// removeListener takes a listener off, once.
func (c *held) removeListener(l *Listener, why error) {
	l.stop(why)
	i := slices.Index(c.listeners, l)
	if i < 0 {
		return
	}
	c.listeners = slices.Delete(c.listeners, i, i+1)
	c.node.stats.Listeners.Add(-1)
	if c.unable() == nil {
		c.announce()
		c.save()
	}
}

// closeListeners ends all of them, with the code of the session's end or to listen again.
func (c *held) closeListeners() {
	code, text := closeCode(c.reason)
	if code == session.CloseMoved {
		text = "the session moved to another node: listen again"
	}
	for len(c.listeners) > 0 {
		c.removeListener(c.listeners[0], &session.CloseError{Code: code, Reason: text})
	}
}

// announce tells clients how many listen in, where the session wants them to know.
func (c *held) announce() {
	if c.spec.ListenIn == session.ListenAnnounced {
		c.emit(realtime.Object{"type": realtime.TypListeners, "listeners": len(c.listeners)})
	}
}

// listening is what a client that joins is told of those who listen; nil: nothing.
func (c *held) listening(eventID string) []byte {
	if c.spec.ListenIn != session.ListenAnnounced {
		return nil
	}
	return realtime.Marshal(realtime.Object{"type": realtime.TypListeners, "event_id": eventID, "listeners": len(c.listeners)})
}

// overheard gives an event of either side to those who listen. Without any it costs nothing.
func (c *held) overheard(payload []byte, audio bool) {
	if len(c.listeners) == 0 {
		return
	}
	h := heard{slices.Clone(payload), audio}
	for i := len(c.listeners) - 1; i >= 0; i-- {
		if l := c.listeners[i]; !l.offer(h, &c.node.stats) {
			c.removeListener(l, errListenerBehind)
		}
	}
}

// errListenerBehind ends a listener for whom there is no room even without audio.
var errListenerBehind = &session.CloseError{Code: session.CloseSlow, Reason: "this listener stayed too far behind: listen again"}

// offer reports false if the listener cannot go on.
func (l *Listener) offer(h heard, n *counters) bool {
	if !l.fits(h) {
		l.dropAudio()
	}
	switch {
	case l.fits(h):
	case h.audio:
		l.lose(h)
		return true
	default:
		return false
	}
	if l.lost.events > 0 {
		n.ListenDropped.Add(int64(l.lost.events))
		l.put(heard{event: realtime.Marshal(realtime.Object{
			"type": realtime.TypBehind, "event_id": session.NewID(realtime.OwnPrefix), "dropped_events": l.lost.events, "dropped_bytes": l.lost.bytes,
		})})
		l.lost.events, l.lost.bytes = 0, 0
	}
	l.put(h)
	return true
}

// fits reports whether there is room for an event, and a place for a realtime.TypBehind before it. Audio
// has no exception for size.
func (l *Listener) fits(h heard) bool {
	return l.room(h, 1) && (!h.audio || l.size(h) <= l.limit)
}

func (l *Listener) lose(h heard) {
	l.lost.events++
	l.lost.bytes += len(h.event)
}

// dropAudio drops all audio that waits: what is live is worth more than what is late.
func (l *Listener) dropAudio() {
	l.discard(func(h heard) bool {
		if h.audio {
			l.lose(h)
		}
		return h.audio
	})
}
