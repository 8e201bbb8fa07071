// Package liveness decides who is alive in a fleet: when a node may relay, when another one is
// dead, and whom to ask. It does no I/O and reads no clock, so a model test drives the code
// that runs (docs/decisions/0020-heartbeats.md has the protocol and why it is safe).
//
// A [Machine] belongs to one process. Its owner tells it what happened ([Machine.Answered],
// [Machine.Probed], [Machine.Promised]) and asks [Machine.Tick] what to do next.
//
// Safety rests on one inequality. A node relays for Fence after it began its newest successful
// heartbeat, and a heartbeat has to be unchanged for Gone, which is longer, before anybody may
// declare its incarnation dead. All else that lets a node relay longer (a promise by every other
// member, or that there is no other member) also keeps the others from declaring it.
package liveness
