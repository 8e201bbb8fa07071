package standin

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"

	"github.com/coder/websocket"
)

// closeReason is how long the reason in a close frame may be.
const closeReason = 123

// Validate says what no connection could do: codes that no close frame may carry, times
// that run backwards.
func (f Faults) Validate() error {
	if err := checkCloseCode("close_code", f.CloseCode); err != nil {
		return err
	}
	if err := checkCloseCode("reject_close", f.RejectClose); err != nil {
		return err
	}
	for _, s := range []struct {
		name   string
		status int
	}{{"handshake_status", f.HandshakeStatus}, {"rest_status", f.RESTStatus}} {
		if s.status != 0 && (s.status < 400 || s.status > 599) {
			return fmt.Errorf("%s: %d is not an error; use 400 to 599", s.name, s.status)
		}
	}
	if n := len(f.CloseReason); n > closeReason {
		return fmt.Errorf("close_reason: %d bytes are more than the %d of a close frame", n, closeReason)
	}
	if n := len((&refusal{err: invalid(f.Reject, "", "")}).reason()); n > closeReason {
		return fmt.Errorf("reject: the close reason that it makes has %d bytes, more than the %d of a close frame", n, closeReason)
	}
	return checkCounts(math.MaxInt32, map[string]int{
		"connections": f.Connections, "accept_delay_ms": f.AcceptDelayMS, "after_events": f.AfterEvents, "after_ms": f.AfterMS,
		"big_event": f.BigEvent, "rest_every": f.RESTEvery, "duplicate_every": f.DuplicateEvery, "delay_ms": f.DelayMS, "session_life_ms": f.SessionLifeMS,
	})
}

// Validate says what is no percentage and no time.
func (f DeliveryFaults) Validate() error {
	if err := checkCounts(100, map[string]int{"duplicate_percent": f.DuplicatePercent, "forge_percent": f.ForgePercent}); err != nil {
		return err
	}
	return checkCounts(math.MaxInt32, map[string]int{"delay_ms": f.DelayMS})
}

func checkCounts(most int, counts map[string]int) error {
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		if n := counts[name]; n < 0 || n > most {
			return fmt.Errorf("%s: %d is not between 0 and %d", name, n, most)
		}
	}
	return nil
}

// checkCloseCode refuses the codes that never travel: 1006 is what a peer makes of vanish and reset.
func checkCloseCode(name string, code int) error {
	reserved := []websocket.StatusCode{1004, websocket.StatusNoStatusRcvd, websocket.StatusAbnormalClosure, websocket.StatusTLSHandshake}
	if code != 0 && (code < 1000 || code > 4999 || slices.Contains(reserved, websocket.StatusCode(code))) {
		return fmt.Errorf("%s: %d cannot be sent in a close frame (1000 to 4999 but for 1004, 1005, 1006, 1015); try vanish or reset", name, code)
	}
	return nil
}

// readFaults decodes and checks the faults of a control route; it has answered when it returns false.
func readFaults(w http.ResponseWriter, r *http.Request, into interface{ Validate() error }) bool {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16))
	dec.DisallowUnknownFields()
	err := dec.Decode(into)
	if err == nil {
		err = into.Validate()
	}
	if err != nil {
		writeError(w, http.StatusBadRequest, invalid("invalid_value", "", "Cannot use the faults: %v", err))
	}
	return err == nil
}
