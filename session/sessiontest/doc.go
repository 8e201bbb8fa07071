// Package sessiontest holds what tests of sessions stand on: [Pipe], two connected ends
// of a [session.Conn] without a network; [Memory], all that a fleet of nodes shares
// without a Redis; and the suites that every implementation of it must pass ([TestStore],
// [TestDirectory], [TestGrants], [TestMeter], [TestFleet], [TestBroadcasts]).
//
// All of it works within a testing/synctest bubble.
package sessiontest
