package hub_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/session"
	"switchboard/session/access"
	"switchboard/session/hub"
	"switchboard/session/price"
	"switchboard/session/sessiontest"
)

const detailed = `{"type":"response.done","event_id":"e1","response":{"id":"r1","status":"completed","conversation_id":"c","usage":{
 "total_tokens":2400,"input_tokens":2000,"output_tokens":400,
 "input_token_details":{"text_tokens":500,"audio_tokens":1400,"image_tokens":100,"cached_tokens":1100,
  "cached_tokens_details":{"text_tokens":300,"audio_tokens":750,"image_tokens":50}},
 "output_token_details":{"text_tokens":150,"audio_tokens":250,"reasoning_tokens":60}}}}`

// compacted takes the line breaks out of an event.
func compacted(event string) string {
	var v json.RawMessage
	if err := json.Unmarshal([]byte(event), &v); err != nil {
		panic(err)
	}
	out, _ := json.Marshal(v)
	return string(out)
}

func heardAs(item, usage string) string {
	return `{"type":"conversation.item.input_audio_transcription.completed","event_id":"t_` + item + `","item_id":"` + item + `","content_index":0,"transcript":"hello","usage":` + usage + `}`
}

// done is the end of a response that took some tokens.
func done(id string, tokens int) string {
	return fmt.Sprintf(`{"type":"response.done","event_id":"d_%s","response":{"id":"%s","status":"completed","usage":{"total_tokens":%d,"input_tokens":%d}}}`, id, id, tokens, tokens)
}

func priced(o *hub.Options) { o.Prices = price.Default() }

func TestUsageIsByModalityAndCountsOnce(t *testing.T) {
	ended := make(chan hub.Notice, 4)
	fx := start(t, priced, func(o *hub.Options) {
		o.Notify = func(_ context.Context, n hub.Notice) { ended <- n }
	})
	c, up := fx.open(session.Spec{Key: "k", Model: "gpt-realtime-2.1-2026-07-06"})
	cl, _ := fx.attach(c, session.Voice())
	send(t, up, `{"type":"session.updated","event_id":"u","session":{"type":"realtime","model":"gpt-realtime-2.1-2026-07-06","audio":{"input":{"transcription":{"model":"gpt-realtime-whisper"}}}}}`)
	for _, e := range []string{compacted(detailed), compacted(detailed), heardAs("i1", `{"type":"tokens","total_tokens":30,"input_tokens":20,"output_tokens":10,"input_token_details":{"audio_tokens":20}}`),
		heardAs("i2", `{"type":"duration","seconds":3.5}`), heardAs("i2", `{"type":"duration","seconds":3.5}`)} {
		send(t, up, e)
	}
	for range 6 {
		want(t, cl)
	}
	r := c.Record()
	r.Usage.Seconds = 0
	if want := (session.Usage{
		Responses: 1, TotalTokens: 2430, InputTokens: 2000, OutputTokens: 400, CachedTokens: 1100,
		InputText: 500, InputAudio: 1400, InputImage: 100, CachedText: 300, CachedAudio: 750, CachedImage: 50,
		OutputText: 150, OutputAudio: 250, Reasoning: 60,
		Transcriptions: 2, TranscriptionTokens: 30, TranscriptionSeconds: 3.5,
	}); r.Usage != want {
		t.Errorf("usage is\n%+v, want\n%+v", r.Usage, want)
	}
	usd := (200*4+300*.4+150*24+650*32+750*.4+250*64+50*5+50*.5)/1e6 + (2+3.5)/60*.017
	if r.Cost.Unknown || math.Abs(r.Cost.USD-usd) > 1e-9 {
		t.Errorf("it cost %+v, want %v", r.Cost, usd)
	}
	if err := c.End(t.Context(), hub.Ending{Reason: "done"}); err != nil {
		t.Fatal(err)
	}
	<-ended
	if n := <-ended; n.CostUSD != r.Cost.USD {
		t.Errorf("subscribers are told that it cost %v", n.CostUSD)
	}
	if costs := fx.hub.Stats().Costs; math.Abs(costs.Models["gpt-realtime-2.1"]+costs.Models["gpt-realtime-whisper"]-usd) > 1e-9 || costs.Unknown != 0 {
		t.Errorf("the node's costs are %+v", costs)
	}
}

func TestCostIsUnknownWithoutAPrice(t *testing.T) {
	fx := start(t, priced)
	for model, unknown := range map[string]bool{"gpt-realtime-2.1": false, "gpt-imagined": true} {
		c, _ := fx.open(session.Spec{Model: model})
		if cost := c.Record().Cost; cost.Unknown != unknown || (cost.Shown() == "unknown") != unknown {
			t.Errorf("a new session of %s costs %+v", model, cost)
		}
	}
	c, up := fx.open(session.Spec{Model: "gpt-realtime-2.1"})
	cl, _ := fx.attach(c, session.Voice())
	send(t, up, heardAs("i", `{"type":"tokens","total_tokens":30}`)) // by a model that nobody named
	want(t, cl)
	if cost := c.Record().Cost; !cost.Unknown {
		t.Errorf("a transcription without a price costs %+v", cost)
	}
}

func TestTokenLimitEndsTranscription(t *testing.T) {
	for name, usage := range map[string]string{
		"tokens":   `{"type":"tokens","total_tokens":24}`,
		"duration": `{"type":"duration","seconds":2.3}`,
	} {
		t.Run(name, func(t *testing.T) {
			fx := start(t)
			c, up := fx.open(session.Spec{Intent: "transcription", Limits: session.Limits{MaxTokens: 20}})
			cl, left := fx.attach(c, session.Open())
			send(t, up, heardAs("i1", usage))
			want(t, cl, "completed")
			var closed *session.CloseError
			if _, err := cl.Read(); !errors.As(err, &closed) || closed.Code != session.CloseLimit {
				t.Errorf("client saw %v", err)
			}
			<-left
		})
	}
}

// changing is limits that a test changes while nodes read them.
type changing struct {
	mu  sync.Mutex
	now access.KeyLimits
}

func (c *changing) get() access.KeyLimits {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *changing) set(l access.KeyLimits) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = l
}

// budget starts n nodes that share a meter, and a limit of key k.
func budget(t *testing.T, n int, limits *changing) []*fixture {
	mem := sessiontest.NewMemory()
	nodes := make([]*fixture, n)
	for i := range nodes {
		nodes[i] = start(t, priced, func(o *hub.Options) {
			o.Node = fmt.Sprint("http://", i)
			o.Store, o.Directory, o.Meter = mem, mem, mem
			o.KeyLimits = func(string) access.KeyLimits { return limits.get() }
		})
		nodes[i].mem = mem
	}
	return nodes
}

func wantRefused(t *testing.T, fx *fixture, limit string) {
	t.Helper()
	var met *session.LimitError
	if _, err := fx.hub.Create(t.Context(), session.Spec{ID: session.ID(session.NewID("s_")), Key: "k"}); !errors.As(err, &met) || met.Limit != limit {
		t.Fatalf("another session: %v, want %s", err, limit)
	}
}

func TestKeyBudgetHoldsAcrossNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := changing{now: access.KeyLimits{Tokens: 5000}}
		nodes := budget(t, 2, &limits)
		a, b := nodes[0], nodes[1]
		defer b.stop()
		defer a.stop()
		first, up := a.open(session.Spec{Key: "k"})
		second, other := b.open(session.Spec{Key: "k"})
		idle, _ := b.open(session.Spec{Key: "k"})
		free, _ := b.open(session.Spec{Key: "free"})
		send(t, up, done("r1", 2600))
		send(t, other, done("r2", 2000))
		time.Sleep(2 * time.Second)
		for _, c := range []*hub.Controller{first, second, idle} {
			if s := c.Record().Status; s == session.StatusEnded {
				t.Fatal("a session ended within its key's budget")
			}
		}
		send(t, up, done("r3", 400))
		time.Sleep(2 * time.Second)
		for _, c := range []*hub.Controller{first, second, idle} {
			if r := c.Record(); r.Status != session.StatusEnded || r.Reason != "limit key_tokens of 5000 reached" {
				t.Errorf("%s: %s", r.Status, r.Reason)
			}
		}
		if free.Record().Status == session.StatusEnded {
			t.Error("the session of another key ended")
		}
		wantRefused(t, a, "key_tokens")
	})
}

func TestSessionsAtOnceDoNotSpendTheSameRest(t *testing.T) {
	limits := changing{now: access.KeyLimits{Tokens: 100}}
	fx := budget(t, 1, &limits)[0]
	fx.open(session.Spec{Key: "k"})
	for range 3 {
		wantRefused(t, fx, "key_tokens")
	}
}

func TestKeyBudgetIsOfTheDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := changing{now: access.KeyLimits{Tokens: 1000, Seconds: 100_000}}
		fx := budget(t, 1, &limits)[0]
		defer fx.stop()
		c, up := fx.open(session.Spec{Key: "k"})
		for i := range 3 { // 900 tokens and 86,400 s on each of three days
			send(t, up, done(fmt.Sprint("r", i), 900))
			time.Sleep(24 * time.Hour)
			if r := c.Record(); r.Status == session.StatusEnded {
				t.Fatalf("ended on day %d: %s", i, r.Reason)
			}
		}
		send(t, up, done("r3", 900))
		send(t, up, done("r4", 100))
		time.Sleep(2 * time.Second)
		if r := c.Record(); r.Status != session.StatusEnded {
			t.Error("the budget of a later day does not hold")
		}
	})
}

func TestKeySecondsEndSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := changing{now: access.KeyLimits{Seconds: 100}}
		fx := budget(t, 1, &limits)[0]
		defer fx.stop()
		c, _ := fx.open(session.Spec{Key: "k"})
		fx.open(session.Spec{Key: "k"})
		time.Sleep(44 * time.Second)
		if r := c.Record(); r.Status == session.StatusEnded {
			t.Fatalf("ended: %s", r.Reason)
		}
		time.Sleep(13 * time.Second)
		if r := c.Record(); r.Reason != "limit key_seconds of 100 reached" {
			t.Errorf("%s: %s", r.Status, r.Reason)
		}
		wantRefused(t, fx, "key_seconds")
	})
}

// Limits are those of the moment, and old sessions count against them as young ones do.
func TestOldSessionsCountAndLimitsChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limits := changing{now: access.KeyLimits{}}
		fx := budget(t, 1, &limits)[0]
		defer fx.stop()
		c, up := fx.open(session.Spec{Key: "k"})
		send(t, up, done("r1", 50))
		time.Sleep(60 * time.Hour)
		limits.set(access.KeyLimits{Sessions: 1})
		wantRefused(t, fx, "key_sessions")
		limits.set(access.KeyLimits{Tokens: 70})
		send(t, up, done("r2", 80))
		time.Sleep(2 * time.Second)
		if r := c.Record(); r.Status != session.StatusEnded {
			t.Error("a limit that was set later does not hold")
		}
	})
}

// What a session used that died with its node counts, once.
func TestUsageOfLostNodesCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, cut := pair(t)
		defer b.stop()
		defer a.stop()
		c, up := a.open(session.Spec{ID: "s", Key: "k", EndWithClient: true})
		cl, _ := a.attach(c, session.Voice())
		send(t, up, done("r1", 120))
		want(t, cl, "response.done")
		if err := a.hub.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		cut.set(true) // before the meter was told
		time.Sleep(2 * time.Minute)
		if r, err := b.mem.Record(t.Context(), "s"); err != nil || r.Status != session.StatusEnded {
			t.Fatalf("%v, %v", r.Status, err)
		}
		rows, err := b.mem.Spending(t.Context(), time.Now(), "", "")
		if got := rows["k"]; err != nil || got.Tokens != 120 || got.Sessions != 1 {
			t.Errorf("%+v were counted, %v", got, err)
		}
	})
}

// A meter that is away loses nothing.
func TestUsageIsCountedWhenTheMeterIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem, meter := sessiontest.NewMemory(), sessiontest.NewMemory()
		fx := start(t, func(o *hub.Options) { o.Store, o.Directory, o.Meter = mem, mem, meter })
		defer fx.stop()
		meter.Fail(errors.New("away"))
		c, up := fx.open(session.Spec{Key: "k"})
		_, other := fx.open(session.Spec{Key: "k"})
		send(t, up, done("r1", 120))
		send(t, other, done("r2", 30))
		time.Sleep(5 * time.Second)
		if err := c.End(t.Context(), hub.Ending{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		meter.Fail(nil)
		time.Sleep(2 * time.Second)
		rows, err := meter.Spending(t.Context(), time.Now(), "", "")
		if got := rows["k"]; err != nil || got.Tokens != 150 || got.Sessions != 2 {
			t.Errorf("%+v were counted, %v", got, err)
		}
	})
}

func TestCapsBindCallersAndDefaults(t *testing.T) {
	fx := start(t, func(o *hub.Options) {
		o.Defaults = session.Limits{MaxTokens: 500}
		o.Caps = session.Limits{MaxTokens: 1000, MaxSeconds: 60, IdleSeconds: 30}
	})
	for field, limits := range map[string]session.Limits{
		"limits.max_tokens":   {MaxTokens: 1001},
		"limits.max_seconds":  {MaxSeconds: 61},
		"limits.idle_seconds": {IdleSeconds: 31},
	} {
		var invalid *session.InvalidError
		if _, err := fx.hub.Create(t.Context(), session.Spec{ID: "s", Limits: limits}); !errors.As(err, &invalid) || invalid.Field != field {
			t.Errorf("%+v: %v", limits, err)
		}
	}
	c, _ := fx.open(session.Spec{Limits: session.Limits{MaxTokens: 1000}})
	if got, want := c.Record().Limits, (session.Limits{MaxTokens: 1000, MaxSeconds: 60, IdleSeconds: 30}); got != want {
		t.Errorf("limits are %+v, want %+v", got, want)
	}
	c, _ = fx.open(session.Spec{})
	if got := c.Record().Limits.MaxTokens; got != 500 {
		t.Errorf("the default is %d", got)
	}
}
