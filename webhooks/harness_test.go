package webhooks_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/redis/go-redis/v9"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/tidwall/gjson"
	"go.uber.org/goleak"

	"switchboard/cmd/simulator/standin"
	"switchboard/gateway/openapi"
	"switchboard/gateway/role"
	"switchboard/session/redisstore/redistest"
	"switchboard/webhooks"
	"switchboard/webhooks/seal"
)

const (
	testSecret  = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="
	otherSecret = "whsec_b3RoZXItc2VjcmV0LW9mLXRoaXJ0eS10d28tYnl0ZXM="
	patience    = time.Minute
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	redistest.Main(m, func() error { return goleak.Find() })
}

// node is one gateway-like server with a stand-in behind it.
type node struct {
	t      *testing.T
	hooks  *webhooks.Server
	server *httptest.Server
	stand  *standin.Server
	front  *front           // before the stand-in
	api    *httptest.Server // the stand-in's address
	logged *logBook
}

// config is that of tests: quick, and open to this machine's subscribers.
func config() webhooks.Config {
	return webhooks.Config{
		Secrets: []seal.Secret{testSecret}, SmokePrompt: "Who are you?", Workers: 4,
		PollFirst: 20 * time.Millisecond, AllowNetworks: []string{"127.0.0.0/8"}, DisableAfter: time.Hour,
		NotifyEvery: time.Millisecond, Discover: time.Hour,
	}
}

// start runs a node on rdb; its stand-in delivers webhooks to it.
func start(t *testing.T, rdb redis.UniversalClient, cfg webhooks.Config, jobs standin.JobOptions) *node {
	t.Helper()
	n := &node{t: t, logged: newLogBook(t)}
	engine := gin.New()
	n.server = httptest.NewServer(engine)
	if jobs.BatchTime == 0 {
		jobs.BatchTime = 100 * time.Millisecond
	}
	if jobs.TuneTime == 0 {
		jobs.TuneTime = 150 * time.Millisecond
	}
	jobs.Webhook = standin.Endpoint{URL: n.server.URL + "/webhooks/openai", Secret: testSecret}
	jobs.RetryFirst = 20 * time.Millisecond
	n.stand = standin.New(standin.Options{Jobs: jobs})
	n.front = &front{handler: n.stand}
	n.api = httptest.NewServer(n.front)
	n.hooks = newWebhooks(t, rdb, cfg, n.api.URL, t.Name(), n.logged)
	mount(t, engine, n.hooks)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); n.hooks.Run(ctx) }()
	t.Cleanup(func() {
		n.stand.Close()
		cancel()
		<-done
		n.server.Close()
		n.api.Close()
	})
	return n
}

func newWebhooks(t *testing.T, rdb redis.UniversalClient, cfg webhooks.Config, api, name string, logged io.Writer) *webhooks.Server {
	t.Helper()
	hooks, err := webhooks.New(webhooks.Options{
		Config: cfg, Redis: rdb, Node: name, Logger: slog.New(slog.NewTextHandler(logged, &slog.HandlerOptions{Level: slog.LevelDebug})),
		API: openai.NewClient(option.WithBaseURL(api+"/v1/"), option.WithAPIKey("sk-test"), option.WithMaxRetries(0)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return hooks
}

// allow stands for the gateway's authentication: a key is its role, or its role, a dot and more.
func allow(least role.Role) gin.HandlerFunc {
	return func(c *gin.Context) {
		key := strings.TrimPrefix(c.GetHeader("Authorization"), "Bearer ")
		given, _, _ := strings.Cut(key, ".")
		if !role.Role(given).AtLeast(least) {
			c.AbortWithStatus(http.StatusForbidden)
			return
		}
		c.Request = c.Request.WithContext(role.With(c.Request.Context(), role.Caller{Key: key, Role: role.Role(given)}))
	}
}

// mount serves the routes of hooks as the gateway does, and returns the document that describes them.
func mount(t *testing.T, engine *gin.Engine, hooks *webhooks.Server) *huma.OpenAPI {
	t.Helper()
	doc, err := openapi.Mount(openapi.Options{Engine: engine, Admit: allow, Title: "test", Version: "1"}, hooks.Routes())
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// call makes a request as an admin and returns the status and the body.
func (n *node) call(method, path string, body any) (int, gjson.Result) {
	n.t.Helper()
	var reader io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			n.t.Fatal(err)
		}
		reader = bytes.NewReader(raw)
	}
	r, _ := http.NewRequest(method, n.server.URL+path, reader)
	r.Header.Set("Authorization", "Bearer admin")
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	return n.do(r)
}

func (n *node) do(r *http.Request) (int, gjson.Result) {
	n.t.Helper()
	resp, err := n.server.Client().Do(r)
	if err != nil {
		n.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	return resp.StatusCode, gjson.ParseBytes(raw)
}

// must is call for what has to succeed.
func (n *node) must(method, path string, body any) gjson.Result {
	n.t.Helper()
	status, answer := n.call(method, path, body)
	if status >= 300 {
		n.t.Fatalf("%s %s: %d %s", method, path, status, answer.Raw)
	}
	return answer
}

// await asks until the answer holds.
func (n *node) await(path string, holds func(gjson.Result) bool) gjson.Result {
	n.t.Helper()
	var last gjson.Result
	if !eventually(func() bool { last = n.must("GET", path, nil); return holds(last) }) {
		n.t.Fatalf("%s never came to hold; last: %s", path, last.Raw)
	}
	return last
}

func eventually(holds func() bool) bool { return eventuallyWithin(patience, holds) }

func eventuallyWithin(d time.Duration, holds func() bool) bool {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(d); ; {
		if holds() {
			return true
		}
		select {
		case <-tick.C:
		case <-limit:
			return false
		}
	}
}

// signed is a delivery as OpenAI makes it.
func signed(t testing.TB, url, secret, id string, at time.Time, body []byte) *http.Request {
	t.Helper()
	r, err := http.NewRequest("POST", url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	webhook, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := webhook.Sign(id, at, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("webhook-id", id)
	r.Header.Set("webhook-timestamp", strconv.FormatInt(at.Unix(), 10))
	r.Header.Set("webhook-signature", signature)
	return r
}

// training gives OpenAI a file to train with.
func (n *node) training() string {
	n.t.Helper()
	client := openai.NewClient(option.WithBaseURL(n.api.URL+"/v1/"), option.WithAPIKey("sk-test"))
	line := `{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"ahoy"}]}` + "\n"
	f, err := client.Files.New(n.t.Context(), openai.FileNewParams{
		File: openai.File(strings.NewReader(strings.Repeat(line, 10)), "train.jsonl", "application/jsonl"), Purpose: openai.FilePurposeFineTune,
	})
	if err != nil {
		n.t.Fatal(err)
	}
	return f.ID
}

// deliver posts a good delivery.
func (n *node) deliver(id, body string) (int, gjson.Result) {
	n.t.Helper()
	return n.do(signed(n.t, n.server.URL+"/webhooks/openai", testSecret, id, time.Now(), []byte(body)))
}

// logBook keeps what the server logs.
type logBook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBook) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// newLogBook shows what was logged if the test fails.
func newLogBook(t *testing.T) *logBook {
	t.Helper()
	book := &logBook{}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(book.text())
		}
	})
	return book
}
