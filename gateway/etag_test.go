package gateway_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"switchboard/cmd/simulator/standin"
)

// tag is the ETag of a session that runs.
func (r *rig) tag(path string) string {
	r.t.Helper()
	tag := r.must(200, "GET", path, app, "").Header.Get("ETag")
	if len(tag) < 4 || tag[0] != '"' {
		r.t.Fatalf("ETag %q", tag)
	}
	return tag
}

// A change under If-Match is made only to what its sender has seen.
func TestChangeOnlyWhatWasSeen(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	r.must(201, "POST", "/realtime/sessions", app, `{"session_id":"s","config":{"instructions":"Be brief."},"labels":{"team":"a"}}`)
	const path = "/realtime/sessions/s"
	first := r.tag(path)

	// What nobody changes by PATCH does not count.
	r.must(200, "POST", path+"/message", app, `{"text":"Hello."}`)
	r.must(200, "POST", path+"/renew", operator, "")
	if now := r.tag(path); now != first {
		t.Errorf("the tag was %s and is %s, and no setting changed", first, now)
	}
	for _, step := range []struct{ match, body string }{
		{first, `{"instructions":"Be long."}`}, {`"other", ` + "%", `{"labels":{"team":"b"}}`},
		{"%", `{"tool_choice":"none","labels":{"team":null}}`}, {"*", `{"instructions":"Be kind."}`}, {"W/%", `{"instructions":"Be fair."}`}, {"", `{"instructions":"Be brief."}`},
	} {
		seen := r.tag(path)
		a := r.do("PATCH", path, app, step.body, "If-Match", strings.ReplaceAll(step.match, "%", seen))
		if now := r.tag(path); a.StatusCode != 200 || now == seen || a.Header.Get("ETag") != now {
			t.Errorf("%s: %d, the answer has tag %s, before it was %s, now it is %s", step.body, a.StatusCode, a.Header.Get("ETag"), seen, now)
		}
	}
	before := r.tag(path)
	for _, body := range []string{`{"instructions":"Be gone."}`, `{"labels":{"team":"c"}}`, `{"instructions":"Be gone.","labels":{"team":"c"}}`} {
		for _, match := range []string{first, "W/" + first, `"x", "y"`} {
			a := r.do("PATCH", path, app, body, "If-Match", match)
			if a.StatusCode != 412 || a.field(t, "type") != "urn:switchboard:problem:precondition-failed" || a.Header.Get("ETag") != before || !strings.Contains(string(a.body), "If-Match") {
				t.Errorf("%s, If-Match %s: %d %v %s", body, match, a.StatusCode, a.Header, a.body)
			}
		}
	}
	for _, match := range []string{"abc", `"abc`, `"`, `"a" "b`} {
		if a := r.do("PATCH", path, app, `{"instructions":"Be gone."}`, "If-Match", match); a.StatusCode != 422 || !strings.Contains(string(a.body), "header.If-Match") {
			t.Errorf("If-Match %s: %d %s", match, a.StatusCode, a.body)
		}
	}
	if now := r.tag(path); now != before {
		t.Errorf("what was refused has changed settings")
	}
	if a := r.do("GET", path, app, "", "If-None-Match", before); a.StatusCode != 200 || len(a.body) == 0 {
		t.Errorf("GET with If-None-Match: %d, though usage and clients may have changed", a.StatusCode)
	}
}

// Of several who change what all of them have seen, at whichever node, one does and the others are told.
func TestOneOfManyChangesWhatAllHaveSeen(t *testing.T) {
	f := newFleet(t, 2)
	f.on(f.nodes[0], 201, "POST", "/realtime/sessions", `{"session_id":"s","config":{"instructions":"Be brief."}}`)
	const path = "/realtime/sessions/s"
	before := f.tag(path)
	sent := f.must(202, "POST", "/realtime/broadcasts", operator, `{"instructions":"We close."}`)
	f.settled("/realtime/broadcasts/"+sent.field(t, "id").(string), 1)
	if now := f.tag(path); now != before {
		t.Errorf("a broadcast has changed the tag from %s to %s", before, now)
	}
	for round := range 5 {
		seen := f.on(f.nodes[1], 200, "GET", path, "").Header.Get("ETag")
		var asking sync.WaitGroup
		answers := make([]answer, 8)
		for i := range answers {
			r := *f.rig
			r.url = f.nodes[i%2].url
			body := fmt.Sprintf(`{"instructions":"Version %d of %d."}`, round, i)
			if i > 5 {
				body = fmt.Sprintf(`{"labels":{"by":"%d of %d"}}`, round, i)
			}
			asking.Go(func() { answers[i] = r.do("PATCH", path, app, body, "If-Match", seen) })
		}
		asking.Wait()
		count := map[int]int{}
		for _, a := range answers {
			count[a.StatusCode]++
		}
		if count[200] != 1 || count[412] != 7 {
			t.Errorf("answers %v, want one 200 and 412 else", count)
		}
	}
}
