package upstream_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"switchboard/session/upstream"
)

func TestShutdownOfAModel(t *testing.T) {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer sk-test" {
			t.Errorf("asked with %q", r.Header.Get("Authorization"))
		}
		answer, ok := map[string]string{
			"ends": `{"id":"ends","shutdown_date":"2027-01-20"}`, "stays": `{"shutdown_date":null}`, "plain": `{"id":"plain"}`, "odd": `{"shutdown_date":1800000000}`,
			"ft:a/b": `{"shutdown_date":"2027-02-26"}`, "broken": `{`, "endless": `{"x":"` + strings.Repeat("x", 1<<20),
		}[strings.TrimPrefix(r.URL.Path, "/v1/models/")]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
		}
		fmt.Fprint(w, answer)
	}))
	defer api.Close()
	for _, scheme := range []string{"http", "ws"} {
		dialer, err := upstream.New(upstream.Options{BaseURL: strings.Replace(api.URL, "http", scheme, 1) + "/v1", Key: "sk-test"})
		if err != nil {
			t.Fatal(err)
		}
		for model, want := range map[string]string{"ends": "2027-01-20", "stays": "", "plain": "", "odd": "", "ft:a/b": "2027-02-26", "broken": "error", "endless": "error", "none": "error"} {
			day, err := dialer.Shutdown(t.Context(), model)
			got := ""
			switch {
			case err != nil:
				got = "error"
			case !day.IsZero():
				got = day.Format(time.DateOnly)
			}
			if got != want {
				t.Errorf("%s, %s: %s (%v), want %s", scheme, model, got, err, want)
			}
		}
	}
	http.DefaultClient.CloseIdleConnections()
}
