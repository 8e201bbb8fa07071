package redisstore_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"switchboard/session"
	"switchboard/session/redisstore"
	"switchboard/session/redisstore/redistest"
)

// wantIndex checks what the index has of a key: IDs that q selects, and live sessions and clients.
func wantIndex(t *testing.T, s *redisstore.Store, q session.Query, ids []session.ID, live, clients int) {
	t.Helper()
	page, err := s.Records(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	var got []session.ID
	for _, r := range page.Records {
		got = append(got, r.ID)
	}
	if !reflect.DeepEqual(got, ids) || page.Total != len(ids) {
		t.Errorf("%+v lists %v of %d, want %v", q, got, page.Total, ids)
	}
	totals, err := s.Totals(t.Context(), q.Key)
	if err != nil || totals.Live() != live || totals.Clients != clients {
		t.Errorf("%d live sessions with %d clients, want %d with %d; %v", totals.Live(), totals.Clients, live, clients, err)
	}
}

// asBefore writes a record as the version before the index did.
func asBefore(t *testing.T, client redis.UniversalClient, r session.Record, until time.Time) {
	t.Helper()
	body, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	pipe := client.Pipeline()
	pipe.HSet(t.Context(), "gw:{s:"+string(r.ID)+"}:record", "status", string(r.Status), "body", body)
	member := fmt.Sprintf("%016x.%s", r.CreatedAt.UnixMicro(), r.ID)
	for _, scope := range []string{"gw:{i}", "gw:{i:" + r.Key + "}"} {
		pipe.ZAdd(t.Context(), scope+":list", redis.Z{Member: member})
		pipe.ZAdd(t.Context(), scope+":expiry", redis.Z{Member: member, Score: float64(until.UnixMilli())})
	}
	if _, err := pipe.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestIndexTakesInWhatAnOlderVersionWrote(t *testing.T) {
	client := connect(t, redistest.Start(t).URL)
	s := redisstore.New(client, redisstore.Options{})
	until := time.Now().Add(time.Hour)
	for i := range 1200 {
		r := session.Record{ID: session.ID(fmt.Sprint("s-", i)), Key: "shop", Epoch: 5, Status: session.StatusEnded, CreatedAt: time.Unix(int64(i), 0)}
		if i == 7 {
			r.Status, r.Clients, r.Labels = session.StatusActive, 2, map[string]string{"rare": "yes"}
		}
		asBefore(t, client, r, until)
	}
	rare := session.Query{Key: "shop", Labels: map[string]string{"rare": "yes"}}
	wantIndex(t, s, rare, []session.ID{"s-7"}, 1, 2)
	rare.Key = ""
	wantIndex(t, s, rare, []session.ID{"s-7"}, 1, 2)

	// Nodes of both versions run for a while: what the older one writes later counts, too.
	ended := session.Record{ID: "s-7", Key: "shop", Epoch: 5, Status: session.StatusEnded, CreatedAt: time.Unix(7, 0), Labels: rare.Labels}
	asBefore(t, client, ended, until)
	wantIndex(t, s, session.Query{Status: session.StatusActive}, nil, 0, 0)
	wantIndex(t, s, rare, []session.ID{"s-7"}, 0, 0)
	if n, err := client.Exists(t.Context(), "gw:{i}:expiry").Result(); err != nil || n != 0 {
		t.Errorf("what is indexed is read again: %d, %v", n, err)
	}
}

func TestIndexForgetsWhatExpires(t *testing.T) {
	client := connect(t, redistest.Start(t).URL)
	s := redisstore.New(client, redisstore.Options{Keep: time.Hour, Forget: 100 * time.Hour})
	now := time.Now()
	s.SetClock(func() time.Time { return now })
	var batch []session.Change
	for i := range 1100 {
		c := changes(session.ID(fmt.Sprint("s-", i)), session.StatusEnded)[0]
		c.Record.Labels = map[string]string{"n": fmt.Sprint(i)}
		batch = append(batch, c)
	}
	batch[3].Record.Status, batch[3].Record.Clients = session.StatusActive, 1
	apply(t, s, batch...)
	now = now.Add(2 * time.Hour)
	wantIndex(t, s, session.Query{}, []session.ID{"s-3"}, 1, 1)
	for key, want := range map[string]int64{"list": 1, "until": 1, "terms": 3} {
		if n, err := client.ZCard(t.Context(), "gw:{i}:"+key).Result(); err != nil || n != want {
			t.Errorf("%s has %d members, want %d; %v", key, n, want, err)
		}
	}
	now = now.Add(100 * time.Hour)
	wantIndex(t, s, session.Query{}, nil, 0, 0)
	if n, err := client.Exists(t.Context(), "gw:{i}:list", "gw:{i}:until", "gw:{i}:terms", "gw:{i}:entries", "gw:{i}:sums").Result(); err != nil || n != 0 {
		t.Errorf("%d keys of an empty index are left, %v", n, err)
	}
}
