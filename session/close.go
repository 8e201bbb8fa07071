package session

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
