// Package load puts sessions on one target or on several in turn, and measures what they experience and what that costs:
// the command "loadgen" without a word.
package load
