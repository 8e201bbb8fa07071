package redisstore_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"switchboard/session"
	"switchboard/session/redisstore"
	"switchboard/session/redisstore/redistest"
)

// BenchmarkSurvey looks for a text in a fleet of 50,000 ended sessions, sorts and counts: with
// a copy of the index, and without one.
func BenchmarkSurvey(b *testing.B) {
	client, err := redisstore.Connect(redistest.Start(b).URL)
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	s := redisstore.New(client, redisstore.Options{})
	for part := range 100 {
		var batch []session.Change
		for i := range 500 {
			n := part*500 + i
			batch = append(batch, session.Change{ID: session.ID(fmt.Sprint("s-", n)), Epoch: 1, Record: &session.Record{
				ID: session.ID(fmt.Sprint("s-", n)), Key: fmt.Sprint("key-", n%20), Model: "gpt-realtime-2.1", Node: "http://10.0.0.1:8080", Status: session.StatusEnded,
				CreatedAt: time.Unix(int64(1e9+n), 0), Labels: map[string]string{"team": fmt.Sprint("team-", n%50), "customer": fmt.Sprint(n)},
			}})
		}
		if _, err := s.Apply(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	look := func(b *testing.B, s *redisstore.Store) {
		page, err := s.Records(b.Context(), session.Query{Text: "customer:4999", Sort: session.SortCost, Facets: true})
		if err != nil || page.Total != 11 {
			b.Fatalf("%d, %v", page.Total, err)
		}
	}
	b.Run("cold", func(b *testing.B) {
		for b.Loop() {
			look(b, redisstore.New(client, redisstore.Options{}))
		}
	})
	b.Run("later", func(b *testing.B) {
		look(b, s)
		for b.Loop() {
			look(b, s)
		}
	})
}

// A survey reads what changed, and writes nothing, whenever it is asked for: the node has a copy of
// the index before the first one, and reads it whole between surveys.
func TestSurveyWaitsForNoCopyOfTheIndex(t *testing.T) {
	client := connect(t, redistest.Start(t).URL)
	s := redisstore.New(client, redisstore.Options{})
	now := time.Now()
	s.SetClock(func() time.Time { return now })
	apply(t, s, changes("s-1", session.StatusActive)[0])
	tend := func() {
		t.Helper()
		if err := s.CopyIndex(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	look := func(when string, want int, whole bool) {
		t.Helper()
		client.ConfigResetStat(t.Context())
		page, err := s.Records(t.Context(), session.Query{Text: "s-", Facets: true})
		if err != nil || page.Total != want {
			t.Fatalf("%s: %d, %v", when, page.Total, err)
		}
		stats, err := client.Info(t.Context(), "commandstats").Result()
		if err != nil || strings.Contains(stats, "cmdstat_hscan:") != whole || !whole && strings.Contains(stats, "cmdstat_pexpire:") {
			t.Errorf("%s, a survey has Redis do %s, %v", when, stats, err)
		}
	}
	tend()
	look("the first time", 1, false)
	for range 3 {
		now = now.Add(time.Minute)
		apply(t, s, changes("s-2", session.StatusActive)[0])
		look("minutes later", 2, false)
		tend()
	}
	for range 100 {
		now = now.Add(time.Minute)
		tend()
	}
	look("after an idle time", 2, false)

	s.SetReady(1)
	for range 11 {
		now = now.Add(time.Minute)
		tend()
	}
	look("of more sessions than are ready", 2, true)
	now = now.Add(time.Minute)
	tend()
	look("of these soon after", 2, false)
}

// While the index is read whole, surveys see what was written before each of them.
func TestSurveysSeeWhatWasWrittenWhileTheIndexIsRead(t *testing.T) {
	client := connect(t, redistest.Start(t).URL)
	s := redisstore.New(client, redisstore.Options{})
	var reading sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	defer reading.Wait()
	defer cancel()
	reading.Go(func() {
		for ctx.Err() == nil {
			if err := s.CopyIndex(ctx); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
		}
	})
	for n := range 200 {
		id := session.ID(fmt.Sprint("s-", n%50))
		status, want := session.StatusActive, min(n+1, 50)
		if n >= 100 {
			status, want = session.StatusEnded, 149-min(n, 149)
		}
		apply(t, s, changes(id, status)[0])
		page, err := s.Records(t.Context(), session.Query{Status: session.StatusLive})
		if err != nil || page.Total != want {
			t.Fatalf("%d live sessions are found after change %d, want %d; %v", page.Total, n, want, err)
		}
	}
}

// Sessions that a release without facts has indexed are found, too.
func TestSurveyOfWhatHasNoFacts(t *testing.T) {
	client := connect(t, redistest.Start(t).URL)
	s := redisstore.New(client, redisstore.Options{})
	for i := range 300 {
		apply(t, s, changes(session.ID(fmt.Sprint("s-", i)), session.StatusActive)[0])
	}
	if err := client.Del(t.Context(), "gw:{i}:facts").Err(); err != nil {
		t.Fatal(err)
	}
	apply(t, s, changes("s-300", session.StatusEnded)[0])
	page, err := s.Records(t.Context(), session.Query{Text: "s-", Facets: true})
	if err != nil || page.Total != 301 || page.Facets["status"]["active"] != 300 {
		t.Fatalf("%d, %v, %v", page.Total, page.Facets, err)
	}
}
