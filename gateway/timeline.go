package gateway

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/tidwall/gjson"

	"switchboard/session"
	"switchboard/session/realtime"
)

// Moment is one thing that happened in a session.
type Moment struct {
	Kind      string    `json:"kind" enum:"speech,response,tool,renewal,resume,handover,client,operator,error,end"`
	At        time.Time `json:"at"`
	OffsetMS  int64     `json:"offset_ms" doc:"Milliseconds since the session began"`
	LengthMS  int64     `json:"length_ms,omitempty" doc:"How long it took; left out: it is a point in time, or still goes on"`
	Open      bool      `json:"open,omitempty" doc:"It still goes on"`
	Text      string    `json:"text" doc:"In a word: status of a response, name of a function, reason of a renewal, command of an operator, …"`
	By        string    `json:"by,omitempty" doc:"Of what an operator did: name of the API key; of an end: who ended it"`
	ID        string    `json:"id,omitempty" doc:"Of the response, item, call or broadcast"`
	LatencyMS int64     `json:"latency_ms,omitempty" doc:"Of a response: from the end of what the user said, or the request, to its first audio or text"`
	Tokens    int64     `json:"tokens,omitempty" doc:"Of a response"`
}

type timelineOutput struct {
	Body struct {
		SessionID session.ID `json:"session_id"`
		CreatedAt time.Time  `json:"created_at"`
		EndedAt   time.Time  `json:"ended_at,omitzero"`
		Moments   []Moment   `json:"moments" nullable:"false" doc:"In order of their beginning, as far back as the log goes: it holds the newest 2,000 events and 2 MiB"`
	}
}

func (g *Gateway) timeline(ctx context.Context, in *idInput) (*timelineOutput, error) {
	f, items, err := g.conversation(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if f.ctl != nil {
		g.flush(ctx)
	}
	t := timeline{began: f.rec.CreatedAt, shown: callerOf(ctx).reason, speech: -1, responses: map[string]int{}}
	out := &timelineOutput{}
	for after := ""; ; {
		page, err := g.replay(ctx, in.ID, after)
		if err != nil {
			return nil, err
		}
		if len(page) == 0 {
			break
		}
		for _, e := range page {
			t.event(e)
		}
		after = page[len(page)-1].ID
	}
	t.items(items)
	out.Body.SessionID, out.Body.CreatedAt, out.Body.EndedAt = f.rec.ID, f.rec.CreatedAt, f.rec.EndedAt
	out.Body.Moments = t.sorted(f.rec.Status == session.StatusEnded)
	return out, nil
}

// timeline is made of the log, and of the items for calls and latencies.
type timeline struct {
	began     time.Time
	shown     func(string) string // what the caller may read of a reason
	moments   []Moment
	speech    int            // the one that goes on; -1: none
	responses map[string]int // by their IDs
}

func (t *timeline) add(m Moment) int {
	m.OffsetMS = max(0, m.At.Sub(t.began).Milliseconds())
	t.moments = append(t.moments, m)
	return len(t.moments) - 1
}

func (t *timeline) close(i int, at time.Time) {
	m := &t.moments[i]
	m.Open, m.LengthMS = false, max(0, at.Sub(m.At).Milliseconds())
}

// event adds what one event of the log says.
func (t *timeline) event(e session.LoggedEvent) {
	ms := timeOf(e.ID)
	at := time.UnixMilli(int64(ms)).UTC()
	get := func(path string) string { return gjson.GetBytes(e.Raw, path).Str }
	switch e.Type {
	case "input_audio_buffer.speech_started":
		t.speech = t.add(Moment{Kind: "speech", At: at, Text: "user", ID: get("item_id"), Open: true})
	case "input_audio_buffer.speech_stopped", "input_audio_buffer.committed":
		if t.speech >= 0 {
			t.close(t.speech, at)
			t.speech = -1
		}
	case "response.created":
		t.responses[get("response.id")] = t.add(Moment{Kind: "response", At: at, Text: "in_progress", ID: get("response.id"), Open: true})
	case "response.done":
		t.done(e, at)
	case "switchboard.session.renewed":
		m := Moment{Kind: "renewal", At: at, Text: get("reason")}
		if m.Text == "moved" {
			m.Kind = "handover"
		}
		t.add(m)
	case realtime.TypClient:
		m := Moment{Kind: "client", At: at, Text: get("action")}
		if m.Text == "resumed" || m.Text == "reset" {
			m.Kind = "resume"
		}
		t.add(m)
	case realtime.TypCommand:
		t.add(Moment{Kind: "operator", At: at, Text: get("command"), By: get("by"), ID: cmp.Or(get("item_id"), get("broadcast_id"))})
	case realtime.TypEnded:
		t.add(Moment{Kind: "end", At: at, Text: t.shown(get("reason")), By: get("ended_by")})
	case "error":
		t.add(Moment{Kind: "error", At: at, Text: cmp.Or(get("error.code"), get("error.type"), "error")})
	}
}

func (t *timeline) done(e session.LoggedEvent, at time.Time) {
	r := gjson.GetBytes(e.Raw, "response")
	i, known := t.responses[r.Get("id").Str]
	if !known { // its beginning is not in the log any more
		i = t.add(Moment{Kind: "response", At: at, ID: r.Get("id").Str})
	}
	t.close(i, at)
	t.moments[i].Text = cmp.Or(r.Get("status").Str, "done")
	t.moments[i].Tokens = realtime.CountOf(r.Get("usage.total_tokens"))
}

// items adds function calls, and the latencies of responses.
func (t *timeline) items(items []session.Item) {
	for _, it := range items {
		if i, ok := t.responses[it.ResponseID]; ok && it.LatencyMS > 0 {
			t.moments[i].LatencyMS = it.LatencyMS
		}
		if it.Type != "function_call" {
			continue
		}
		i := t.add(Moment{Kind: "tool", At: it.CreatedAt, Text: it.Name, ID: it.CallID, Open: true})
		for _, answer := range items {
			if answer.Type == "function_call_output" && answer.CallID == it.CallID {
				t.close(i, answer.CreatedAt)
			}
		}
	}
}

// sorted are all moments in order; nothing goes on in a session that has ended.
func (t *timeline) sorted(ended bool) []Moment {
	moments := slices.Clone(t.moments)
	slices.SortStableFunc(moments, func(a, b Moment) int { return a.At.Compare(b.At) })
	for i := range moments {
		moments[i].Open = moments[i].Open && !ended
	}
	if moments == nil {
		return []Moment{}
	}
	return moments
}
