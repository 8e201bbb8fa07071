// Package endpoint opens sessions and sockets at a gateway, at the Realtime API or at the stand-in, and stamps what it
// sends, so that whoever receives it knows how long it was on its way. Scenarios say how many sessions do what.
package endpoint
