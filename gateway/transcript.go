package gateway

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"switchboard/gateway/problem"
	"switchboard/session"
)

// Turn is one entry of a transcript.
type Turn struct {
	ItemID      string    `json:"item_id"`
	At          time.Time `json:"at"`
	OffsetMS    int64     `json:"offset_ms" doc:"Milliseconds since the session began"`
	Kind        string    `json:"kind" enum:"message,function_call,function_call_output,other"`
	Role        string    `json:"role,omitempty" enum:"user,assistant,system" doc:"Of a message"`
	Text        string    `json:"text" doc:"What was said; of an interrupted answer what was heard; of a call its arguments, of an output the output"`
	Interrupted bool      `json:"interrupted,omitempty"`
	Spoken      string    `json:"spoken,omitempty" doc:"Of an interrupted answer all that was said"`
	AudioMS     int64     `json:"audio_ms,omitempty" doc:"Milliseconds of audio that were played, as far as is known"`
	LatencyMS   int64     `json:"latency_ms,omitempty" doc:"From the end of what the user said, or the request, to the first audio or text"`
	Name        string    `json:"name,omitempty" doc:"Of a function call"`
	CallID      string    `json:"call_id,omitempty"`
	Private     bool      `json:"private,omitempty" doc:"Clients were not shown it; neither text nor VTT has it"`
}

// Transcript is a conversation to be read.
type Transcript struct {
	SessionID session.ID `json:"session_id"`
	CreatedAt time.Time  `json:"created_at"`
	EndedAt   time.Time  `json:"ended_at,omitzero"`
	Turns     []Turn     `json:"turns" nullable:"false"`
}

// transcript answers with the conversation, in one of three formats.
func (g *Gateway) transcript(c *gin.Context) {
	ctx, id := c.Request.Context(), session.ID(c.Param("id"))
	format := c.DefaultQuery("format", "json")
	if !slices.Contains([]string{"json", "text", "vtt"}, format) {
		g.fail(c, problem.Field("query.format", "must be json, text or vtt"))
		return
	}
	f, items, err := g.conversation(ctx, id)
	if err != nil {
		g.fail(c, err)
		return
	}
	t := transcriptOf(f.rec, items)
	file := func(ending string) {
		c.Header("Content-Disposition", `attachment; filename="session-`+string(id)+`.`+ending+`"`)
	}
	switch format {
	case "text":
		file("txt")
		c.Data(http.StatusOK, "text/plain; charset=utf-8", []byte(t.text()))
	case "vtt":
		file("vtt")
		c.Data(http.StatusOK, "text/vtt; charset=utf-8", []byte(t.vtt()))
	default:
		c.JSON(http.StatusOK, t)
	}
}

// conversation finds a session of the caller's and its items.
func (g *Gateway) conversation(ctx context.Context, id session.ID) (found, []session.Item, error) {
	f, err := g.find(ctx, callerOf(ctx), id)
	if err != nil {
		return f, nil, err
	}
	if f.ctl != nil {
		return f, f.ctl.Items(), nil
	}
	items, err := g.options.Store.Items(ctx, id)
	if err != nil {
		return f, nil, storeError{err}
	}
	return f, items, nil
}

func transcriptOf(r session.Record, items []session.Item) Transcript {
	t := Transcript{SessionID: r.ID, CreatedAt: r.CreatedAt, EndedAt: r.EndedAt, Turns: []Turn{}}
	for _, it := range items {
		turn := Turn{
			ItemID: it.ID, At: it.CreatedAt, OffsetMS: max(0, it.CreatedAt.Sub(r.CreatedAt).Milliseconds()), Kind: it.Type, Role: it.Role,
			Text: it.Text, Interrupted: it.HeardMS != nil, Spoken: it.Spoken, AudioMS: it.AudioMS, LatencyMS: it.LatencyMS,
			Name: it.Name, CallID: it.CallID, Private: it.Private,
		}
		if it.HeardMS != nil {
			turn.AudioMS = min(*it.HeardMS, it.AudioMS)
		}
		switch it.Type {
		case "message":
		case "function_call":
			turn.Text = it.Arguments
		case "function_call_output":
			turn.Text = it.Output
		default:
			turn.Kind = "other"
		}
		t.Turns = append(t.Turns, turn)
	}
	return t
}

// messages are the turns that were said aloud or typed.
func (t *Transcript) messages() (said []Turn) {
	for _, turn := range t.Turns {
		if turn.Kind == "message" && !turn.Private && turn.Role != "system" && strings.TrimSpace(turn.Text) != "" {
			said = append(said, turn)
		}
	}
	return said
}

var speakers = map[string]string{"user": "User", "assistant": "Assistant"}

// text has a line for each message.
func (t *Transcript) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Session %s, %s\n\n", t.SessionID, t.CreatedAt.UTC().Format(time.RFC3339))
	for _, turn := range t.messages() {
		mark := ""
		if turn.Interrupted {
			mark = " [interrupted]"
		}
		fmt.Fprintf(&b, "[%s] %s: %s%s\n", clock(turn.OffsetMS)[:8], cmp.Or(speakers[turn.Role], turn.Role), oneLine(turn.Text), mark)
	}
	return b.String()
}

// Bounds of how long a cue without audio is shown.
const (
	shortestCue = 1000
	longestCue  = 7000
)

// vtt has a cue for each message.
func (t *Transcript) vtt() string {
	var b strings.Builder
	fmt.Fprintf(&b, "WEBVTT - Session %s\n", t.SessionID)
	said := t.messages()
	for i, turn := range said {
		length := turn.AudioMS
		if length <= 0 {
			length = longestCue
			if i+1 < len(said) {
				length = min(length, said[i+1].OffsetMS-turn.OffsetMS)
			}
		}
		end := turn.OffsetMS + max(length, shortestCue)
		fmt.Fprintf(&b, "\n%s --> %s\n<v %s>%s\n", clock(turn.OffsetMS), clock(end), cmp.Or(speakers[turn.Role], "Other"), cue.Replace(oneLine(turn.Text)))
	}
	return b.String()
}

// cue escapes what would be markup in WebVTT.
var cue = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// clock writes milliseconds as hh:mm:ss.mmm.
func clock(ms int64) string {
	return fmt.Sprintf("%02d:%02d:%02d.%03d", ms/3600000, ms/60000%60, ms/1000%60, ms%1000)
}
