// Package conversation holds the items of one session in order: what the upstream said of them,
// which function calls wait for an answer, how much of an answer the user heard, and what has
// to go so that everything stays within its limits. Not safe for concurrent use: a controller
// guards it with its lock.
package conversation
