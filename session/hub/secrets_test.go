package hub_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"switchboard/session"
	"switchboard/session/hub"
	"switchboard/session/sessiontest"
	"switchboard/webhooks/seal"
)

// armed is a configuration whose tools carry secrets, in every place that may.
const armed = `{"type":"realtime","instructions":"be kind","tools":[` +
	`{"type":"mcp","server_label":"crm","server_url":"https://crm.example/mcp","authorization":"Bearer s3cr3t-A","headers":{"X-Key":"s3cr3t-B"}},` +
	`{"type":"mcp","server_label":"zap","server_url":"https://user:s3cr3t-C@zap.example/s3cr3t-D-0123456789abcdef/sse?key=s3cr3t-E"},` +
	`{"type":"function","name":"f","parameters":{"type":"object","properties":{"headers":{"type":"string"},"authorization":{"type":"string"}}}}]}`

var allSecrets = []string{"s3cr3t-A", "s3cr3t-B", "s3cr3t-C", "s3cr3t-D", "s3cr3t-E"}

// Ways in which an API may tell the session that it was configured with.
var echoes = map[string]func(tools string) string{
	"as it was": func(tools string) string { return tools },
	"redacted": func(string) string {
		return `[{"type":"mcp","server_label":"crm","server_url":"https://crm.example/<redacted>","authorization":"<redacted>","headers":null,"allowed_tools":null},` +
			`{"type":"mcp","server_label":"zap","server_url":"https://zap.example","headers":{"X":"***"}},{"type":"function","name":"f","parameters":{"type":"object","properties":{"headers":{"type":"string"},"authorization":{"type":"string"}}}}]`
	},
	"left out": func(string) string {
		return `[{"type":"mcp","server_label":"crm","server_url":"https://crm.example/mcp"},{"type":"mcp","server_label":"zap"},{"type":"function","name":"f","parameters":{"type":"object","properties":{"headers":{"type":"string"},"authorization":{"type":"string"}}}}]`
	},
}

func toolsOf(config string) string {
	var c struct {
		Tools   json.RawMessage
		Session struct{ Tools json.RawMessage }
	}
	_ = json.Unmarshal([]byte(config), &c)
	if c.Tools == nil {
		c.Tools = c.Session.Tools
	}
	return string(c.Tools)
}

// answering sends what an upstream answers to a session.update, with its tools as echo has them.
func answering(t *testing.T, up *sessiontest.Conn, tools string) {
	t.Helper()
	send(t, up, strings.NewReplacer("session.created", "session.updated", `"tools":[]`, `"tools":`+tools).Replace(createdFor("sess_x", time.Hour)))
}

func sealer(t testing.TB, key string) session.Sealer {
	t.Helper()
	box, err := seal.ForSessions(key)
	if err != nil {
		t.Fatal(err)
	}
	return box
}

// leaks reports the secrets that a text has, as it is or within the JSON of it.
func leaks(t *testing.T, where, text string) {
	t.Helper()
	for _, s := range allSecrets {
		if strings.Contains(text, s) {
			t.Errorf("%s has %s: %s", where, s, text)
		}
	}
}

// tellsAll fails if an update leaves a secret out.
func tellsAll(t *testing.T, update string) {
	t.Helper()
	for _, s := range append(allSecrets, `"properties":{"authorization":{"type":"string"},"headers":{"type":"string"}}`) {
		if !strings.Contains(update, s) {
			t.Errorf("the upstream is not told %s: %s", s, update)
		}
	}
	if strings.Contains(update, "redacted") {
		t.Errorf("the upstream is told what stands for a secret: %s", update)
	}
}

// openArmed opens a session with secrets on a node.
func openArmed(t *testing.T, fx *fixture, echo func(string) string) (*hub.Controller, *sessiontest.Conn) {
	t.Helper()
	var c *hub.Controller
	done := make(chan error, 1)
	go func() {
		var err error
		c, err = fx.hub.Create(t.Context(), session.Spec{ID: "s", Config: json.RawMessage(armed)})
		done <- err
	}()
	up := <-fx.ends
	send(t, up, createdFor("sess_1", time.Hour))
	update := want(t, up, "session.update")
	answering(t, up, echo(toolsOf(update)))
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return c, up
}

// stored is all that the store has of the session, as text.
func stored(t *testing.T, fx *fixture) string {
	t.Helper()
	r, err := fx.mem.Record(t.Context(), "s")
	if err != nil {
		t.Fatal(err)
	}
	events, err := fx.mem.Events(t.Context(), "s", "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal([]any{r, events})
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// Secrets reach every upstream of a session, on every node, and nobody else.
func TestSecretsReachEveryUpstreamAndNobodyElse(t *testing.T) {
	for name, echo := range echoes {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b, cut := pair(t, func(o *hub.Options) { o.Sealer = sealer(t, "k") })
				defer b.stop()
				defer a.stop()
				c, up := openArmed(t, a, echo)
				cl, _ := a.attach(c, session.Open())
				send(t, up, item("i1", "user", "input_text", "hello"))
				want(t, cl, "i1")

				t.Log("an update that leaves them out keeps them")
				send(t, cl, `{"type":"session.update","event_id":"x","session":{"type":"realtime","tools":`+toolsOf(string(c.Record().Session))+`}}`)
				update := want(t, up, "session.update")
				tellsAll(t, update)
				answering(t, up, echo(toolsOf(update)))
				leaks(t, "session.updated", want(t, cl, "session.updated"))

				t.Log("the upstream is lost")
				up.Drop()
				up = <-a.ends
				send(t, up, createdFor("sess_2", time.Hour))
				update = want(t, up, "session.update")
				tellsAll(t, update)
				answering(t, up, echo(toolsOf(update)))
				want(t, up, "conversation.item.create")
				send(t, up, `{"type":"conversation.item.added","event_id":"x","item":{"id":"i1","type":"message"}}`)
				leaks(t, "renewed", want(t, cl, "renewed"))
				other, _ := a.attachAt(c, hub.Attachment{Policy: session.Voice(), LastEventID: "nobody knows"})
				leaks(t, "reset", want(t, other, "switchboard.session.reset"))
				leaks(t, "session.created", createdOf(t, c))
				synctest.Wait()
				leaks(t, "the store", stored(t, a))

				t.Log("the node is lost")
				cut.set(true)
				for err := error(nil); err == nil; {
					_, err = cl.Receive()
				}
				up = <-b.ends
				send(t, up, createdFor("sess_3", time.Hour))
				update = want(t, up, "session.update")
				tellsAll(t, update)
				answering(t, up, echo(toolsOf(update)))
				want(t, up, "conversation.item.create")
				send(t, up, `{"type":"conversation.item.added","event_id":"x","item":{"id":"i1","type":"message"}}`)
				synctest.Wait()
				leaks(t, "the store", stored(t, b))
			})
		})
	}
}

// createdOf is the first event of a client that attaches.
func createdOf(t *testing.T, c *hub.Controller) string {
	t.Helper()
	ours, theirs := sessiontest.Pipe()
	left := make(chan error, 1)
	go func() { left <- c.Attach(theirs, &hub.Attachment{Policy: session.Voice()}) }()
	created := want(t, ours, "session.created")
	ours.Drop()
	<-left
	return created
}

// A node that hands a session over hands its secrets over.
func TestSecretsAreHandedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, _ := pair(t, func(o *hub.Options) { o.Sealer = sealer(t, "k") })
		defer b.stop()
		time.Sleep(6 * time.Second) // until both are announced
		openArmed(t, a, echoes["left out"])
		a.stop()
		up := <-b.ends
		send(t, up, createdFor("sess_2", time.Hour))
		update := want(t, up, "session.update")
		tellsAll(t, update)
		answering(t, up, toolsOf(update))
	})
}

// Without a key, or with another, the session goes on and nothing is written in plain text.
func TestSecretsWithoutAKeyAreNotWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fx := start(t)
		defer fx.stop()
		openArmed(t, fx, echoes["as it was"])
		time.Sleep(time.Second)
		leaks(t, "the store", stored(t, fx))
	})
	box, other := sealer(t, "k"), sealer(t, "l")
	text := box.Seal("s", []byte("secret"))
	for name, open := range map[string]func() ([]byte, error){
		"another key":     func() ([]byte, error) { return other.Open("s", text) },
		"another session": func() ([]byte, error) { return box.Open("t", text) },
		"plain text":      func() ([]byte, error) { return box.Open("s", "v0:c2VjcmV0") },
	} {
		if got, err := open(); err == nil {
			t.Errorf("%s opens %q", name, got)
		}
	}
}

// An update decides what becomes of the secrets: another address is told none that was meant for
// the one before, another secret takes the place of the old one, a tool that is gone takes its own along.
func TestUpdatesDecideAboutSecrets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fx := start(t, func(o *hub.Options) { o.AckTimeout = time.Second })
		defer fx.stop()
		c, up := openArmed(t, fx, echoes["left out"])
		cl, _ := fx.attach(c, session.Open())
		change := func(tools string) (update string) {
			t.Helper()
			send(t, cl, `{"type":"session.update","event_id":"x","session":{"type":"realtime","tools":`+tools+`}}`)
			update = want(t, up, "session.update")
			answering(t, up, `[]`)
			want(t, cl, "session.updated")
			return update
		}
		for _, elsewhere := range []string{
			`[{"type":"mcp","server_label":"crm","server_url":"https://evil.example/mcp"}]`,
			`[{"type":"mcp","server_label":"crm","connector_id":"connector_gmail"}]`,
			`[{"type":"mcp","server_label":"zap","server_url":"https://zap.example/elsewhere"}]`,
			`[{"type":"mcp","server_label":"zap","server_url":"https://evil.example/<redacted>"}]`,
			`[{"type":"mcp","server_label":"other","server_url":"https://crm.example/mcp"}]`,
		} {
			send(t, cl, `{"type":"session.update","event_id":"x","session":{"type":"realtime","tools":`+elsewhere+`}}`)
			leaks(t, "what another server is told", want(t, up, "session.update"))
			send(t, up, `{"type":"error","event_id":"e","error":{"type":"invalid_request_error","code":"invalid_value","message":"no","param":"session.tools","event_id":"x"}}`)
			want(t, cl, `"error"`)
		}
		update := change(`[{"type":"mcp","server_label":"crm","server_url":"https://crm.example/mcp","authorization":"Bearer fresh"}]`)
		if !strings.Contains(update, "Bearer fresh") || strings.Contains(update, "s3cr3t-A") || !strings.Contains(update, "s3cr3t-B") {
			t.Errorf("a new secret: %s", update)
		}
		change(`[]`)
		update = change(`[{"type":"mcp","server_label":"crm","server_url":"https://crm.example/mcp"}]`)
		if strings.Contains(update, "fresh") || strings.Contains(update, "s3cr3t") {
			t.Errorf("the tool was gone: %s", update)
		}
	})
}

// An application that changes a session by what it was shown of it loses nothing.
func TestUpdateByWhatIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fx := start(t)
		defer fx.stop()
		c, up := openArmed(t, fx, echoes["as it was"])
		shown := make(chan string, 1)
		go func() {
			effective, err := c.Update(t.Context(), json.RawMessage(`{"instructions":"be kinder","tools":`+toolsOf(string(c.Record().Session))+`}`))
			if err != nil {
				t.Error(err)
			}
			shown <- string(effective)
		}()
		update := want(t, up, "session.update")
		tellsAll(t, update)
		answering(t, up, toolsOf(update))
		leaks(t, "the answer", <-shown)
	})
}

// An error that repeats a secret is told without it.
func TestErrorsAreToldWithoutSecrets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fx := start(t)
		defer fx.stop()
		c, up := openArmed(t, fx, echoes["left out"])
		cl, _ := fx.attach(c, session.Open())
		send(t, cl, `{"type":"session.update","event_id":"x","session":{"type":"realtime","tools":[{"type":"mcp","server_label":"n","server_url":"https://n.example/","authorization":"s3cr3t-C"}]}}`)
		want(t, up, "session.update")
		send(t, up, `{"type":"error","event_id":"e","error":{"type":"invalid_request_error","code":"invalid_value","message":"Neither s3cr3t-C nor s3cr3t-A will do.","param":"session.tools","event_id":"x"}}`)
		got := want(t, cl, "Neither", `"event_id":"x"`)
		leaks(t, "the error", got)

		errs := make(chan error, 1)
		go func() {
			_, err := fx.hub.Create(t.Context(), session.Spec{ID: "t", Config: json.RawMessage(armed)})
			errs <- err
		}()
		up = <-fx.ends
		send(t, up, createdFor("sess_2", time.Hour))
		want(t, up, "session.update")
		send(t, up, `{"type":"error","event_id":"e","error":{"type":"invalid_request_error","code":"invalid_value","message":"Bad: Bearer s3cr3t-A","param":"session.tools","event_id":null}}`)
		var refused *session.UpstreamError
		if err := <-errs; !errors.As(err, &refused) {
			t.Error(err)
		}
		leaks(t, "the answer", refused.Message)
	})
}

// Events that carry no secret stay as they are to the byte, also those that carry a session.
func TestSessionsWithoutSecretsAreRelayedToTheByte(t *testing.T) {
	talking(t, time.Hour, func(t *testing.T, fx *fixture, c *hub.Controller, up, cl *sessiontest.Conn) {
		const event = `{ "type":"session.updated" ,"event_id":"u", "session":{"type":"realtime" ,"headers":null, "tools":[{"type":"mcp","server_label":"x","server_url":"https://x.example/mcp"},{"type":"function","name":"f","parameters":{"token":1}}],"n":1.0}}`
		send(t, up, event)
		if got := want(t, cl); got != event {
			t.Errorf("got %s", got)
		}
	})
}
