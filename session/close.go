package session

import "errors"

// Close codes that a session gives its clients. 1012 and 1013 mean: come back; codes from
// 4000 mean: the session is over or not for you. Package wire adds those of its protocol.
const (
	CloseNormal   = 1000 // the session was ended on request
	CloseExpired  = 1001 // the upstream's maximum duration, as the upstream itself says it
	CloseNotUTF8  = 1007
	CloseUpstream = 1011 // the upstream failed
	CloseMoved    = 1012 // this node hands the session over: attach again
	CloseSlow     = 1013 // too much was waiting for this client: attach again
	CloseRevoked  = 4001 // the client's token was revoked, or its API key is gone
	CloseLimit    = 4008 // a limit of the session was reached; the reason names it
)

// closeCode is the one table from why a session ended to what its clients are told.
func closeCode(reason error) (code int, text string) {
	var asked *requested
	var limit *LimitError
	var closed *CloseError
	var refused *UpstreamError
	switch {
	case errors.As(reason, &asked):
		return CloseNormal, clip(asked.told())
	case errors.As(reason, &limit):
		return CloseLimit, clip(limit.Error())
	case errors.Is(reason, ErrLeaseLost), errors.Is(reason, ErrDraining), errors.Is(reason, ErrMoved):
		return CloseMoved, "attach again"
	case errors.As(reason, &refused):
		if refused.Code == "session_expired" {
			return CloseExpired, refused.Code
		}
		return CloseUpstream, clip(refused.Error())
	case errors.As(reason, &closed):
		if closed.Code >= 3000 || closed.Code == CloseExpired || closed.Code == CloseNormal {
			return closed.Code, clip(closed.Reason)
		}
		return CloseUpstream, clip(reason.Error())
	}
	return CloseUpstream, "upstream lost"
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
