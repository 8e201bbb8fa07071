package gateway_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"switchboard/cmd/simulator/standin"
	"switchboard/session"
)

// unpacked is a body that came with gzip.
func unpacked(t *testing.T, a answer) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(a.body))
	if err != nil {
		t.Fatalf("%v: %.200s", err, a.body)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestLongJSONIsCompressed(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	long := `{"session_id":"long","config":{"instructions":"` + strings.Repeat("Be brief. ", 300) + `"}}`
	created := r.do("POST", "/realtime/sessions", app, long, "Accept-Encoding", "gzip")
	if created.StatusCode != 201 || created.Header.Get("Content-Encoding") != "" || !strings.Contains(string(created.body), "client_secret") {
		t.Errorf("an answer with a secret: %d, Content-Encoding %q", created.StatusCode, created.Header.Get("Content-Encoding"))
	}
	plain := r.do("GET", "/realtime/sessions/long", app, "", "Accept-Encoding", "identity")
	if plain.Header.Get("Content-Encoding") != "" || !strings.Contains(strings.Join(plain.Header.Values("Vary"), ","), "Accept-Encoding") {
		t.Errorf("plain: %v", plain.Header)
	}
	for _, accept := range []string{"gzip", "br, gzip;q=0.5", "*"} {
		packed := r.do("GET", "/realtime/sessions/long", app, "", "Accept-Encoding", accept)
		if packed.Header.Get("Content-Encoding") != "gzip" || len(packed.body) > len(plain.body)/2 || len(packed.Header.Values("Vary")) == 0 {
			t.Fatalf("%s: %d of %d bytes, %v", accept, len(packed.body), len(plain.body), packed.Header)
		}
		var a, b session.ID
		if json.Unmarshal(unpacked(t, packed), &struct {
			ID *session.ID `json:"session_id"`
		}{&a}) != nil || json.Unmarshal(plain.body, &struct {
			ID *session.ID `json:"session_id"`
		}{&b}) != nil || a != b || a == "" {
			t.Errorf("%s: of session %q, want %q", accept, a, b)
		}
		head := r.do("HEAD", "/realtime/sessions/long", app, "", "Accept-Encoding", accept)
		if head.StatusCode != 200 || len(head.body) > 0 || head.Header.Get("Content-Encoding") != "gzip" {
			t.Errorf("HEAD, %s: %d %v", accept, head.StatusCode, head.Header)
		}
	}
	for _, accept := range []string{"gzip;q=0", "br", "identity;q=1, gzip;q=0.5"} {
		if got := r.do("GET", "/realtime/sessions/long", app, "", "Accept-Encoding", accept); got.Header.Get("Content-Encoding") != "" || !json.Valid(got.body) {
			t.Errorf("%s: %v", accept, got.Header)
		}
	}
	if short := r.do("GET", "/healthz", "", "", "Accept-Encoding", "gzip"); short.Header.Get("Content-Encoding") != "" {
		t.Errorf("a short answer is compressed: %s", short.body)
	}
	missing := r.do("GET", "/realtime/sessions/none", app, "", "Accept-Encoding", "gzip")
	if missing.StatusCode != 404 || !json.Valid(missing.body) {
		t.Errorf("a problem: %d %s", missing.StatusCode, missing.body)
	}
}

// An event stream is sent event by event, as it is.
func TestEventStreamsAreNotCompressed(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	r.open("streamed")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+"/realtime/sessions/streamed/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+app)
	req.Header.Set("Accept-Encoding", "gzip")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	first := make([]byte, 1)
	if _, err := io.ReadFull(res.Body, first); err != nil || res.Header.Get("Content-Encoding") != "" || first[0] == 0x1f {
		t.Errorf("%v, Content-Encoding = %q", err, res.Header.Get("Content-Encoding"))
	}
}

func TestDocumentsAreTaggedAndCompressed(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	for _, path := range []string{"/openapi.yaml", "/openapi.json", "/docs", "/docs/style.css"} {
		plain := r.do("GET", path, "", "", "Accept-Encoding", "identity")
		packed := r.do("GET", path, "", "", "Accept-Encoding", "gzip")
		if plain.StatusCode != 200 || packed.Header.Get("Content-Encoding") != "gzip" || !bytes.Equal(unpacked(t, packed), plain.body) || len(packed.body) > len(plain.body)/2 {
			t.Errorf("%s: %d, %d of %d bytes", path, plain.StatusCode, len(packed.body), len(plain.body))
		}
		if got := plain.Header.Values("Vary"); len(got) != 1 || got[0] != "Accept-Encoding" {
			t.Errorf("%s: Vary %v", path, got)
		}
		for _, a := range []answer{plain, packed} {
			accept := "identity"
			if coding := a.Header.Get("Content-Encoding"); coding != "" {
				accept = coding
			}
			again := r.do("GET", path, "", "", "Accept-Encoding", accept, "If-None-Match", a.Header.Get("ETag"))
			if again.StatusCode != 304 || len(again.body) > 0 {
				t.Errorf("%s as %q again: %d with %d bytes", path, accept, again.StatusCode, len(again.body))
			}
		}
		if head := r.do("HEAD", path, "", ""); head.StatusCode != 200 || len(head.body) > 0 || head.Header.Get("ETag") == "" {
			t.Errorf("HEAD %s: %d %v", path, head.StatusCode, head.Header)
		}
	}
}
