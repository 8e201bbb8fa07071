package gateway_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"switchboard/cmd/simulator/standin"
)

// Large bodies of one key take turns, so that they do not fill the memory; its small ones, with a
// length or without, and other keys do not wait for them.
func TestLargeBodiesOfAKeyTakeTurns(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	// A body that is refused once it was read whole.
	text := `{"labels":7,"config":{"instructions":"` + strings.Repeat("x", 1_000_000) + `"}}`
	post := func(key string, body io.Reader, length int64) <-chan int {
		req, err := http.NewRequestWithContext(t.Context(), "POST", r.url+"/realtime/sessions", body)
		if err != nil {
			t.Fatal(err)
		}
		req.ContentLength = length
		req.Header.Set("Authorization", "Bearer "+key)
		status := make(chan int, 1)
		go func() {
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Error(err)
				close(status)
				return
			}
			_ = res.Body.Close()
			status <- res.StatusCode
		}()
		return status
	}
	var began []*io.PipeWriter
	var answers []<-chan int
	for range 2 {
		body, rest := io.Pipe()
		answers = append(answers, post(app, body, int64(len(text))))
		if _, err := io.WriteString(rest, text[:300_000]); err != nil { // more than sockets take: it is read
			t.Fatal(err)
		}
		began = append(began, rest)
	}
	third := post(app, strings.NewReader(text), int64(len(text)))
	small := `{"labels":7}`
	for name, status := range map[string]<-chan int{
		"small":                  post(app, strings.NewReader(small), int64(len(small))),
		"small without a length": post(app, io.MultiReader(strings.NewReader(small)), -1),
		"another key's":          post(other, strings.NewReader(text), int64(len(text))),
	} {
		if got := <-status; got != 422 {
			t.Errorf("%s: %d", name, got)
		}
	}
	select {
	case got := <-third:
		t.Errorf("the third large one was answered with %d while two were on their way", got)
	default:
	}
	for i, rest := range began {
		go func() { _, _ = io.WriteString(rest, text[300_000:]); _ = rest.Close() }()
		if got := <-answers[i]; got != 422 {
			t.Errorf("large one %d: %d", i, got)
		}
	}
	if got := <-third; got != 422 {
		t.Errorf("the third: %d", got)
	}
}
