// Package standin is a stand-in for the OpenAI API: the same wire, no network, no account.
//
// [New] gives an http.Handler that serves the Realtime WebSocket and client secrets as the
// live API does, with its strictness and its odd edges (a bad key is 101, an error event,
// then close 3000). Tests mount it with httptest; cmd/simulator and the gateway's --demo
// serve it as it is. [Faults] make it misbehave.
//
// What it cannot do: it hears energy, not words. A transcript of input audio says how
// long somebody spoke ("I spoke for 1.4 seconds."), and an answer is made from the text
// of the conversation by a few fixed rules (answer.go). Speech is synthesized from the
// letters of the text and sounds like syllables, not like language.
//
// docs/simulator.md lists the control routes under /_simulator/ and the words that turn a
// response into a load stream.
package standin
