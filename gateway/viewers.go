package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"switchboard/session"
)

// Viewer is who has a session open on a page: an API key, on one page or several.
type Viewer struct {
	By    string    `json:"by" doc:"Name of the API key"`
	Pages int       `json:"pages" doc:"Pages that show the session with this key"`
	Since time.Time `json:"since" doc:"When the first of them was opened"`
}

// viewersShown is how many API keys are named; a session rarely has more than a few.
const viewersShown = 50

// typeViewers is an event that is sent to viewers only. It is not logged, and has no ID.
const typeViewers = "switchboard.session.viewers"

// viewers are the pages that follow sessions of this node. A page that loses its connection follows
// again where the session is then, so that no node has to know those of another.
type viewers struct {
	mu sync.Mutex
	of map[session.ID][]*viewer // oldest first
}

// viewer is one page.
type viewer struct {
	by    string
	since time.Time

	// Under the lock of viewers:
	stale bool // others came or left since it was told
	wake  func()
}

// join adds a page of a session until leave is called. All pages of the session are woken.
func (v *viewers) join(id session.ID, by string) (_ *watching, leave func()) {
	w := &viewer{by: by, since: time.Now().UTC().Truncate(time.Millisecond), wake: func() {}}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.of == nil {
		v.of = map[session.ID][]*viewer{}
	}
	v.of[id] = append(v.of[id], w)
	v.changed(id)
	return &watching{id: id, who: w, all: v}, func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.of[id] = slices.DeleteFunc(v.of[id], func(o *viewer) bool { return o == w })
		if len(v.of[id]) == 0 {
			delete(v.of, id)
		}
		v.changed(id)
	}
}

// changed wakes the pages of a session. The lock is held.
func (v *viewers) changed(id session.ID) {
	for _, w := range v.of[id] {
		w.stale = true
		w.wake()
	}
}

// list names who views a session, those who came first before the others.
func (v *viewers) list(id session.ID) []Viewer {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.listed(id)
}

// listed is list. The lock is held.
func (v *viewers) listed(id session.ID) []Viewer {
	all := []Viewer{}
	for _, w := range v.of[id] {
		i := slices.IndexFunc(all, func(k Viewer) bool { return k.By == w.by })
		switch {
		case i >= 0:
			all[i].Pages++
		case len(all) < viewersShown:
			all = append(all, Viewer{By: w.by, Pages: 1, Since: w.since})
		}
	}
	return all
}

// errViewers ends a wait for events: others came or left.
var errViewers = errors.New("gateway: viewers of the session came or left")

// watching is a page whose stream tells it who else views the session.
type watching struct {
	id  session.ID
	who *viewer
	all *viewers
}

// wait is ctx until others come or leave. Call stop when the wait is over.
func (w *watching) wait(ctx context.Context) (_ context.Context, stop func()) {
	if w == nil {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	w.all.mu.Lock()
	defer w.all.mu.Unlock()
	w.who.wake = func() { cancel(errViewers) }
	if w.who.stale {
		w.who.wake()
	}
	return ctx, func() { cancel(nil) }
}

// news is the event for a page that was woken.
func (w *watching) news() []byte {
	w.all.mu.Lock()
	defer w.all.mu.Unlock()
	w.who.stale = false
	raw, _ := json.Marshal(struct {
		Type    string   `json:"type"`
		You     string   `json:"you"`
		Viewers []Viewer `json:"viewers"`
	}{typeViewers, w.who.by, w.all.listed(w.id)})
	return raw
}
