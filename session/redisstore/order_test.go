package redisstore_test

import (
	"fmt"
	"slices"
	"testing"

	"switchboard/session"
	"switchboard/session/redisstore"
	"switchboard/session/redisstore/redistest"
)

// An older version of the gateway wrote the whole order of a conversation, before its items.
func TestItemsOfAnOlderVersionKeepTheirOrder(t *testing.T) {
	client := connect(t, redistest.Start(t).URL)
	s := redisstore.New(client, redisstore.Options{})
	apply(t, s, changes("s-1", session.StatusActive)[0])
	if err := client.RPush(t.Context(), "gw:{s:s-1}:order", "late", "a").Err(); err != nil {
		t.Fatal(err)
	}
	item := func(id string, after *string) session.Change {
		return session.Change{ID: "s-1", Epoch: 1, Item: &session.Item{ID: id}, After: after}
	}
	apply(t, s, item("a", nil), item("b", nil), item("late", new("b")), item("between", new("late")))
	items, err := s.Items(t.Context(), "s-1")
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, it := range items {
		order = append(order, it.ID)
	}
	if !slices.Equal(order, []string{"late", "between", "a", "b"}) {
		t.Errorf("order %v", fmt.Sprint(order))
	}
}
