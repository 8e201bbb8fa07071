package hub

import (
	"cmp"
	"errors"
	"time"

	"switchboard/session"
	"switchboard/session/conversation"
	"switchboard/session/realtime"
	"switchboard/session/trace"
)

// tracing is what a session does at this moment, for its trace. Guarded by the controller's lock; empty if nobody
// wants traces.
type tracing struct {
	speech    time.Time // since when the user speaks; zero: no
	responses map[string]traced
	calls     map[string]traced // function calls without a result, by call ID
	replacing time.Time         // since when another upstream is being made ready
}

// traced is what has begun and not ended.
type traced struct {
	start, heard time.Time
	name         string
}

// tracedAtOnce is of how many responses and calls the beginning is known; others have no span.
const tracedAtOnce = 64

// begin notes what has begun, unless too much has.
func begin(all map[string]traced, id, name string) map[string]traced {
	if all == nil {
		all = map[string]traced{}
	}
	if _, known := all[id]; !known && len(all) < tracedAtOnce {
		all[id] = traced{start: time.Now(), name: name}
	}
	return all
}

// record gives a span that ends now, or when it says, to the trace.
func (c *Controller) record(s trace.Span) {
	s.Session = c.id
	if s.End.IsZero() {
		s.End = time.Now()
	}
	c.node.Trace.Record(s)
}

// traceID names the session's trace; "" if it has none.
func (c *Controller) traceID() string {
	if !c.traced {
		return ""
	}
	return trace.Hex(c.id)
}

// traceSpeech follows when the user speaks.
func (c *held) traceSpeech(speaks bool) {
	if !c.traced {
		return
	}
	if began := c.tracing.speech; !began.IsZero() {
		c.own().record(trace.Span{Kind: trace.Speech, Start: began})
	}
	c.tracing.speech = time.Time{}
	if speaks {
		c.tracing.speech = time.Now()
	}
}

func (c *held) traceCreated(r realtime.Response) {
	if c.traced {
		c.tracing.responses = begin(c.tracing.responses, r.ID, "")
	}
}

// traceHeard notes that the active response is heard now.
func (c *held) traceHeard() {
	if t, ok := c.tracing.responses[c.turn.active]; ok && t.heard.IsZero() {
		t.heard = time.Now()
		c.tracing.responses[c.turn.active] = t
	}
}

// traceDone records a response that has ended.
func (c *held) traceDone(r realtime.Response) {
	t, ok := c.tracing.responses[r.ID]
	if !ok {
		return
	}
	delete(c.tracing.responses, r.ID)
	s := trace.Span{Kind: trace.Response, ID: r.ID, Model: c.model(), Start: t.start, FirstAudio: t.heard, Outcome: r.Status}
	if r.Failure != nil {
		s.Err = cmp.Or(r.Failure.Code, r.Failure.Type, "failed")
	}
	count := func(path string) int64 { return realtime.CountOf(r.Usage.Get(path)) }
	s.Tokens = trace.Tokens{
		Input: count("input_tokens"), Output: count("output_tokens"), Cached: count("input_token_details.cached_tokens"),
		InputAudio: count("input_token_details.audio_tokens"), OutputAudio: count("output_token_details.audio_tokens"),
	}
	c.own().record(s)
}

// traceItem follows function calls and their results.
func (c *held) traceItem(it *conversation.Entry) {
	switch {
	case !c.traced:
	case it.Type == "function_call" && it.Complete():
		c.tracing.calls = begin(c.tracing.calls, it.CallID, it.Name)
	case it.Type == "function_call_output":
		if t, ok := c.tracing.calls[it.CallID]; ok {
			delete(c.tracing.calls, it.CallID)
			c.own().record(trace.Span{Kind: trace.Tool, Name: t.name, ID: it.CallID, Start: t.start})
		}
	}
}

// traceReplacing notes that another upstream is being made ready from now on.
func (c *held) traceReplacing() {
	if c.traced {
		c.tracing.replacing = time.Now()
	}
}

// traceReplaced records that it took the place of the one before, or why it did not.
func (c *held) traceReplaced(reason string, err error) {
	if !c.traced {
		return
	}
	s := trace.Span{Kind: trace.Renewal, Name: cmp.Or(reason, reasonExpiring), Start: c.tracing.replacing, Err: traceError(err)}
	if s.Start.IsZero() {
		s.Start = time.Now()
	}
	c.tracing.replacing = time.Time{}
	c.own().record(s)
}

// traceCommand records what was asked of the upstream since.
func (c *Controller) traceCommand(typ string, since time.Time, err error) {
	if c.traced {
		c.record(trace.Span{Kind: trace.Command, Name: typ, Start: since, Err: traceError(err)})
	}
}

// traceEnd records the session, which has ended, and what was still going on in it.
func (c *held) traceEnd() {
	if !c.traced {
		return
	}
	c.traceSpeech(false)
	for id := range c.tracing.responses {
		c.traceDone(realtime.Response{ID: id, Status: "incomplete"})
	}
	u := c.usage
	s := trace.Span{Kind: trace.Session, Model: c.model(), Start: c.created, End: c.ended, Tokens: trace.Tokens{
		Input: u.InputTokens, Output: u.OutputTokens, InputAudio: u.InputAudio, OutputAudio: u.OutputAudio, Cached: u.CachedTokens}}
	if c.reason != nil {
		s.Name = reasonText(c.reason)
	}
	c.own().record(s)
}

// traceError is short: an upstream's code, or the text.
func traceError(err error) string {
	if err == nil {
		return ""
	}
	if refused, ok := errors.AsType[*session.UpstreamError](err); ok && refused.Code != "" {
		return refused.Code
	}
	return err.Error()
}
