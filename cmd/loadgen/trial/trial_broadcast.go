package trial

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"switchboard/cmd/loadgen/endpoint"
)

// broadcastTrial sends one broadcast to many sessions while others are spoken in.
type broadcastTrial struct {
	programs
	Sessions int `help:"Idle sessions that get the broadcast." default:"10000"`
	Voices   int `help:"Other sessions, in which the upstream speaks." default:"50"`
	Nodes    int `help:"Gateway processes." default:"2"`
}

func (t *broadcastTrial) name() string { return "broadcast" }

func (t *broadcastTrial) layout() layout { return layout{nodes: t.Nodes} }

// Run is called by the command line.
func (t *broadcastTrial) Run(ctx context.Context) error { return t.report(ctx, t) }

const (
	broadcastText = "Say that the line closes at six."
	calmTime      = 2 * time.Second // of relayed audio before the broadcast, to compare with
	ackLimit      = 30 * time.Second
)

// broadcastState is what the gateway tells of a broadcast.
type broadcastState struct {
	ID       string         `json:"id"`
	Matched  int            `json:"matched"`
	Outcomes map[string]int `json:"outcomes"`
}

// answered is in how many sessions something has become of it.
func (b broadcastState) answered() (n int) {
	for _, sessions := range b.Outcomes {
		n += sessions
	}
	return n
}

func (t *broadcastTrial) try(ctx context.Context, f *fleet, o *outcome) error {
	others, err := f.eavesdrop(ctx, t.Voices)
	if err != nil {
		return err
	}
	defer others.end()
	direct, err := f.eavesdropDirectly(ctx, controls)
	if err != nil {
		return err
	}
	defer direct.end()
	labels := map[string]string{"trial": "idle"}
	if _, err := f.openAll(ctx, t.Sessions, wish{name: "idle", instructions: "Wait.", labels: labels}); err != nil {
		return err
	}
	o.figure("sessions, nodes, others", fmt.Sprintf("%d, %d, %d", t.Sessions, t.Nodes, t.Voices), "")
	if err := t.send(ctx, f, o, []*eavesdroppers{others, direct}, labels); err != nil {
		return err
	}
	o.none("other sessions that ended", texts(append(others.failures(), direct.failures()...)))
	return nil
}

// send measures one broadcast, and before and meanwhile the others and those without a gateway.
func (t *broadcastTrial) send(ctx context.Context, f *fleet, o *outcome, others []*eavesdroppers, labels map[string]string) error {
	count(others)
	if err := endpoint.Sleep(ctx, calmTime); err != nil {
		return err
	}
	calm := p99s(others)
	count(others)
	spent, err := f.cpu()
	if err != nil {
		return err
	}
	begin := time.Now()
	state, err := f.broadcast(ctx, map[string]any{"instructions": broadcastText, "mode": "append", "select": labels}, t.Sessions)
	took := time.Since(begin)
	meanwhile := p99s(others)
	if err != nil {
		return err
	}
	if err := spent.tell(f, o, t.Sessions); err != nil {
		return err
	}
	upstreams, err := f.observe(ctx, false)
	if err != nil {
		return err
	}
	t.sum(o, state, upstreams, begin)
	if err := t.writing(ctx, f, o); err != nil {
		return err
	}
	o.figure("from the request to the last acknowledgement", milliseconds(took), "≤ 1,000 ms")
	o.figure("relayed audio of the others meanwhile, p99, and without the gateway", meanwhile, "")
	o.figure("before it", calm, "")
	return nil
}

func count(groups []*eavesdroppers) {
	for _, e := range groups {
		e.count()
	}
}

// p99s ends what count began.
func p99s(groups []*eavesdroppers) string {
	var all []string
	for _, e := range groups {
		all = append(all, fmt.Sprintf("%.1f ms", e.counted().P99/1000))
	}
	return strings.Join(all, ", ")
}

// broadcast sends one and waits until something has become of it in n sessions.
func (f *fleet) broadcast(ctx context.Context, body map[string]any, n int) (b broadcastState, err error) {
	limited, cancel := context.WithTimeout(ctx, ackLimit)
	defer cancel()
	answer, err := f.ask(limited, http.MethodPost, "realtime/broadcasts", body)
	for err == nil {
		if err = json.Unmarshal(answer, &b); err != nil || b.answered() >= n {
			break
		}
		if endpoint.Sleep(limited, 10*time.Millisecond) != nil {
			return b, ctx.Err() // what has come is told
		}
		answer, err = f.ask(limited, http.MethodGet, "realtime/broadcasts/"+b.ID, nil)
	}
	return b, err
}

func (t *broadcastTrial) sum(o *outcome, state broadcastState, upstreams []observed, begin time.Time) {
	var wrong []string
	var last time.Time
	told := 0
	for _, u := range upstreams {
		at := time.Unix(0, u.Received.UpdateNS)
		switch has := strings.Contains(u.Config.Instructions, broadcastText); {
		case has && strings.Contains(u.Config.Instructions, "[idle-"):
			if told++; at.After(last) {
				last = at
			}
		case has:
			wrong = append(wrong, u.ID+" got it and was not selected")
		}
	}
	if told != t.Sessions {
		wrong = append(wrong, fmt.Sprintf("%d of %d upstreams have it", told, t.Sessions))
	}
	if state.Matched != t.Sessions || state.Outcomes["applied"] != t.Sessions || state.answered() != t.Sessions {
		wrong = append(wrong, fmt.Sprintf("of %d sessions %d matched, outcomes %v", t.Sessions, state.Matched, state.Outcomes))
	}
	o.none("outcomes that are not as they should be", wrong)
	o.figure("from the request to the last update that the stand-in has read", milliseconds(last.Sub(begin)), "")
}

// writing tells how long the nodes took to write to all of their upstreams.
func (t *broadcastTrial) writing(ctx context.Context, f *fleet, o *outcome) error {
	var slowest float64
	for _, n := range f.nodes {
		took, err := n.metric(ctx, "switchboard_broadcast_write_seconds_total")
		if err != nil {
			return err
		}
		slowest = max(slowest, took)
	}
	aim := 250 * float64(t.Sessions) / float64(t.Nodes) / 10000
	o.figure("all upstreams of a node written, the slower one", fmt.Sprintf("%.0f ms", 1000*slowest), fmt.Sprintf("≤ %.0f ms", aim))
	return nil
}
