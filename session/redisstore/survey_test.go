package redisstore_test

import (
	"fmt"
	"testing"
	"time"

	"switchboard/session"
	"switchboard/session/redisstore"
	"switchboard/session/redisstore/redistest"
)

// BenchmarkSurvey looks for a text in a fleet of 50,000 ended sessions, sorts and counts.
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
	if _, err := s.Version(b.Context(), 0); err != nil { // what the first survey reads
		b.Fatal(err)
	}
	for b.Loop() {
		page, err := s.Records(b.Context(), session.Query{Text: "customer:4999", Sort: session.SortCost, Facets: true})
		if err != nil || page.Total != 11 {
			b.Fatalf("%d, %v", page.Total, err)
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
