package session_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"

	"switchboard/session"
)

// weighing is a store that counts the bytes of the changes it is given.
type weighing struct {
	session.Store
	bytes atomic.Int64
}

func (w *weighing) Apply(ctx context.Context, changes []session.Change) ([]session.ID, error) {
	for _, c := range changes {
		raw, err := json.Marshal(c)
		if err != nil {
			return nil, err
		}
		w.bytes.Add(int64(len(raw)))
	}
	return w.Store.Apply(ctx, changes)
}

// What one more item costs the store does not grow with the conversation.
func TestItemsCostTheStoreTheSame(t *testing.T) {
	var store *weighing
	fx := start(t, func(o *session.HubOptions) {
		store = &weighing{Store: o.Store}
		o.Store = store
	})
	c, up := fx.open(session.Spec{})
	n := 0
	cost := func(items int) int64 {
		before := store.bytes.Load()
		for range items {
			n++
			tell(t, fx, c, up, fmt.Sprintf(`{"type":"conversation.item.added","event_id":"e","previous_item_id":%q,"item":{"id":"item_%05d","type":"message","role":"user","content":[{"type":"input_text","text":"x"}]}}`,
				fmt.Sprintf("item_%05d", n-1), n))
		}
		if err := fx.hub.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		return store.bytes.Load() - before
	}
	first := cost(100)
	cost(1000)
	if last := cost(100); last > first*3/2 {
		t.Errorf("100 items cost %d bytes at first and %d after 1,100", first, last)
	}
}
