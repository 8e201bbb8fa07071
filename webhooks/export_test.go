package webhooks

import "time"

// ParseEvent is parseEvent.
var ParseEvent = parseEvent

// SetBodyTime is for tests that have no time.
func (rc *Receiver) SetBodyTime(d time.Duration) { rc.bodyTime = d }
