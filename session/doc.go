// Package session holds realtime voice sessions: what a session is, who may send what,
// and the controller that runs one on the node that owns it.
//
// Start at [Hub.Create], which opens a session upstream and returns its [Controller];
// [Controller.Attach] joins a client and blocks until it leaves; the other methods steer.
//
// The package imports the standard library and a JSON peek only. What it needs from
// outside it declares: [Conn], [Dialer], [Store], [Directory].
package session
