// Package queue keeps work in Redis until it is done: added once by ID, claimed by one node at a time, tried again with
// back-off, put aside as dead after too many failures, and looked at or replayed by people.
//
// Open a [Queue] with [New], add with [Queue.Add], and give [Queue.Run] the function that does the work. Three things
// hold: an item that Add reported as added is handled at least once; an ID is added once for as long as its record is
// kept; a worker that lost its claim (slow, or its node was cut off) can no longer change the item, because every write
// carries the claim's epoch.
//
// All keys of one queue share a hash tag, so a queue lives in one slot of a Redis Cluster:
//
//	gw:{q:NAME}:due        sorted set: waiting items by the time (ms) from which they may be claimed
//	gw:{q:NAME}:all        sorted set: every item kept, by arrival
//	gw:{q:NAME}:dead       sorted set: dead items, by arrival
//	gw:{q:NAME}:t:TOPIC    sorted set: items of a topic, by arrival
//	gw:{q:NAME}:i:ID       hash: the item
//	gw:{q:NAME}:a:ID       list: its last attempts, JSON
package queue
