package trial

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gobwas/ws"

	"switchboard/cmd/loadgen/endpoint"
)

// abuser attacks one node with one kind of access, from many goroutines at once. It counts
// the answers by attack and status.
type abuser struct {
	who   string
	node  endpoint.Target
	pause time.Duration // of each goroutine between two attempts
	only  string        // part of the names of the attacks that are made; "" is in all

	running sync.WaitGroup

	mu      sync.Mutex
	answers map[string]map[string]int // attack → status → count; guarded by mu
}

func newAbuser(who string, node endpoint.Target, pause time.Duration, only string) *abuser {
	node.Client = &http.Client{Timeout: time.Minute, Transport: &http.Transport{
		MaxIdleConnsPerHost: 100, ExpectContinueTimeout: time.Second,
	}}
	return &abuser{who: who, node: node, pause: pause, only: only, answers: make(map[string]map[string]int)}
}

// repeat attacks from n goroutines until ctx ends. The attack returns the status of its
// answer; "" is not counted.
func (a *abuser) repeat(ctx context.Context, n int, attack string, try func(context.Context) string) {
	if !strings.Contains(attack, a.only) {
		return
	}
	for range n {
		a.running.Go(func() {
			for ctx.Err() == nil {
				a.count(ctx, attack, try(ctx))
				if endpoint.Sleep(ctx, a.pause) != nil {
					return
				}
			}
		})
	}
}

// wait waits for the goroutines of repeat, once their context has ended.
func (a *abuser) wait() {
	a.running.Wait()
	a.node.HangUp()
}

// count counts an answer. One that came after the end of the trial is the trial's own doing.
func (a *abuser) count(ctx context.Context, attack, status string) {
	if status == "" || ctx.Err() != nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.answers[attack] == nil {
		a.answers[attack] = make(map[string]int)
	}
	a.answers[attack][status]++
}

// post sends a body as it is read and returns the answer's status.
func (a *abuser) post(ctx context.Context, path, kind string, length int64, body io.Reader, header http.Header) string {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.node.Root.JoinPath(path).String(), body)
	if err != nil {
		return statusOf(err)
	}
	r.ContentLength = length
	maps.Copy(r.Header, header)
	r.Header.Set("Content-Type", kind)
	if a.node.Key != "" {
		r.Header.Set("Authorization", "Bearer "+a.node.Key)
	}
	answer, err := a.node.Client.Do(r)
	if err != nil {
		return statusOf(err)
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 1<<20)) // the connection can be used again
	return fmt.Sprint(answer.StatusCode)
}

// json posts a JSON body.
func (a *abuser) json(ctx context.Context, path, body string) string {
	return a.post(ctx, path, "application/json", int64(len(body)), strings.NewReader(body), nil)
}

// statusOf names the end of a request or a connection.
func statusOf(err error) string {
	var gone *endpoint.Closed
	var status ws.StatusError
	var no *endpoint.Refused
	var late net.Error
	switch {
	case err == nil:
		return "taken"
	case errors.As(err, &gone):
		return fmt.Sprint("close ", gone.Code)
	case errors.As(err, &status):
		return fmt.Sprint(int(status))
	case errors.As(err, &no):
		return fmt.Sprint(no.Status)
	case errors.As(err, &late) && late.Timeout():
		return "time-out"
	}
	return "cut off"
}

// letters reads as n bytes of the letter x.
func letters(n int64) io.Reader { return io.LimitReader(letterReader{}, n) }

type letterReader struct{}

var manyLetters = bytes.Repeat([]byte("x"), 32<<10)

func (letterReader) Read(b []byte) (int, error) { return copy(b, manyLetters), nil }

// largeFrame is a masked text frame whose message has exactly that many bytes.
func largeFrame(before, after string, size int) []byte {
	message := before + strings.Repeat("A", max(size-len(before)-len(after), 0)/4*4) + after
	return ws.MustCompileFrame(ws.MaskFrameInPlace(ws.NewTextFrame([]byte(message))))
}

// appendOf is an append of that many bytes.
func appendOf(size int) []byte {
	return largeFrame(`{"type":"input_audio_buffer.append","audio":"`, `"}`, size)
}

// socket is a connection of an abuser that is given up when the trial ends.
func (a *abuser) socket(ctx context.Context, to endpoint.Created, query string) (*endpoint.Conn, func(), error) {
	relay := *to.Relay
	relay.RawQuery = query
	c, err := a.node.Dial(ctx, &relay, to.Secret)
	if err != nil {
		return nil, nil, err
	}
	stop := context.AfterFunc(ctx, func() { c.Close() })
	return c, func() { stop(); c.HangUp() }, nil
}

// drain reads a socket until it ends, counts the errors that it is told of, and returns how it ended.
func (a *abuser) drain(ctx context.Context, c *endpoint.Conn, attack string) error {
	for {
		message, err := c.Read()
		if err != nil {
			return err
		}
		if code, ok := errorCode(message); ok {
			a.count(ctx, attack, code)
		}
	}
}
