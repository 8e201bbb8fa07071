package hub_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/session"
	"switchboard/session/contain"
	"switchboard/session/hub"
	"switchboard/session/sessiontest"
)

var (
	chaosEvents = flag.Int("chaos-events", 20000, "mutated events that TestChaos sends")
	chaosSeed   = flag.Uint64("chaos-seed", 1, "seed of TestChaos")
)

// upstreamEvents and clientEvents are what chaos makes its own of.
var upstreamEvents = []string{
	responseCreated, answerAdded, responseDone, answerDone("one two 三 four"), truncated("500"), transcript("one two "), audio(4800),
	`{"type":"session.updated","event_id":"e","session":{"type":"realtime","id":"s","expires_at":4102444800,"instructions":"x","tools":[],"audio":{"input":{"turn_detection":{"type":"server_vad"},"transcription":{}},"output":{"format":{"type":"audio/pcmu"}}}}}`,
	`{"type":"conversation.item.done","event_id":"e","previous_item_id":"x","item":{"id":"f","type":"function_call","status":"completed","call_id":"c1","name":"n","arguments":"{}"}}`,
	`{"type":"conversation.item.added","event_id":"e","previous_item_id":null,"item":{"id":"u","type":"message","role":"user","status":"completed","content":[{"type":"input_audio","transcript":null}]}}`,
	`{"type":"conversation.item.deleted","event_id":"e","item_id":"x"}`,
	`{"type":"conversation.item.retrieved","event_id":"e","item":{"id":"u","content":[{"type":"input_audio","audio":"AAAA"}]}}`,
	`{"type":"conversation.item.input_audio_transcription.completed","event_id":"e","item_id":"u","transcript":"words","usage":{"type":"tokens","total_tokens":5}}`,
	`{"type":"conversation.item.input_audio_transcription.failed","event_id":"e","item_id":"u","error":{}}`,
	`{"type":"input_audio_buffer.speech_started","event_id":"e","item_id":"u"}`,
	`{"type":"input_audio_buffer.committed","event_id":"e","item_id":"u"}`,
	`{"type":"response.output_item.done","event_id":"e","response_id":"r","item":{"id":"x"}}`,
	`{"type":"error","event_id":"e","error":{"type":"invalid_request_error","code":"item_truncate_invalid_item_id","message":"m","param":"item_id","event_id":"c1"}}`,
	notModelAudio,
}

var clientEvents = []string{
	`{"type":"input_audio_buffer.append","audio":"AAAA"}`, `{"type":"input_audio_buffer.commit"}`, `{"type":"input_audio_buffer.clear"}`,
	`{"type":"conversation.item.create","event_id":"c1","previous_item_id":"x","item":{"id":"u","type":"message","role":"user","content":[{"type":"input_text","text":"hi"}]}}`,
	`{"type":"conversation.item.create","event_id":"c1","item":{"type":"function_call_output","call_id":"c1","output":"{}"}}`,
	`{"type":"conversation.item.truncate","event_id":"c1","item_id":"x","content_index":0,"audio_end_ms":100}`,
	`{"type":"conversation.item.delete","event_id":"c1","item_id":"x"}`, `{"type":"conversation.item.retrieve","item_id":"u"}`,
	`{"type":"response.create","event_id":"c1","response":{"instructions":"x","input":[]}}`, `{"type":"response.cancel"}`,
	`{"type":"session.update","event_id":"c1","session":{"type":"realtime","instructions":"y"}}`,
}

// oddities take the place of a value.
var oddities = []any{
	nil, true, -1, -9223372036854775808, 1e300, 9223372036854775807, 12.5, "", "x", "\u0000", "日本語 👩‍👩‍👧", []any{}, []any{nil}, map[string]any{},
	map[string]any{"id": []any{1}}, json.RawMessage(strings.Repeat("[", 90) + strings.Repeat("]", 90)), strings.Repeat("long ", 300),
}

// mutate changes an event in one place, or in its bytes.
func mutate(r *rand.Rand, event string) string {
	if r.IntN(12) == 0 {
		b := []byte(event)
		b[r.IntN(len(b))] = byte(32 + r.IntN(95))
		return string(b[:len(b)-r.IntN(2)])
	}
	var v map[string]any
	if r.IntN(4) == 0 || json.Unmarshal([]byte(event), &v) != nil {
		return event
	}
	change(r, v)
	out, err := json.Marshal(v)
	if err != nil {
		return event
	}
	return string(out)
}

// change puts an oddity in the place of a member, of the object or of one within it.
func change(r *rand.Rand, v map[string]any) {
	for name, inner := range v { // whichever comes first
		if deeper, ok := inner.(map[string]any); ok && len(deeper) > 0 && r.IntN(2) == 0 {
			change(r, deeper)
			return
		}
		if name == "type" && r.IntN(20) > 0 {
			continue
		}
		if r.IntN(5) == 0 {
			delete(v, name)
		} else {
			v[name] = oddities[r.IntN(len(oddities))]
		}
		return
	}
}

// chaos is two nodes whose upstreams answer what the gateway needs and send what a test says.
type chaos struct {
	mu  sync.Mutex
	ups map[string]*sessiontest.Conn // by model, which names the session
	all sync.WaitGroup
}

// Dial implements session.Dialer.
func (d *chaos) Dial(_ context.Context, r session.DialRequest) (session.Conn, error) {
	ours, theirs := sessiontest.Pipe()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ups[r.Model] = ours
	d.all.Go(func() { mimic(ours) })
	return theirs, nil
}

func (d *chaos) up(id session.ID) *sessiontest.Conn {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ups[string(id)]
}

// mimic opens an API session and acknowledges updates and items until its connection ends.
func mimic(up *sessiontest.Conn) {
	_ = up.Send(createdFor("sess", time.Hour))
	for {
		f, err := up.Read()
		if err != nil {
			return
		}
		var ev struct {
			Type string          `json:"type"`
			Item json.RawMessage `json:"item"`
		}
		if json.Unmarshal(f.Payload(), &ev) != nil {
			continue
		}
		switch ev.Type {
		case "session.update":
			_ = up.Send(strings.Replace(createdFor("sess", time.Hour), "session.created", "session.updated", 1))
		case "conversation.item.create":
			_ = up.Send(`{"type":"conversation.item.added","event_id":"e","item":` + string(ev.Item) + `}`)
		}
	}
}

// victim drives one session, and opens another when it has ended.
type victim struct {
	d     *chaos
	nodes []*fixture
	r     *rand.Rand
	name  string
	n     int
	id    session.ID
	cl    *sessiontest.Conn
	calls *sync.WaitGroup
}

// controller finds the session where it runs, claims it, or opens the next one.
func (v *victim) controller() *hub.Controller {
	for _, fx := range v.nodes {
		if c, ok := fx.hub.Controller(v.id); ok && !c.Leaving() {
			return c
		}
	}
	ctx := context.Background()
	for _, fx := range v.nodes[v.r.IntN(len(v.nodes)):] {
		if v.id != "" {
			if c, err := fx.hub.Claim(ctx, v.id); err == nil {
				return c
			}
		}
		v.n++
		id := session.ID(fmt.Sprintf("%s_%d", v.name, v.n))
		if c, err := fx.hub.Create(ctx, session.Spec{ID: id, Model: string(id)}); err == nil {
			v.id = id
			return c
		}
	}
	return nil
}

func (v *victim) step() {
	c := v.controller()
	if c == nil {
		return // the node stops
	}
	if v.cl == nil || v.cl.Closed() != nil {
		ours, theirs := sessiontest.Pipe()
		v.cl = ours
		v.calls.Go(func() { _ = c.Attach(theirs, &hub.Attachment{Policy: session.Open()}) })
		v.calls.Go(func() {
			for {
				if _, err := ours.Read(); err != nil {
					return
				}
			}
		})
	}
	switch n := v.r.IntN(100); {
	case n < 50:
		_ = v.d.up(v.id).Send(mutate(v.r, upstreamEvents[v.r.IntN(len(upstreamEvents))]))
	case n < 92:
		_ = v.cl.Send(mutate(v.r, clientEvents[v.r.IntN(len(clientEvents))]))
	case n < 94:
		v.d.up(v.id).Drop()
	case n < 95:
		v.d.up(v.id).Close(1008, "policy")
	case n < 96:
		v.cl.Drop()
	default:
		v.calls.Go(func() { command(c, n) })
	}
}

// command is one of the application's; what it comes to does not matter.
func command(c *hub.Controller, n int) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	switch n {
	case 96:
		_, _ = c.Message(ctx, hub.Message{Text: "hi", Respond: true})
	case 97:
		_, _ = c.FunctionResult(ctx, "c1", "{}")
	case 98:
		_, _ = c.Update(ctx, json.RawMessage(`{"instructions":"z"}`))
	default:
		_ = c.Cancel(ctx)
	}
}

// 20,000 events with something wrong in them, from clients and upstreams, in every state of 50
// sessions on two nodes, of which one hands its sessions over half-way: nothing panics, other
// sessions notice nothing, and no memory stays behind.
func TestChaos(t *testing.T) {
	before := heap()
	wreck(t, *chaosSeed, *chaosEvents)
	if after := heap(); after > before+32<<20 {
		t.Errorf("the heap grew from %d to %d", before, after)
	}
}

// FuzzChaos is TestChaos in small, for every seed.
func FuzzChaos(f *testing.F) {
	for seed := range uint64(4) {
		f.Add(seed + 100)
	}
	f.Fuzz(func(t *testing.T, seed uint64) { wreck(t, seed, 1000) })
}

func wreck(t *testing.T, seed uint64, events int) {
	synctest.Test(t, func(t *testing.T) {
		panics := contain.Panics()
		d := &chaos{ups: map[string]*sessiontest.Conn{}}
		a, b, _ := pair(t, func(o *hub.Options) { o.Dialer = d })
		defer b.stop()
		defer a.stop()
		bystander, err := b.hub.Create(t.Context(), session.Spec{ID: "bystander", Model: "bystander"})
		if err != nil {
			t.Fatal(err)
		}
		cl, _ := b.attach(bystander, session.Open())
		var calls, victims sync.WaitGroup
		const sessions = 50
		for i := range sessions {
			v := &victim{d: d, nodes: []*fixture{a, b}, r: rand.New(rand.NewPCG(seed, uint64(i))), name: fmt.Sprint("v", i), calls: &calls}
			victims.Go(func() {
				for range events / sessions {
					v.step()
					time.Sleep(time.Duration(v.r.IntN(200)) * time.Millisecond)
				}
				if v.cl != nil {
					v.cl.Drop()
				}
			})
		}
		time.Sleep(time.Duration(events/sessions) * 50 * time.Millisecond)
		a.stop()
		victims.Wait()
		calls.Wait()
		for i := range 10 {
			e := fmt.Sprintf(`{"type":"marker","event_id":"m%d"}`, i)
			send(t, d.up("bystander"), e)
			want(t, cl, e)
		}
		if n := contain.Panics() - panics; n > 0 {
			t.Errorf("%d panics", n)
		}
		b.stop()
		d.all.Wait()
		sa, sb := a.hub.Stats(), b.hub.Stats()
		t.Logf("up %d, down %d, garbage %d, refused %d, renewed %d, handed over %d, claimed %d, errors %v", sa.EventsUp+sb.EventsUp, sa.EventsDown+sb.EventsDown,
			sa.Garbage+sb.Garbage, sa.Refused+sb.Refused, sa.Renewals+sb.Renewals, sa.HandedOver, sa.Claimed+sb.Claimed, sb.Errors)
		if sa.Renewals+sb.Renewals == 0 || sa.HandedOver+sb.Claimed == 0 || sa.EventsUp+sb.EventsUp == 0 {
			t.Error("not every state was seen")
		}
	})
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
