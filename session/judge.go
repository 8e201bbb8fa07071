package session

import (
	"bytes"
	"fmt"
	"time"

	"github.com/tidwall/gjson"
)

const typAppend = "input_audio_buffer.append"

func isInputBuffer(typ []byte) bool {
	return bytes.HasPrefix(typ, []byte("input_audio_buffer."))
}

// isBuffer reports whether an event is about one of the two audio buffers, and so carries nothing but audio.
func isBuffer(typ []byte) bool {
	return isInputBuffer(typ) || bytes.HasPrefix(typ, []byte("output_audio_buffer."))
}

// judge says why an event may not go on; nil lets it pass.
func (cl *client) judge(h head, payload []byte) *refusal {
	p := &cl.policy
	if bytes.HasPrefix(unescape(h.eventID), []byte(ownPrefix)) { // its errors would be taken for answers to the gateway
		return &refusal{code: "invalid_value", message: "Event IDs that begin with '" + ownPrefix + "' are the gateway's own.", param: "event_id", eventID: h.eventID}
	}
	if h.typ == nil {
		return &refusal{code: "missing_required_parameter", message: "Missing required parameter: 'type'.", param: "type", eventID: h.eventID}
	}
	if !p.allows(h.typ) {
		return &refusal{code: "event_not_allowed", message: fmt.Sprintf("Policy %q does not allow events of type %q.", p.Name, clipTo(string(h.typ), shownBytes)), param: "type", eventID: h.eventID}
	}
	switch {
	case isBuffer(h.typ):
		return nil
	case string(h.typ) == "conversation.item.truncate":
		return judgeTruncate(h, payload)
	}
	return p.judgeContent(h, payload)
}

// judgeTruncate refuses numbers that mean no place in an item. The upstream judges the rest.
func judgeTruncate(h head, payload []byte) *refusal {
	for _, field := range []string{"audio_end_ms", "content_index"} {
		if v := gjson.GetBytes(payload, field); v.Type == gjson.Number && !isCount(v) {
			return &refusal{code: "invalid_value", message: fmt.Sprintf("Invalid '%s': expected an integer of 0 to %d.", field, int64(maxCount)), param: field, eventID: h.eventID}
		}
	}
	return nil
}

func (p *Policy) allows(typ []byte) bool {
	for _, e := range p.Events {
		if e == string(typ) || e == "*" {
			return true
		}
	}
	return false
}

// bucketBurst is how many seconds' worth a client may send at once.
const bucketBurst = 4

// bucket is a token bucket; the zero one has no limit.
type bucket struct {
	rate, left float64
	at         time.Time
}

func newBucket(perSecond int, now time.Time) bucket {
	rate := max(0, float64(perSecond))
	return bucket{rate: rate, left: rate * bucketBurst, at: now}
}

func (b *bucket) take(n int, now time.Time) bool {
	if b.rate == 0 {
		return true
	}
	b.left = min(b.rate*bucketBurst, b.left+now.Sub(b.at).Seconds()*b.rate)
	b.at = now
	if b.left < float64(n) {
		return false
	}
	b.left -= float64(n)
	return true
}
