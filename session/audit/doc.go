// Package audit is the record of who changed what: one [Entry] for each request that changes
// something. A [Recorder] gathers the entries of a node and appends them to the fleet's [Log],
// which package redisstore implements.
package audit
