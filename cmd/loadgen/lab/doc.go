// Package lab measures the gateway beside nginx and beside no proxy, each with programs of its own, holds it against a
// budget and writes the page of figures: the command "loadgen bench".
package lab
