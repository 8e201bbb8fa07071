// Package gateway is the HTTP in front of the sessions: REST, the clients' WebSocket,
// OpenAI's own realtime routes, server-sent events, health, metrics and the API's pages.
//
// Start at [New], which returns the [http.Handler] of a node; [Gateway.Drain] and
// [Gateway.Wait] end it. Routes are the table in routes.go; errors become statuses in
// problem.go and nowhere else.
package gateway
