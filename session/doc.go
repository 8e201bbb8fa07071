// Package session is the contract of a realtime voice session: what a session, its items and
// its configuration are, and the ports through which the gateway reaches everything outside.
// Nothing here runs, and nothing here imports a package below it but prices.
//
// The packages that work with it, from the bottom up:
//
//   - realtime knows OpenAI's Realtime protocol: it reads events and judges them.
//   - configuration handles session objects: older forms, secrets, what the next upstream gets.
//   - access is what API keys and client tokens may do and have used.
//   - broadcast is the log of broadcasts and their outcomes.
//   - conversation, buffer and journal hold a session's items, its events in memory and its
//     unwritten changes.
//   - hub is the machine: it runs sessions with all of these. Start at [switchboard/session/hub].
//
// The ports are [Conn] and [Dialer] (package wire and upstream), [Store], [Directory] and
// [Fleet] (package redisstore).
package session
