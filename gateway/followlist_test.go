package gateway_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"switchboard/cmd/simulator/standin"
	"switchboard/gateway"
)

// A page of the list is followed: it is sent as it is, then as it becomes, to each caller what it may see.
func TestListIsFollowed(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	r.must(201, "POST", "/realtime/sessions", other, `{"session_id":"of-another"}`)
	all, stop := r.followAs(operator, "/realtime/sessions?q=o&facets=true&fields=summary", "")
	defer stop()
	own, stopOwn := r.followAs(app, "/realtime/sessions?facets=true", "")
	defer stopOwn()
	if data := all("sessions").Data; !strings.Contains(data, `"session_id":"of-another"`) || !strings.Contains(data, `"total":1,`) {
		t.Errorf("first page %s", data)
	}
	if data := own("sessions").Data; strings.Contains(data, "another") || strings.Contains(data, "other") {
		t.Errorf("an app key is told of another's: %s", data)
	}
	r.open("mine-too")
	if data := all("sessions").Data; !strings.Contains(data, `"total":2,`) || !strings.Contains(data, "mine-too") {
		t.Errorf("next page %s", data)
	}
	r.must(200, "DELETE", "/realtime/sessions/mine-too", app, "")
	for data := ""; !strings.Contains(data, `"ended":1`); {
		if data = own("sessions").Data; strings.Contains(data, "another") {
			t.Fatalf("an app key is told of another's: %s", data)
		}
	}
}

// What GET refuses is refused as ever, and a node writes so many streams at once.
func TestListStreamsAreRefused(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	stream := []string{"Accept", "text/event-stream"}
	for query, status := range map[string]int{"?limit=x": 422, "?sort=size": 422, "?offset=1&after=1~a": 422, "?label=x": 422, "": 401} {
		key := operator
		if status == 401 {
			key = "sk-nobody"
		}
		a := r.do("GET", "/realtime/sessions"+query, key, "", stream...)
		if a.StatusCode != status || a.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%q: %d %s %s", query, a.StatusCode, a.Header.Get("Content-Type"), a.body)
		}
	}
	if a := r.do("HEAD", "/realtime/sessions", operator, "", stream...); a.StatusCode != 200 || a.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("HEAD: %d %v", a.StatusCode, a.Header)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range gateway.ListStreams {
		req, err := http.NewRequestWithContext(ctx, "GET", r.url+"/realtime/sessions", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header = http.Header{"Authorization": {"Bearer " + app}, "Accept": {"text/event-stream"}}
		res, err := http.DefaultClient.Do(req)
		if err != nil || res.StatusCode != 200 {
			t.Fatal(res, err)
		}
		defer res.Body.Close()
	}
	if a := r.do("GET", "/realtime/sessions", app, "", stream...); a.StatusCode != 429 || !strings.Contains(string(a.body), "list_streams") {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
	r.must(200, "GET", "/realtime/sessions", app, "")
}
