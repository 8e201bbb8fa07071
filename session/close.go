package session

import (
	"errors"
	"strconv"
)

// Close codes that a session gives its clients. 1012 and 1013 mean: come back; codes from
// 4000 mean: the session is over or not for you. Package wire adds those of its protocol.
const (
	CloseNormal   = 1000 // the session was ended on request
	CloseExpired  = 1001 // the upstream's maximum duration, as the upstream itself says it
	CloseAbnormal = 1006 // nobody's: the peer left without a close frame
	CloseNotUTF8  = 1007
	CloseUpstream = 1011 // the upstream failed
	CloseMoved    = 1012 // this node hands the session over: attach again
	CloseSlow     = 1013 // too much was waiting for this client: attach again
	CloseRevoked  = 4001 // the client's token was revoked, or its API key is gone
	CloseLimit    = 4008 // a limit of the session was reached; the reason names it
)

// closeCode is the one table from why a session ended to what its clients are told. The texts
// are for users: what an error says of addresses and packages is for the log.
func closeCode(reason error) (code int, text string) {
	code, text = closing(reason)
	var refused *UpstreamError
	if errors.As(reason, &refused) && plainWords[refused.Code] != "" {
		text = refused.Plain().Error()
	}
	return code, clip(withoutNames(text))
}

func closing(reason error) (code int, text string) {
	var asked *requested
	var limit *LimitError
	var closed *CloseError
	var refused *UpstreamError
	switch {
	case errors.As(reason, &asked):
		return CloseNormal, asked.told()
	case errors.As(reason, &limit):
		return CloseLimit, limit.Error()
	case errors.Is(reason, ErrLeaseLost), errors.Is(reason, ErrDraining), errors.Is(reason, ErrMoved):
		return CloseMoved, "attach again"
	case errors.Is(reason, errCrashed):
		return CloseUpstream, "an internal error ended the session"
	case errors.As(reason, &refused):
		if refused.Code == "session_expired" {
			return CloseExpired, refused.Code
		}
		return CloseUpstream, refused.Error()
	case errors.As(reason, &closed) && closed.Code != CloseAbnormal:
		if closed.Code >= 3000 || closed.Code == CloseExpired || closed.Code == CloseNormal {
			return closed.Code, closed.Reason
		}
		return CloseUpstream, closed.told()
	}
	return CloseUpstream, "the upstream was lost, and no other could be reached"
}

// told is how the end of an upstream's connection is put to users.
func (e *CloseError) told() string {
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
	var closed *CloseError
	if errors.As(reason, &closed) {
		return closed.told()
	}
	return "ended"
}

// farewell is the error event that clients are sent before the close frame when a session
// fails; nil if it ended as it should, goes on elsewhere, or an error event has said why.
func farewell(reason error) object {
	var asked *requested
	var limit *LimitError
	var closed *CloseError
	code := "upstream_lost"
	switch {
	case errors.As(reason, &asked), errors.As(reason, &limit), movesOn(reason), errors.Is(reason, ErrDraining):
		return nil
	case errors.Is(reason, errCrashed):
		code = "internal_error"
	case errors.As(reason, &closed) && closed.Code != CloseAbnormal:
		if closed.Code == CloseNormal || closed.Code == CloseExpired {
			return nil
		}
		code = "upstream_closed"
	default:
		if _, relayed := reason.(*UpstreamError); relayed {
			return nil
		}
	}
	return object{"type": "error", "error": object{
		"type": "server_error", "code": code, "message": reasonText(reason), "param": nil, "event_id": nil,
	}}
}

// clip keeps a reason within what a close frame holds (RFC 6455 §5.5: 125 bytes with the code).
func clip(s string) string { return clipTo(s, 123) }

// clipTo keeps a text within so many bytes, in whole characters.
func clipTo(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for i := limit; i > 0; i-- {
		if s[i]&0xc0 != 0x80 {
			return s[:i]
		}
	}
	return ""
}
