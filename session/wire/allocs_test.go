//go:build !race

package wire_test

import (
	"testing"

	"switchboard/session/wire"
)

// Under the race detector sync.Pool drops blocks at random, so this is for plain runs.
func TestRelayAllocatesNothing(t *testing.T) {
	for how, relay := range map[string]func(from, to *wire.Conn) error{"Each": relay, "Read": relayByRead} {
		r := newRig(t, wire.Options{}, relay)
		up, down := maskAll(text(appendEvent)), text(deltaEvent)
		got := make([]byte, len(down))
		both := func() {
			pass(t, r.browser.nc, r.upstream.nc, up, got[:len(up)])
			pass(t, r.upstream.nc, r.browser.nc, down, got[:len(down)])
		}
		both()
		if n := testing.AllocsPerRun(2000, both); n != 0 {
			t.Errorf("%s: %v allocations for an event each way", how, n)
		}
	}
}
