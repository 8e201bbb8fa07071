package standin

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"
	"github.com/tidwall/gjson"
)

// readLimit is more than the largest legal event: 15 MiB of audio are 20 MiB of base64.
const readLimit = 32 << 20

// appendLimit is the most audio one append may carry.
const appendLimit = 15 << 20

var readBuffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// readBufferKept is the largest buffer that goes back to the pool.
const readBufferKept = 64 << 10

// read handles messages until the socket ends. No buffer is held while it waits.
func (s *session) read(ctx context.Context) error {
	for {
		kind, r, err := s.ws.Reader(ctx)
		if err != nil {
			return err
		}
		if err := s.receive(kind, r); err != nil {
			return err
		}
		if !s.faults.beforeRead(s.lost) {
			return net.ErrClosed
		}
	}
}

func (s *session) receive(kind websocket.MessageType, r io.Reader) error {
	buf := readBuffers.Get().(*bytes.Buffer)
	defer func() {
		if buf.Cap() <= readBufferKept {
			readBuffers.Put(buf)
		}
	}()
	buf.Reset()
	if _, err := buf.ReadFrom(r); err != nil {
		return err
	}
	arrived := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ending != nil || s.closed {
		return nil
	}
	s.received.Events++
	s.received.Bytes += int64(buf.Len())
	s.received.LastNS = arrived.UnixNano()
	if s.received.FirstNS == 0 {
		s.received.FirstNS = s.received.LastNS
	}
	if kind == websocket.MessageBinary {
		s.fail(invalid("invalid_event", "", "Expected a text WebSocket message; binary frames are not supported."), "")
		return nil
	}
	if record := s.srv.opts.Record; record != nil {
		record("c2s", buf.Bytes())
	}
	s.handle(buf.Bytes(), arrived)
	return nil
}

// handle acts on one text message. The caller holds mu.
func (s *session) handle(raw []byte, arrived time.Time) {
	if !utf8.Valid(raw) {
		s.end(ending{code: int(websocket.StatusInvalidFramePayloadData), reason: "invalid UTF-8"})
		return
	}
	if !validJSON(raw) {
		s.fail(invalid("invalid_json", "", "We could not parse the JSON body of your event. The event was not a valid JSON object."), "")
		return
	}
	event := gjson.ParseBytes(raw)
	if !event.IsObject() {
		s.fail(invalid("invalid_json", "", "We could not parse the JSON body of your event. Expected a JSON object."), "")
		return
	}
	if event.Get("type").Str == "input_audio_buffer.append" {
		s.handleAppend(event, len(raw), arrived)
		return
	}
	var decoded any // json decodes into an interface without reflection
	if err := json.Unmarshal(raw, &decoded); err != nil {
		s.fail(invalid("invalid_json", "", "We could not parse the JSON body of your event."), "")
		return
	}
	members := decoded.(map[string]any)
	id, _ := members["event_id"].(string)
	if e := s.dispatch(members, raw); e != nil {
		s.fail(e, id)
	}
}

// gjsonDepth is nesting that gjson's recursive check takes without a deep stack.
const gjsonDepth = 10000

// validJSON is json.Valid, made fast for the flat events that nearly all are.
func validJSON(raw []byte) bool {
	if bytes.Count(raw, []byte("["))+bytes.Count(raw, []byte("{")) > gjsonDepth {
		return json.Valid(raw)
	}
	return gjson.ValidBytes(raw)
}

// accepted are the event types that the live API lists when it refuses one. The last two are for translation sessions.
var accepted = []string{
	"session.update", "input_audio_buffer.append", "input_audio_buffer.commit", "input_audio_buffer.clear", "conversation.item.create",
	"conversation.item.truncate", "conversation.item.delete", "conversation.item.retrieve", "response.create", "response.cancel",
	"session.close", "session.input_audio_buffer.append",
}

// clientEvents are the handlers of all events but append, with the rule each must pass.
var clientEvents = map[string]struct {
	check rule
	act   func(s *session, members map[string]any, raw []byte) *apiError
}{
	"session.update":             {event(fields{"session": anything}, "session"), (*session).handleUpdate},
	"input_audio_buffer.commit":  {event(fields{}), (*session).handleCommit},
	"input_audio_buffer.clear":   {event(fields{}), (*session).handleClear},
	"conversation.item.create":   {event(fields{"item": itemRule, "previous_item_id": orNullRule(text)}, "item"), (*session).handleItemCreate},
	"conversation.item.retrieve": {event(fields{"item_id": text}, "item_id"), (*session).handleItemRetrieve},
	"conversation.item.delete":   {event(fields{"item_id": text}, "item_id"), (*session).handleItemDelete},
	"conversation.item.truncate": {
		event(fields{"item_id": text, "content_index": integer(0, maxIndex), "audio_end_ms": integer(0, maxIndex)}, "item_id", "content_index", "audio_end_ms"),
		(*session).handleItemTruncate,
	},
	"response.create": {event(fields{"response": orNullRule(responseRule)}), (*session).handleResponseCreate},
	"response.cancel": {event(fields{"response_id": orNullRule(text)}), (*session).handleResponseCancel},
}

const (
	maxIndex     = 1 << 31
	eventIDLimit = 512
)

func event(f fields, required ...string) rule {
	f["type"], f["event_id"] = text, orNullRule(shortText(eventIDLimit))
	return object(f, required...)
}

func (s *session) dispatch(members map[string]any, raw []byte) *apiError {
	tag, ok := members["type"]
	if !ok {
		return errMissingParameter("type")
	}
	name, ok := tag.(string)
	if !ok {
		return errType("type", "a string", tag)
	}
	handler, ok := clientEvents[name]
	if !ok {
		if name == "session.close" || name == "session.input_audio_buffer.append" {
			return invalid("invalid_value", "type", "Event '%s' is only supported in translation sessions.", name)
		}
		return errUnsupported("type", name, accepted)
	}
	if e := handler.check(members, ""); e != nil {
		return e
	}
	return handler.act(s, members, raw)
}

func (s *session) handleUpdate(members map[string]any, raw []byte) *apiError {
	if e := sessionRule(members["session"], "session"); e != nil {
		return e
	}
	patch := members["session"].(map[string]any)
	if e := s.config.checkUpdate(patch, s.spoken); e != nil {
		return e
	}
	if speed := member(patch, "audio", "output", "speed"); speed != nil && speed != s.config.Audio.Output.Speed && s.active != nil {
		return invalid("invalid_value", "session.audio.output.speed", "Cannot update a conversation's speed while a response is in progress.")
	}
	update := json.RawMessage(gjson.GetBytes(raw, "session").Raw)
	next, err := s.config.updated(update)
	if err != nil {
		return invalid("invalid_value", "session", "Invalid session: %v", err)
	}
	if e := next.checkConfig(); e != nil {
		return e
	}
	if next.Instructions != s.config.Instructions || len(next.Tools) != len(s.config.Tools) {
		s.memory.forget() // the prefix of the context is another now
	}
	s.config, s.lastUpdate, s.received.UpdateNS = next, update, s.received.LastNS
	s.input.configure(&s.config)
	if next.Audio.Input.TurnDetection == nil || next.Audio.Input.TurnDetection.IdleTimeoutMS == nil {
		s.idleAt = time.Time{}
	}
	s.emit("session.updated", sessionEvent{s.config.view()})
	s.announceToolServers(patch)
	return nil
}
