// Package redisstore keeps sessions in Redis: it is the [session.Store],
// [session.Directory], [session.Grants], [session.Meter], [session.Fleet] and
// [session.Broadcasts] of a fleet of nodes, its [audit.Log] and its [series.Store].
//
// Call [Connect] with an address, [New] with the client it returns, and close the client
// at the end. A single Redis (7.0 or later), a Sentinel group and a Cluster all do; so
// does the engine of package embedded, for a try-out.
//
// # Keys
//
// Every script names the keys of one hash tag only, so that it runs on a cluster. What
// stands within a tag is a session ID, a hash, or escaped by [net/url.QueryEscape].
//
//	gw:{s:<id>}:record   hash    status, body (JSON of session.Record)
//	gw:{s:<id>}:items    hash    item ID → JSON of session.Item
//	gw:{s:<id>}:order    list    item IDs in conversation order
//	gw:{s:<id>}:log      stream  entry ID = event ID; type, event (as it came)
//	gw:{s:<id>}:deltas   stream  the same for deltas, with draft, until that is whole
//	gw:{s:<id>}:notes    hash    note ID → "<place> <JSON of session.Note>"
//	gw:{s:<id>}:epoch    string  newest epoch seen, by a lease or a write
//	gw:{s:<id>}:lease    string  "<epoch> <node>", expires with the lease; no node: given up
//	gw:{i}:list          zset    "<creation, µs, 16 hex digits>.<id>" of every session, score 0
//	gw:{i}:expiry        zset    the same by the time (unix ms) at which the record is forgotten
//	gw:{i:<key>}:…       zset    the same two for the sessions of one API key
//	gw:{t:<sha256>}      string  JSON of session.Grant, expires with the token
//	gw:{k:<key>}:open    zset    session ID by the end (unix ms) of its Open
//	gw:{k:<key>}:<day>   hash    tokens, seconds of one UTC day (2006-01-02), kept for 50 hours
//	gw:{n}:nodes, :until hash, zset  node URL → JSON of session.Node; URL by the end of its announcement
//	gw:{o}:due           zset    session ID by the time (unix ms) to look whether it is an orphan
//	gw:{bc}:log          stream  entries: body; or of, by, body of a withdrawal; the channel that wakes, too
//	gw:{bc}:withdrawn    hash    broadcast ID → "<entry ID> <who>"
//	gw:{bc}:<id>:…       what nodes reported of a broadcast; with :withdrawn: of its withdrawal
//	  nodes, counts      hash    node → matched; status → sessions
//	  outcomes           hash    session ID → "<status> <unix µs> <reason>"
//	  <status>           zset    session IDs that have it, score 0
//	gw:{bc}:said:<…>     string  that a call was carried out, for a minute
//	gw:{ts:<m|h><minute>}:nodes hash  node and its start → JSON of series.Sample
//	gw:{lives}:…         what nodes say of themselves: vitals, seen, drain
//	gw:{audit}:…         the audit log: app and operator are streams of body and before
//	gw:{c}:secret        string  what nodes know each other by
//
// Every key but the last has a time to live; docs/redis.md says which and how much memory to expect.
package redisstore
