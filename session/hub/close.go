package hub

import (
	"errors"
	"strconv"

	"switchboard/session"
	"switchboard/session/realtime"
)

// closeCode is the one table from why a session ended to what its clients are told. The texts
// are for users: what an error says of addresses and packages is for the log.
func closeCode(reason error) (code int, text string) {
	code, text = closing(reason)
	var refused *session.UpstreamError
	if code == session.CloseUpstream && errors.As(reason, &refused) {
		text = realtime.PlainError(refused).Error()
	}
	return code, clip(realtime.PlainText("", text))
}

func closing(reason error) (code int, text string) {
	var asked *requested
	var limit *session.LimitError
	var closed *session.CloseError
	var refused *session.UpstreamError
	switch {
	case errors.As(reason, &asked):
		return session.CloseNormal, asked.told()
	case errors.As(reason, &limit):
		return session.CloseLimit, limit.Error()
	case errors.Is(reason, ErrLeaseLost), errors.Is(reason, ErrDraining), errors.Is(reason, ErrMoved):
		return session.CloseMoved, "attach again"
	case errors.Is(reason, errCrashed):
		return session.CloseUpstream, "an internal error ended the session"
	case errors.As(reason, &refused):
		if refused.Code == codeExpired {
			return session.CloseExpired, refused.Code
		}
		return session.CloseUpstream, refused.Error()
	case errors.As(reason, &closed) && closed.Code != session.CloseAbnormal:
		if closed.Code >= 3000 || closed.Code == session.CloseExpired || closed.Code == session.CloseNormal {
			return closed.Code, closed.Reason
		}
		return session.CloseUpstream, closedText(closed)
	}
	return session.CloseUpstream, "the upstream was lost, and no other could be reached"
}

// closedText is how the end of an upstream's connection is put to users.
func closedText(e *session.CloseError) string {
	text := "the upstream ended the session with code " + strconv.Itoa(e.Code)
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	return text
}

// reasonText is why a session ended, for its record.
func reasonText(reason error) string {
	var asked *requested
	switch {
	case errors.As(reason, &asked):
		return asked.Error()
	case errors.Is(reason, ErrDraining):
		return "the node stopped"
	}
	if _, text := closing(reason); text != "" {
		return text
	}
	var closed *session.CloseError
	if errors.As(reason, &closed) {
		return closedText(closed)
	}
	return "ended"
}

// farewell is the error event that clients are sent before the close frame when a session
// fails; nil if it ended as it should, goes on elsewhere, or an error event has said why.
func farewell(reason error) realtime.Object {
	var asked *requested
	var limit *session.LimitError
	var closed *session.CloseError
	code := "upstream_lost"
	switch {
	case errors.As(reason, &asked), errors.As(reason, &limit), movesOn(reason), errors.Is(reason, ErrDraining):
		return nil
	case errors.Is(reason, errCrashed):
		code = "internal_error"
	case errors.As(reason, &closed) && closed.Code != session.CloseAbnormal:
		if closed.Code == session.CloseNormal || closed.Code == session.CloseExpired {
			return nil
		}
		code = "upstream_closed"
	default:
		if _, relayed := reason.(*session.UpstreamError); relayed {
			return nil
		}
	}
	return realtime.Object{"type": "error", "error": realtime.Object{
		"type": "server_error", "code": code, "message": reasonText(reason), "param": nil, "event_id": nil,
	}}
}

// clip keeps a reason within what a close frame holds (RFC 6455 §5.5: 125 bytes with the code).
func clip(s string) string { return realtime.Clip(s, 123) }
