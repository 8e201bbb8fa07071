package hub

import (
	"encoding/json"
	"errors"
	"time"

	"switchboard/session"
	"switchboard/session/buffer"
	"switchboard/session/configuration"
	"switchboard/session/conversation"
	"switchboard/session/realtime"
)

// uplink is what the model is told, over however many legs: the present leg, what it was sent and
// has not answered, and the user's audio that a next leg would have to be told. It knows nothing of
// the clients. Guarded by the controller's lock.
type uplink struct {
	*leg     // the present one; nil before the session is open
	medium   medium
	speaks   dialect
	words    *vocabulary // the dialect's
	ledger   ledger
	tail     buffer.History // input audio that the upstream has not made an item of
	said     utterance
	recalled recalled

	flaps    int       // legs in a row that were lost soon
	flapping time.Time // since when
	swapping bool      // another leg is being made ready
	renewAt  time.Time // from when the leg is replaced at a quiet moment
	renewBy  time.Time // and by when at any
	wish     wish      // a renewal that somebody asked for
}

// newUplink makes one that keeps so many bytes of each kind, and the audio of an item that nobody
// transcribes for so long.
func newUplink(m medium, d dialect, limit int, window time.Duration) uplink {
	return uplink{
		medium: m, speaks: d, words: d.words(),
		ledger: ledger{limit: limit},
		tail:   buffer.History{Limit: limit},
		said:   utterance{audio: buffer.History{Limit: limit}, keep: window},
	}
}

// moveTo makes l the present leg. What waited for the one before, and the input audio that the
// upstream has not made an item of, is sent to it.
func (u *uplink) moveTo(l *leg) error {
	old := u.leg
	u.leg = l
	u.setRenewal()
	if old == nil {
		return nil
	}
	u.untail(old)
	return l.out.TakeOver(u.retell(&old.out), &old.out)
}

// present reports whether l is in use.
func (u *uplink) present(l *leg) bool { return u.leg == l && !l.gone() }

// setRenewal decides when the leg is to be replaced.
func (u *uplink) setRenewal() { u.renewAt, u.renewBy = u.medium.renewal(u.expires) }

// dueAt reports whether it is time to replace the leg.
func (u *uplink) dueAt(now time.Time) bool {
	return !u.renewAt.IsZero() && !now.Before(u.renewAt)
}

// recoverWait bounds how long a session lives without an upstream, or with none that stays.
const recoverWait = 30 * time.Second

// stableLife is how long a leg must live to be a success: an upstream that accepts and
// then closes, again and again, is treated as one that does not accept.
const stableLife = 5 * time.Second

// lose ends the use of the leg: what is sent now waits for the next one.
func (u *uplink) lose() {
	u.untail(u.leg)
	u.state, u.lostAt = legLost, time.Now()
	u.out.Hold()
}

// fail closes the leg that was lost for a reason, and reports whether another one would do no better.
func (u *uplink) fail(why error) (over bool) {
	l := u.leg
	if errors.Is(why, errExpiring) {
		l.state = legSpent
	}
	l.conn.Close(session.CloseNormal, "")
	if u.flaps == 0 || time.Since(l.opened) > stableLife || l.state == legSpent {
		u.flaps, u.flapping = 0, time.Now()
	}
	if u.flaps++; u.medium.over(why) || time.Since(u.flapping) > recoverWait {
		return true
	}
	u.ledger.end(ErrUpstreamLost)
	return false
}

// resend has the next leg be sent what the lost one may not have done, and reports whether that
// asks for a response. What the gateway itself asked for is left out: its callers were told, and
// ask again if they like.
func (u *uplink) resend() (responds bool) {
	queue := append(u.ledger.take(u.out.Queue), u.out.Queue...)
	u.out.Queue, u.out.Bytes = nil, 0
	for _, q := range queue {
		h, err := realtime.Peek(q.Frame.Payload())
		if !q.Audio && (err != nil || own(h)) {
			continue
		}
		responds = responds || u.words.asked(h.Typ) == asksResponse
		u.out.Push(q)
	}
	return responds
}

// room reports ErrBusy if too much waits for the upstream to send it this, too. The oldest audio
// is let go, control events never: what follows is refused once there is no audio left to drop.
func (u *uplink) room(f session.Frame) error {
	if u.out.Waits() && len(f.Payload()) > u.out.Limit {
		return ErrBusy // it alone is more than may wait
	}
	if u.out.Full() {
		u.out.DropOldest()
		if u.out.Full() {
			return ErrBusy
		}
	}
	return nil
}

// config is the configuration of the next leg.
func (u *uplink) config() json.RawMessage {
	return configuration.NextConfig(u.session, u.secrets)
}

// restate states an item anew, one of the user's by its audio if that is known and its words are
// not; nil if it has nothing to say yet.
func (u *uplink) restate(it *conversation.Entry) realtime.Object {
	if !u.hasAudio(it) {
		return realtime.ReplayItem(&it.Item)
	}
	return realtime.ReplayItem(&it.Item, u.audioOf(it)...)
}

// close gives the memory back.
func (u *uplink) close() {
	u.out.Close()
	u.tail.Clear()
	u.said.audio.Clear()
}
