package trial

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/tidwall/gjson"

	"switchboard/cmd/loadgen/endpoint"
)

// renewalTrial talks on for many lives of an upstream session.
type renewalTrial struct {
	programs
	Sessions int           `help:"Sessions with voice." default:"4"`
	Life     time.Duration `help:"How long the stand-in lets a session live." default:"20s"`
	For      time.Duration `help:"How long to talk." default:"5m"`
}

func (t *renewalTrial) name() string { return "renewal" }
func (t *renewalTrial) layout() layout {
	return layout{nodes: 1, simulator: append([]string{"--session-life", t.Life.String()}, standInVoice...)}
}

// Run is called by the command line.
func (t *renewalTrial) Run(ctx context.Context) error { return t.report(ctx, t) }

// What the last upstream still has to know.
const (
	fact       = "The code word is heliotrope."
	toolName   = "lookup_weather"
	toolOutput = "it rains in Lisbon"
)

func (t *renewalTrial) try(ctx context.Context, f *fleet, o *outcome) error {
	w := voiceWish("renewal")
	w.config = map[string]any{"tools": []any{map[string]any{
		"type": "function", "name": toolName, "description": "Tells the weather.",
		"parameters": map[string]any{"type": "object", "properties": map[string]any{}},
	}}}
	c, err := f.gather(ctx, t.Sessions, w, usualTalk)
	if err != nil {
		return err
	}
	defer c.end()
	for _, cl := range c.clients {
		if err := f.tell(ctx, cl); err != nil {
			return err
		}
	}
	if err := endpoint.Sleep(ctx, t.For); err != nil {
		return err
	}
	if _, err := c.hush(ctx); err != nil {
		return err
	}
	upstreams, err := f.observe(ctx, true)
	if err != nil {
		return err
	}
	t.sum(o, c, upstreams)
	return nil
}

// tell says the fact, has the model call the tool, and gives it the result.
func (f *fleet) tell(ctx context.Context, cl *client) error {
	say := func(text string, respond bool) error {
		_, err := f.ask(ctx, http.MethodPost, sessionPath(cl.session.ID, "/message"), map[string]any{"text": text, "respond": respond})
		return err
	}
	if err := say(fact, false); err != nil {
		return err
	}
	for range 20 { // the caller may interrupt what the model begins to say
		if err := say("Call "+toolName+" now.", true); err != nil {
			return err
		}
		call, err := f.openCall(ctx, cl.session.ID)
		if err != nil {
			return err
		}
		if call != "" {
			_, err = f.ask(ctx, http.MethodPost, sessionPath(cl.session.ID, "/function-result"), map[string]any{"call_id": call, "output": toolOutput})
			return err
		}
	}
	return fmt.Errorf("%s never called its tool", cl.session.ID)
}

// openCall waits a little for a function call that is complete.
func (f *fleet) openCall(ctx context.Context, id string) (string, error) {
	for range 20 {
		body, err := f.ask(ctx, http.MethodGet, sessionPath(id, "/items"), nil)
		if err != nil {
			return "", err
		}
		for _, it := range gjson.GetBytes(body, "items").Array() {
			if it.Get("type").Str == "function_call" && it.Get("status").Str == "completed" {
				return it.Get("call_id").Str, nil
			}
		}
		if err := endpoint.Sleep(ctx, 50*time.Millisecond); err != nil {
			return "", err
		}
	}
	return "", nil
}

func (t *renewalTrial) sum(o *outcome, c *crowd, upstreams []observed) {
	var forgot, uncounted, cut []string
	renewals := make(map[string]int)
	for _, cl := range c.clients {
		id := cl.session.ID
		mine := slices.DeleteFunc(slices.Clone(upstreams), func(u observed) bool { return !u.of(id) })
		var loud int64
		for _, u := range mine {
			loud += u.Received.LoudSamples
		}
		if spoken := cl.mic.loud.Load(); loud != spoken {
			uncounted = append(uncounted, fmt.Sprintf("%s: %d samples were spoken, %d arrived (%+.1f chunks)",
				id, spoken, loud, float64(loud-spoken)/float64(loudPerChunk)))
		}
		if len(mine) == 0 || !mine[len(mine)-1].has(fact) || !mine[len(mine)-1].has(toolOutput) {
			forgot = append(forgot, id)
		}
		for _, l := range cl.losses() {
			cut = append(cut, fmt.Sprintf("%s: %v", id, l.why))
		}
		cl.stream.mu.Lock()
		for _, r := range cl.renewals {
			renewals[r.reason]++
		}
		cl.stream.mu.Unlock()
	}
	said, _ := json.Marshal(renewals) // a map of numbers always encodes
	least := int(t.For/t.Life) * t.Sessions
	o.figure("sessions, life of an upstream, time", fmt.Sprintf("%d, %s, %s", t.Sessions, t.Life, t.For), "")
	o.least("renewals", renewals["expiring"]+renewals["upstream_lost"], least)
	o.figure("by reason", string(said), "")
	o.none("connections of clients that closed", cut)
	o.none("sessions that ended", texts(c.failures()))
	o.none("last upstreams without the fact or the tool's result", forgot)
	o.none("sessions with speech that was lost or came twice", uncounted)
	o.none("events heard twice", c.repeats())
	c.gaps(o)
}
