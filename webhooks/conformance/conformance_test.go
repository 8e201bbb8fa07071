package conformance_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/openai/openai-go/v3"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"switchboard/gateway/openapi"
	"switchboard/gateway/role"
	"switchboard/session/redisstore/redistest"
	"switchboard/webhooks"
	"switchboard/webhooks/seal"
)

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="

// Bodies with what libraries may treat differently: spaces, non-ASCII text, escapes, a line end.
var bodies = []string{
	`{"object":"event","id":"evt_1","type":"batch.completed","created_at":1767233035,"data":{"id":"batch_1"}}`,
	"{ \"type\": \"response.completed\",\n  \"data\": {\"id\": \"resp_1\", \"note\": \"Grüße, 世界 \\u00e9 \\/\"} }\n",
}

// peer is the Node.js program.
type peer struct {
	in  io.WriteCloser
	out *bufio.Reader
}

type question struct {
	Op        string            `json:"op"`
	Lib       string            `json:"lib"`
	Secret    string            `json:"secret"`
	ID        string            `json:"id,omitempty"`
	Timestamp int64             `json:"timestamp,omitempty"`
	Headers   map[string]string `json:"headers,omitempty"`
	Body      string            `json:"body"`
}

type answer struct {
	Signature string `json:"signature"`
	OK        bool   `json:"ok"`
	Error     string `json:"error"`
}

func startPeer(t *testing.T) *peer {
	t.Helper()
	node := exec.Command("node", "peer.mjs")
	in, err := node.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := node.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var trouble bytes.Buffer
	node.Stderr = &trouble
	if err := node.Start(); err != nil {
		t.Fatalf("%v: this test needs Node.js, and its packages: npm ci --prefix webhooks/conformance", err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := node.Wait(); err != nil {
			t.Errorf("%v: %s (installed? npm ci --prefix webhooks/conformance)", err, trouble.String())
		}
	})
	return &peer{in, bufio.NewReader(out)}
}

func (p *peer) ask(t *testing.T, q question) (a answer) {
	t.Helper()
	line, _ := json.Marshal(q)
	if _, err := p.in.Write(append(line, '\n')); err != nil {
		t.Fatal(err)
	}
	reply, err := p.out.ReadBytes('\n')
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	if err := json.Unmarshal(reply, &a); err != nil {
		t.Fatal(err)
	}
	return a
}

// serve runs a server and returns its address.
func serve(t *testing.T) (*webhooks.Server, string) {
	t.Helper()
	hooks, err := webhooks.New(webhooks.Options{
		Config: webhooks.Config{Secrets: []seal.Secret{secret}, AllowNetworks: []string{"127.0.0.0/8"}, Workers: 1},
		Redis:  redistest.Mini(t), API: openai.NewClient(),
	})
	if err != nil {
		t.Fatal(err)
	}
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	ann := func(role.Role) gin.HandlerFunc {
		return func(c *gin.Context) {
			c.Request = c.Request.WithContext(role.With(c.Request.Context(), role.Caller{Key: "ann", Role: role.Admin}))
		}
	}
	if _, err := openapi.Mount(openapi.Options{Engine: engine, Admit: ann, Title: "test", Version: "1"}, hooks.Routes()); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(engine)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); hooks.Run(ctx) }()
	t.Cleanup(func() { server.Close(); cancel(); <-done })
	return hooks, server.URL
}

func TestDeliveriesOfOtherLibrariesAreAccepted(t *testing.T) {
	p := startPeer(t)
	_, address := serve(t)
	goSigner, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for i, body := range bodies {
		for _, lib := range []string{"standardwebhooks", "openai", "go"} {
			id := fmt.Sprintf("wh_%s_%d", lib, i)
			a := answer{}
			if lib == "go" {
				a.Signature, err = goSigner.Sign(id, now, []byte(body))
			} else {
				a = p.ask(t, question{Op: "sign", Lib: lib, Secret: secret, ID: id, Timestamp: now.Unix(), Body: body})
			}
			if err != nil || a.Signature == "" {
				t.Fatalf("%s did not sign: %s %v", lib, a.Error, err)
			}
			for _, good := range []bool{true, false} {
				sent := body
				if !good {
					sent += " "
				}
				r, _ := http.NewRequest("POST", address+"/webhooks/openai", bytes.NewReader([]byte(sent)))
				r.Header.Set("webhook-id", id)
				r.Header.Set("webhook-timestamp", strconv.FormatInt(now.Unix(), 10))
				r.Header.Set("webhook-signature", a.Signature)
				resp, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				if (resp.StatusCode == 200) != good {
					t.Errorf("%s, body %d, good %v: %d", lib, i, good, resp.StatusCode)
				}
			}
		}
	}
}

func TestOurDeliveriesAreAcceptedByOtherLibraries(t *testing.T) {
	p := startPeer(t)
	_, address := serve(t)
	type delivery struct {
		headers http.Header
		body    string
	}
	got := make(chan delivery, 10)
	subscriber := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- delivery{r.Header, string(body)}
	}))
	defer subscriber.Close()
	var made struct{ ID, Secret string }
	post(t, address+"/webhooks/subscriptions", map[string]any{"url": subscriber.URL, "event_types": []string{"*"}}, &made)
	secrets := []string{made.Secret}
	for range 2 { // before and after its secret is rotated
		post(t, address+"/webhooks/subscriptions/"+made.ID+"/test", nil, nil)
		d := <-got
		headers := map[string]string{
			"webhook-id": d.headers.Get("webhook-id"), "webhook-timestamp": d.headers.Get("webhook-timestamp"),
			"webhook-signature": d.headers.Get("webhook-signature"),
		}
		for _, s := range secrets {
			for _, lib := range []string{"standardwebhooks", "openai"} {
				if a := p.ask(t, question{Op: "verify", Lib: lib, Secret: s, Headers: headers, Body: d.body}); !a.OK {
					t.Errorf("%s refuses: %s", lib, a.Error)
				}
				if a := p.ask(t, question{Op: "verify", Lib: lib, Secret: s, Headers: headers, Body: d.body + " "}); a.OK {
					t.Errorf("%s accepts a changed body", lib)
				}
			}
			goLibrary, err := standardwebhooks.NewWebhook(s)
			if err != nil || goLibrary.Verify([]byte(d.body), d.headers) != nil {
				t.Errorf("Go standard-webhooks refuses")
			}
		}
		var rotated struct{ Secret string }
		post(t, address+"/webhooks/subscriptions/"+made.ID+"/rotate-secret", map[string]any{}, &rotated)
		secrets = append(secrets, rotated.Secret)
	}
}

func post(t *testing.T, url string, body, into any) {
	t.Helper()
	raw, _ := json.Marshal(body)
	if body == nil {
		raw = nil
	}
	resp, err := http.Post(url, "application/json", bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(resp.Body)
	if resp.StatusCode/100 != 2 {
		t.Fatalf("%s: %d %s", url, resp.StatusCode, answer)
	}
	if into != nil {
		if err := json.Unmarshal(answer, into); err != nil {
			t.Fatal(err)
		}
	}
}
