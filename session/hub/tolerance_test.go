package hub_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/session"
	"switchboard/session/hub"
	"switchboard/session/sessiontest"
)

const (
	responseCreated = `{"type":"response.created","event_id":"e","response":{"id":"r","conversation_id":"c"}}`
	answerAdded     = `{"type":"conversation.item.added","event_id":"e","item":{"id":"x","type":"message","role":"assistant","status":"in_progress","content":[]}}`
	responseDone    = `{"type":"response.done","event_id":"d","response":{"id":"r","conversation_id":"c","status":"completed","usage":{"total_tokens":12}}}`
)

func transcript(delta string) string {
	return `{"type":"response.output_audio_transcript.delta","event_id":"e","response_id":"r","item_id":"x","delta":"` + delta + `"}`
}

// audio is so many bytes of an answer's audio.
func audio(bytes int) string {
	return `{"type":"response.output_audio.delta","event_id":"e","response_id":"r","item_id":"x","delta":"` + strings.Repeat("A", bytes/3*4) + `"}`
}

func answerDone(text string) string {
	return `{"type":"conversation.item.done","event_id":"e","item":{"id":"x","type":"message","role":"assistant","status":"completed","content":[{"type":"output_audio","transcript":"` + text + `"}]}}`
}

func truncated(ms string) string {
	return `{"type":"conversation.item.truncated","event_id":"e","item_id":"x","content_index":0,"audio_end_ms":` + ms + `}`
}

// Whatever the type of a field, the end of a response ends it, what can be read of its usage
// counts, and what was wanted meanwhile is asked for.
func TestOddEndOfAResponse(t *testing.T) {
	for name, c := range map[string]struct {
		response string
		tokens   int64
	}{
		"number with a fraction": {`{"id":"r","conversation_id":"c","status":"completed","usage":{"total_tokens":12.0,"input_tokens":[]}}`, 12},
		"absurd number":          {`{"id":"r","conversation_id":"c","status":"completed","usage":{"total_tokens":1e300}}`, 0},
		"negative number":        {`{"id":"r","conversation_id":"c","status":"completed","usage":{"total_tokens":-5}}`, 0},
		"usage is a list":        {`{"id":"r","conversation_id":"c","status":"completed","usage":[1]}`, 0},
		"details are words":      {`{"id":"r","conversation_id":"c","status":"failed","status_details":"broken","usage":{"total_tokens":3}}`, 3},
		"code is a number":       {`{"id":"r","conversation_id":"c","status":"failed","status_details":{"error":{"code":400,"type":7}},"usage":{"total_tokens":3}}`, 3},
		"error is a list":        {`{"id":"r","conversation_id":"c","status":"failed","status_details":{"error":[]},"usage":{"total_tokens":3}}`, 3},
		"status is null":         {`{"id":"r","conversation_id":"c","status":null,"usage":{"total_tokens":3}}`, 3},
		"no conversation":        {`{"id":"r","usage":{"total_tokens":3}}`, 3},
		"id is a number":         {`{"id":7,"conversation_id":"c","usage":{"total_tokens":3}}`, 3},
		"nothing":                {`{}`, 0},
		"null":                   {`null`, 0},
		"words":                  {`"done"`, 0},
		"a list":                 {`[{"id":"r"}]`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			talking(t, time.Hour, func(t *testing.T, fx *fixture, c2 *hub.Controller, up, cl *sessiontest.Conn) {
				send(t, up, responseCreated)
				want(t, cl, "response.created")
				sent := make(chan error, 1)
				go func() { _, err := c2.Message(t.Context(), hub.Message{Text: "hi", Respond: true}); sent <- err }()
				asked := want(t, up, "conversation.item.create")
				send(t, up, `{"type":"conversation.item.added","event_id":"e","item":{"id":"`+field(t, asked, "item.id")+`","type":"message","role":"user"}}`)
				if err := <-sent; err != nil {
					t.Fatal(err)
				}
				send(t, up, `{"type":"response.done","event_id":"d","response":`+c.response+`}`)
				want(t, up, "response.create")
				if r := c2.Record(); r.Responding || r.Usage.TotalTokens != c.tokens || r.Usage.Responses != 1 {
					t.Errorf("record %+v, want %d tokens", r, c.tokens)
				}
			})
		})
	}
}

// A response whose ID cannot be read begins and ends like any other.
func TestResponseWithoutReadableID(t *testing.T) {
	talking(t, time.Hour, func(t *testing.T, fx *fixture, c *hub.Controller, up, cl *sessiontest.Conn) {
		send(t, up, `{"type":"response.created","event_id":"e","response":{"id":7,"conversation_id":"c"}}`)
		want(t, cl, "response.created")
		if !c.Record().Responding {
			t.Error("no response")
		}
		send(t, up, responseDone)
		want(t, cl, "response.done")
		if c.Record().Responding {
			t.Error("it does not end")
		}
	})
}

// A refusal is what the caller hears, whatever the types of its fields.
func TestOddRefusals(t *testing.T) {
	patch := func(c *hub.Controller) error {
		_, err := c.Update(context.Background(), json.RawMessage(`{"instructions":"x"}`))
		return err
	}
	cancel := func(c *hub.Controller) error { return c.Cancel(context.Background()) }
	commit := func(c *hub.Controller) error { _, err := c.CommitAudio(context.Background()); return err }
	for name, c := range map[string]struct {
		do    func(*hub.Controller) error
		error string // %s is the event_id
		says  string
	}{
		"code is a number":      {patch, `{"type":"invalid_request_error","code":400,"message":"no such voice","param":null,"event_id":"%s"}`, "no such voice"},
		"param is a list":       {patch, `{"type":"invalid_request_error","code":"bad","message":"no such voice","param":["a"],"event_id":"%s"}`, "no such voice"},
		"message is an object":  {patch, `{"type":"invalid_request_error","code":"bad_voice","message":{},"param":null,"event_id":"%s"}`, "bad_voice"},
		"event_id is a number":  {patch, `{"type":"invalid_request_error","code":"bad","message":"no such voice","param":null,"event_id":7}`, "no such voice"},
		"event_id is an object": {cancel, `{"type":[],"code":null,"message":"nothing to cancel","event_id":{}}`, "nothing to cancel"},
		"no event_id, cancel":   {cancel, `{"type":"invalid_request_error","code":"response_cancel_not_active","message":"nothing to cancel"}`, "nothing to cancel"},
		"no event_id, commit":   {commit, `{"type":"invalid_request_error","code":"input_audio_buffer_commit_empty","message":"nothing there","event_id":null}`, "nothing there"},
	} {
		t.Run(name, func(t *testing.T) {
			talking(t, time.Hour, func(t *testing.T, fx *fixture, ctl *hub.Controller, up, cl *sessiontest.Conn) {
				done := make(chan error, 1)
				go func() { done <- c.do(ctl) }()
				id := field(t, want(t, up), "event_id")
				send(t, up, `{"type":"error","event_id":"e","error":`+strings.Replace(c.error, "%s", id, 1)+`}`)
				err := <-done
				var refused *session.UpstreamError
				if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.says) {
					t.Errorf("told %v", err)
				}
				send(t, up, `{"type":"marker","event_id":"m"}`)
				want(t, cl, "marker") // it was for no client
			})
		})
	}
	talking(t, time.Hour, func(t *testing.T, fx *fixture, ctl *hub.Controller, up, cl *sessiontest.Conn) {
		for _, e := range []string{`"boom"`, `null`, `7`, `[]`, `{}`} {
			send(t, up, `{"type":"error","event_id":"e","error":`+e+`}`)
			want(t, cl, `"error":`+e)
		}
	})
}

// Events with fields of other types change what they can and end nothing.
func TestOddEvents(t *testing.T) {
	talking(t, time.Hour, func(t *testing.T, fx *fixture, c *hub.Controller, up, cl *sessiontest.Conn) {
		for _, e := range []string{
			`{"type":"session.updated","event_id":"e","session":[]}`,
			`{"type":"session.updated","event_id":"e","session":{"type":3,"expires_at":1e15,"audio":"none","instructions":{}}}`,
			`{"type":"session.updated","event_id":"e","session":{"type":"realtime","expires_at":-4,"audio":{"output":{"format":9}}}}`,
			`{"type":"session.updated","event_id":"e","session":{"x":"\q","y":"` + "\x01" + `"}}`,
			`{"type":"conversation.item.added","event_id":"e","item":"x"}`,
			`{"type":"conversation.item.added","event_id":"e","item":{"id":9}}`,
			`{"type":"conversation.item.added","event_id":"e","previous_item_id":4,"item":{"id":"i","type":4,"content":{"text":"a"},"role":[],"status":{}}}`,
			`{"type":"conversation.item.done","event_id":"e","item":{"id":"i","type":"message","role":"user","content":["a",{"text":4},{"text":"words"},null],"x":"\q"}}`,
			`{"type":"conversation.item.truncated","event_id":"e","item_id":"i","audio_end_ms":"500"}`,
			`{"type":"conversation.item.input_audio_transcription.completed","event_id":"e","item_id":"i","transcript":7}`,
			`{"type":"response.output_item.done","event_id":"e","response_id":4,"item":4}`,
			`{"type":"rate_limits.updated","event_id":"e","rate_limits":4}`,
		} {
			send(t, up, e)
			want(t, cl, e)
		}
		if it := c.Items(); len(it) != 1 || it[0].ID != "i" {
			t.Errorf("items %+v", it)
		}
		other, _ := fx.attach(c, session.Voice())
		send(t, up, `{"type":"marker","event_id":"m"}`)
		want(t, other, "marker")
		if _, err := json.Marshal(c.Record()); err != nil {
			t.Error(err)
		}
	})
}

// What comes twice counts once and is told once.
func TestWhatComesTwice(t *testing.T) {
	notices := make(chan hub.Notice, 16)
	fx := start(t, func(o *hub.Options) {
		o.Notify = func(_ context.Context, n hub.Notice) { notices <- n }
	})
	c, up := fx.open(session.Spec{})
	call := `{"type":"conversation.item.done","event_id":"e","item":{"id":"f","type":"function_call","status":"completed","call_id":"c1","name":"n","arguments":"{}"}}`
	tell(t, fx, c, up, responseCreated, responseCreated, call, call, answerAdded, audio(48000), answerDone("one two three four"),
		responseDone, responseDone, responseCreated, truncated("500"), truncated("500"), answerDone("one two three four"))
	if r := c.Record(); r.Usage.Responses != 1 || r.Usage.TotalTokens != 12 || r.Responding {
		t.Errorf("record %+v", r)
	}
	if it := c.Items()[1]; it.Text != "one two" || it.Spoken != "one two three four" {
		t.Errorf("item %+v", it)
	}
	if err := c.End(t.Context(), hub.Ending{}); err != nil {
		t.Fatal(err)
	}
	for _, typ := range []string{hub.NoticeStarted, hub.NoticeToolCall, hub.NoticeEnded} {
		if n := <-notices; n.Type != typ {
			t.Errorf("told of %s, want %s", n.Type, typ)
		}
	}
}

// The length of an answer follows the format of its audio, whatever comes first of it.
func TestAnswersInOtherFormats(t *testing.T) {
	format := func(f string) string {
		return `{"type":"session.updated","event_id":"e","session":{"type":"realtime","audio":{"output":{"format":` + f + `}}}}`
	}
	created := func(f string) string {
		return `{"type":"response.created","event_id":"e","response":{"id":"r","conversation_id":"c","audio":{"output":{"format":` + f + `}}}}`
	}
	pcmu, pcm := `{"type":"audio/pcmu"}`, `{"type":"audio/pcm","rate":24000}`
	for name, events := range map[string][]string{
		"words first":              {format(pcmu), responseCreated, transcript("one two "), audio(7998), transcript("three four"), audio(7998)},
		"audio first":              {format(pcmu), responseCreated, audio(7998), transcript("one two "), audio(7998), transcript("three four")},
		"format of the response":   {format(pcm), created(pcmu), transcript("one two three four"), audio(15999)},
		"format changes meanwhile": {format(pcmu), responseCreated, transcript("one two "), format(pcm), audio(15999), transcript("three four")},
		"the response has PCM":     {format(pcmu), created(pcm), transcript("one two three four"), audio(96000)},
	} {
		t.Run(name, func(t *testing.T) {
			fx := start(t)
			c, up := fx.open(session.Spec{})
			tell(t, fx, c, up, append(append([]string{answerAdded}, events...), responseDone, truncated("1000"))...)
			if it := c.Items()[0]; it.AudioMS < 1999 || it.AudioMS > 2000 || it.Text != "one two" || *it.HeardMS != 1000 {
				t.Errorf("%d ms, heard %q", it.AudioMS, it.Text)
			}
		})
	}
}

// A cut that is made again, also on the node that runs the session next, changes nothing.
func TestTruncatedAgain(t *testing.T) {
	fx := start(t)
	c, up := fx.open(session.Spec{})
	tell(t, fx, c, up, responseCreated, answerAdded, audio(48000), transcript("one two three four"), answerDone("one two three four"), responseDone,
		`{"type":"response.created","event_id":"e","response":{"id":"r2","conversation_id":"c"}}`,
		`{"type":"response.done","event_id":"e","response":{"id":"r2","conversation_id":"c"}}`,
		truncated("500"), truncated("500"), truncated("500"), truncated("900"))
	if it := c.Items()[0]; it.Text != "one two" || *it.HeardMS != 500 || it.AudioMS != 1000 {
		t.Errorf("item %+v", it)
	}
	tell(t, fx, c, up, truncated("250"), truncated("-7"))
	if it := c.Items()[0]; it.Text != "" || *it.HeardMS != 0 {
		t.Errorf("item %+v", it)
	}
}

// An event of a client whose upstream was replaced ends nobody's session, whatever its numbers.
func TestAbsurdTruncationAfterARenewal(t *testing.T) {
	for _, ms := range []string{"-5", "-9223372036854775808", "1e300", "9223372036854775807", "99999999999999999999999"} {
		synctest.Test(t, func(t *testing.T) {
			fx := start(t)
			defer fx.stop()
			_, _, cl := interrupted(t, fx, "500")
			send(t, cl, `{"type":"conversation.item.truncate","event_id":"mine","item_id":"i2","content_index":0,"audio_end_ms":`+ms+`}`)
			want(t, cl, "invalid_value", `"param":"audio_end_ms"`, `"event_id":"mine"`)
			send(t, cl, `{"type":"conversation.item.truncate","item_id":"i2","content_index":-1,"audio_end_ms":5}`)
			want(t, cl, "invalid_value", `"param":"content_index"`)
		})
	}
}

// The audio of what could not be transcribed is what the next upstream is told.
func TestLostAfterAFailedTranscription(t *testing.T) {
	talking(t, time.Hour, func(t *testing.T, fx *fixture, c *hub.Controller, up, cl *sessiontest.Conn) {
		transcribing(t, up, cl, time.Hour)
		send(t, cl, `{"type":"input_audio_buffer.append","audio":"AAA="}`)
		want(t, up, "AAA=")
		spoke(t, up, cl)
		send(t, up, `{"type":"conversation.item.input_audio_transcription.failed","event_id":"e","item_id":"u","error":{}}`)
		want(t, cl, "failed")
		time.Sleep(10 * time.Minute)
		up.Drop()
		up, _ = fx.next("sess_2", time.Hour, 0)
		want(t, up, "conversation.item.create", `"id":"u"`, `{"audio":"AAA=","type":"input_audio"}`)
	})
}

// A call whose result was deleted can be given another, which is answered in its turn.
func TestResultIsGivenAgain(t *testing.T) {
	talking(t, time.Hour, func(t *testing.T, fx *fixture, c *hub.Controller, up, cl *sessiontest.Conn) {
		send(t, up, `{"type":"conversation.item.done","event_id":"e","item":{"id":"f","type":"function_call","status":"completed","call_id":"c1","name":"n","arguments":"{}"}}`)
		want(t, cl, "function_call")
		give := func(output string) string {
			done := make(chan error, 1)
			go func() { _, err := c.FunctionResult(t.Context(), "c1", output); done <- err }()
			id := field(t, want(t, up, "function_call_output", output), "item.id")
			send(t, up, `{"type":"conversation.item.added","event_id":"e","item":{"id":"`+id+`","type":"function_call_output","call_id":"c1","output":"`+output+`"}}`)
			want(t, up, "response.create")
			send(t, up, strings.Replace(responseCreated, `"r"`, `"r_`+output+`"`, 1))
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			return id
		}
		id := give("one")
		if _, err := c.FunctionResult(t.Context(), "c1", "two"); !errors.Is(err, session.ErrExists) {
			t.Errorf("given twice: %v", err)
		}
		send(t, up, `{"type":"response.done","event_id":"e","response":{"id":"r_one","conversation_id":"c"}}`)
		send(t, up, `{"type":"conversation.item.deleted","event_id":"e","item_id":"`+id+`"}`)
		for range 4 {
			want(t, cl)
		}
		give("two")
	})
}
