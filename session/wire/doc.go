// Package wire is [session.Conn] over a WebSocket (RFC 6455), for both legs of a relay:
// [Accept] for the client's, [Dial] for the upstream's.
//
// It is made to pass text messages on at the price of one read and one write system call
// each, and to hold no memory while nothing comes: frames are cut and unmasked where they
// were read, the next leg's header is put in front of them in place, and the read buffer
// is lent from a pool only once the descriptor is readable. [Conn.Each] is how to read;
// [Conn.Read] takes one message at a time and pays one more system call.
//
// Limits: HTTP/1.1 only, no extensions (so no compression), text only. Over anything but
// TCP (TLS on the server's side, a pipe) a buffer is held while waiting, and writes go
// through a copy and [Conn.Flush].
package wire
