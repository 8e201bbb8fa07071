// Package realtime is what the gateway knows of OpenAI's Realtime protocol, as functions of
// bytes and values: it finds the fields of an event ([Scanner], [Peek]), judges what a client
// sends ([Judge]), reads what the upstream reports ([ReadResponse], [ErrorOf], [AddResponse]),
// removes what clients must not see ([PlainEvent]) and restates items for the next upstream
// ([ReplayItem]).
//
// Nothing here holds state or waits. An event that cannot be read is never a reason to fail: a
// field that is missing or odd has its zero value.
package realtime
