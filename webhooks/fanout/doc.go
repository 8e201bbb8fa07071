// Package fanout passes events on to subscribers: signed as Standard Webhooks, tried for hours, each subscriber with a
// queue and workers of its own, so that one that is slow or down delays nobody else.
//
// Subscribers' addresses are checked when a connection is made, after names are resolved; private networks are refused
// unless the operator allows them. Redirects are not followed.
package fanout
