// Package journal writes changes of sessions to the store behind the event path (write-behind):
// in order, in batches, again after an error, and bounded while the store is unavailable.
package journal
