package trial

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"switchboard/cmd/loadgen/endpoint"
)

// New connections go to nodes that are ready; when none is, to any.
func TestBalancer(t *testing.T) {
	var ready [2]atomic.Bool
	var addresses []string
	for i := range ready {
		node := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/readyz" && !ready[i].Load() {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			fmt.Fprint(w, i)
		}))
		t.Cleanup(node.Close)
		addresses = append(addresses, strings.TrimPrefix(node.URL, "http://"))
	}
	b, err := newBalancer(addresses)
	if err != nil {
		t.Fatal(err)
	}
	defer b.stop()
	target, err := endpoint.NewTarget("front", b.url(), 0, endpoint.Access{})
	if err != nil {
		t.Fatal(err)
	}
	target.Client.Transport = &http.Transport{DisableKeepAlives: true}
	reached := func() string {
		body, err := target.Rest(context.Background(), http.MethodGet, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	for seen := map[string]bool{}; len(seen) < 2; {
		seen[reached()] = true
	}
	ready[1].Store(true)
	for in := 0; in < 20; in++ { // as soon as the balancer knows, all go there
		if reached() != "1" {
			in = 0
		}
	}
}
