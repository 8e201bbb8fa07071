package gateway_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// signed is a request to a node, with a proof for what says.
func (f *fleet) signed(node, method, uri, body string, at time.Time, sent string) int {
	f.t.Helper()
	sum := sha256.Sum256([]byte(body))
	said := fmt.Sprintf("%d.%d.%s", at.Unix(), len(body), base64.RawURLEncoding.EncodeToString(sum[:]))
	mac := hmac.New(sha256.New, []byte(fleetSecret))
	fmt.Fprintf(mac, "%s\n%s\n%s\n%s", said, method, uri, node)
	r, err := http.NewRequestWithContext(f.t.Context(), "POST", f.nodes[0].url+"/internal/sessions/one?a=b", strings.NewReader(sent))
	if err != nil {
		f.t.Fatal(err)
	}
	r.Header.Set("Switchboard-Node", said+"."+base64.RawURLEncoding.EncodeToString(mac.Sum(nil)))
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		f.t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode
}

// What one node has signed is good for that request to that node, and nothing else.
func TestProofIsOfOneRequest(t *testing.T) {
	f := newFleet(t, 2)
	const uri, body = "/internal/sessions/one?a=b", `{"record":{"id":"two"}}`
	here, now := f.nodes[0].url, time.Now()
	for name, row := range map[string]struct {
		node, method, uri, sent string
		at                      time.Time
		want                    int
	}{
		"right":         {here, "POST", uri, body, now, 400}, // it is no snapshot of this session
		"another node":  {f.nodes[1].url, "POST", uri, body, now, 401},
		"another path":  {here, "POST", "/internal/sessions/two?a=b", body, now, 401},
		"another query": {here, "POST", "/internal/sessions/one?a=c", body, now, 401},
		"no query":      {here, "POST", "/internal/sessions/one", body, now, 401},
		"another verb":  {here, "GET", uri, body, now, 401},
		"stale":         {here, "POST", uri, body, now.Add(-2 * time.Minute), 401},
		"of the future": {here, "POST", uri, body, now.Add(2 * time.Minute), 401},
		"another body":  {here, "POST", uri, strings.Replace(body, "two", "six", 1), now, 400},
		"a longer body": {here, "POST", uri, body + " ", now, 400},
		"a shorter one": {here, "POST", uri, body[1:], now, 400},
	} {
		if got := f.signed(row.node, row.method, row.uri, body, row.at, row.sent); got != row.want {
			t.Errorf("%s: %d, want %d", name, got, row.want)
		}
	}
}

// endless is a body that never ends and knows how much of it was taken.
type endless struct{ taken atomic.Int64 }

func (e *endless) Read(p []byte) (int, error) {
	e.taken.Add(int64(len(p)))
	return len(p), nil
}

// Who is nobody is refused before what he sends is read.
func TestStrangersBodiesAreNotRead(t *testing.T) {
	f := newFleet(t, 1)
	for _, header := range []string{"", "x", fmt.Sprintf("%d.9.%s.AAAA", time.Now().Unix(), strings.Repeat("A", 43))} {
		body := &endless{}
		r, err := http.NewRequestWithContext(t.Context(), "POST", f.nodes[0].url+"/internal/sessions/one", io.LimitReader(body, 60<<20))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Switchboard-Node", header)
		res, err := http.DefaultClient.Do(r)
		if err == nil {
			res.Body.Close()
			if res.StatusCode != 401 {
				t.Errorf("header %q: %d", header, res.StatusCode)
			}
		} // else the connection was closed while it was still written
		if taken := body.taken.Load(); taken > 16<<20 {
			t.Errorf("header %q: %d bytes were read", header, taken)
		}
	}
}
