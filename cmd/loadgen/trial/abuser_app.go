package trial

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"strings"
	"sync/atomic"

	"switchboard/cmd/loadgen/endpoint"
)

const (
	openEvent    = 15 << 20 // of a client with the open policy; the API takes no longer audio
	restBody     = 1 << 20  // --body-bytes, about
	uploadLine   = 64 << 10
	leastUpload  = 20 << 20
	mostUpload   = 50 << 20
	spreadLines  = 2000 // of a batch whose endpoint is repeated in each
	sessionsEach = 4    // goroutines that create
)

// abuseKey does its worst with one API key of role app. At most creates sessions exist at
// once, and at most uploads files are sent in all.
func (a *abuser) abuseKey(ctx context.Context, creates, uploads int) {
	a.repeat(ctx, sessionsEach, "creates", func(ctx context.Context) string { return a.createMany(ctx, creates/sessionsEach) })
	a.repeat(ctx, 4, "creates, refused", a.createWrong)
	frame := appendOf(openEvent)
	a.repeat(ctx, 4, "open policy, frames of 15 MiB", func(ctx context.Context) string { return a.open(ctx, frame) })
	text := strings.Repeat("x", restBody-200)
	a.repeat(ctx, 2, "bodies of 1 MiB", func(ctx context.Context) string {
		return a.json(ctx, "realtime/sessions", `{"config":{"instructions":"`+text+`"},"labels":{"a":"`+text[:64]+`","b":7}}`)
	})
	a.repeat(ctx, 1, "bodies of 2 MiB", func(ctx context.Context) string {
		return a.json(ctx, "realtime/sessions", `{"config":{"instructions":"`+text+text+`"}}`)
	})
	a.repeat(ctx, 2, "batches with an endpoint of 1 MiB", func(ctx context.Context) string {
		return a.json(ctx, "api/batches", `{"endpoint":"`+text+`","requests":[{"body":{}}]}`)
	})
	wide := `{"endpoint":"/` + text[:restBody/2] + `","requests":[` + strings.Repeat(`{"body":{}},`, spreadLines) + `{"body":{}}]}`
	a.repeat(ctx, 2, "batches with a long endpoint and many lines", func(ctx context.Context) string { return a.json(ctx, "api/batches", wide) })
	var sent atomic.Int64
	a.repeat(ctx, 8, "uploads of 20 to 50 MB", func(ctx context.Context) string {
		if sent.Add(1) > int64(uploads) {
			return ""
		}
		return a.upload(ctx, leastUpload+rand.Int64N(mostUpload-leastUpload))
	})
}

// createMany creates n sessions and ends them.
func (a *abuser) createMany(ctx context.Context, n int) string {
	var made []string
	defer func() {
		for _, id := range made {
			a.node.Remove(id)
		}
	}()
	for range n {
		s, err := a.node.CreateFrom(ctx, map[string]any{"config": map[string]any{"instructions": strings.Repeat("Wait. ", 500)}})
		if err != nil {
			return statusOf(err)
		}
		made = append(made, s.ID)
		a.count(ctx, "creates", "201")
		if endpoint.Sleep(ctx, a.pause) != nil {
			break
		}
	}
	return ""
}

// createWrong asks for what is refused: by the gateway, or by the upstream.
func (a *abuser) createWrong(ctx context.Context) string {
	wrong := []string{
		`{"config":{"voice":"no such voice"}}`, `{"config":{"tools":[{"type":"none"}]}}`, `{"session_id":"a b"}`,
		`{"config":{"model":"` + strings.Repeat("m", 4000) + `"}}`, `{"client":{"policy":"none"}}`, `{"config":`,
	}
	return a.json(ctx, "realtime/sessions", wrong[rand.IntN(len(wrong))])
}

// open sends large frames over a session of its own with the open policy; nobody listens.
func (a *abuser) open(ctx context.Context, frame []byte) string {
	s, err := a.node.CreateFrom(ctx, map[string]any{
		"config": map[string]any{"instructions": endpoint.WordStream, "turn_detection": nil}, "client": map[string]string{"policy": "open"},
	})
	if err != nil {
		return statusOf(err)
	}
	defer a.node.Remove(s.ID)
	return a.flood(ctx, s, "open policy, frames of 15 MiB", frame)
}

// upload sends a file of JSON lines, every second one with a line at its end that is wrong.
func (a *abuser) upload(ctx context.Context, size int64) string {
	var head bytes.Buffer
	form := multipart.NewWriter(&head)
	_ = form.WriteField("endpoint", "/v1/chat/completions") // a buffer takes everything
	_, _ = form.CreateFormFile("file", "lines.jsonl")
	end := "\r\n--" + form.Boundary() + "--\r\n"
	if rand.IntN(2) == 0 {
		end = "no JSON\n" + end
	}
	body := &lines{left: size / uploadLine}
	whole := io.MultiReader(&head, body, strings.NewReader(end))
	return a.post(ctx, "api/batches", form.FormDataContentType(), -1, whole, nil)
}

var manyText = strings.Repeat("x", uploadLine-200)

// lines reads as requests of a batch, made while they are read.
type lines struct {
	left int64
	now  []byte
}

// Read gives the next part of a line.
func (l *lines) Read(b []byte) (int, error) {
	if len(l.now) == 0 {
		if l.left == 0 {
			return 0, io.EOF
		}
		l.left--
		l.now = fmt.Appendf(nil, `{"custom_id":"r%d","method":"POST","url":"/v1/chat/completions","body":{"model":"gpt-6-luna","messages":[{"role":"user","content":"%s"}]}}`+"\n",
			l.left, manyText)
	}
	n := copy(b, l.now)
	l.now = l.now[n:]
	return n, nil
}
