// Package upstream opens connections to the Realtime API. [New] returns a
// [session.Dialer]; what the API answers instead of a connection comes back as
// *[session.UpstreamError].
package upstream
