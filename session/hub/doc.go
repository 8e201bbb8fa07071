// Package hub runs sessions: a [Hub] holds those of this node, a [Controller] owns one session
// and its upstream connection.
//
// Start at [Hub.Create], which opens a session upstream and returns its Controller;
// [Controller.Attach] joins a client and blocks until it leaves; the other methods steer. From
// the upstream, an event goes through relay_down.go; from a client, through client.go; renew.go
// replaces an upstream, claim.go and handover.go move a session to another node.
package hub
