// Package buffer holds events in memory: [History] what clients may resume from, [Outbox] what
// waits for a connection that does not take it now. Both are bounded in bytes.
package buffer
