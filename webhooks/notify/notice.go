// Package notify tells people that something ended or failed: in the log, and by chat or mail through shoutrrr URLs.
// Notices are work of a queue: kept until sent, tried again, sent once per target.
package notify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"text/template"
	"time"
	"unicode"

	_ "embed"

	"github.com/nicholas-fedor/shoutrrr"
	"golang.org/x/time/rate"

	"switchboard/webhooks/queue"
)

// The types of the work that a Notifier does.
const (
	Task   = "task.notify"     // a notice, to be given to every target
	ToTask = "task.notify_one" // a notice for one target
)

// Notice is something that people should know.
type Notice struct {
	Kind    string         `json:"kind"`    // names the template
	Subject string         `json:"subject"` // an ID
	Fields  map[string]any `json:"fields,omitempty"`
	Target  string         `json:"target,omitempty"`
}

// Item makes a notice work for a queue. The ID says what it is about; a notice is given once per ID.
func (n Notice) Item(id string) queue.Item { return queue.NewTask(Task, "notify:"+id, n) }

// Options say where notices go.
type Options struct {
	URLs      []string      // "log://" or shoutrrr's; default log://
	Every     time.Duration // shortest time between two notices, after a burst; default 2 s
	Templates string        // text that overrides the built-in templates
	Logger    *slog.Logger  // where log:// writes; nil: nowhere
}

const burst = 10

//go:embed templates.txt
var builtIn string

// Notifier gives notices to targets. Its methods may be called from any goroutine.
type Notifier struct {
	targets   map[string]target // by the hash of their URL, which holds secrets
	templates *template.Template
	limit     *rate.Limiter
}

type target struct {
	scheme string
	send   func(text string) error
}

// New checks URLs and templates.
func New(o Options) (*Notifier, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Every <= 0 {
		o.Every = 2 * time.Second
	}
	n := &Notifier{targets: map[string]target{}, limit: rate.NewLimiter(rate.Every(o.Every), burst)}
	var err error
	if n.templates, err = template.New("").Parse(builtIn); err == nil {
		n.templates, err = n.templates.Parse(o.Templates)
	}
	if err != nil {
		return nil, fmt.Errorf("notification templates: %w", err)
	}
	if len(o.URLs) == 0 {
		o.URLs = []string{"log://"}
	}
	for i, raw := range o.URLs {
		t, err := newTarget(raw, o.Logger)
		if err != nil {
			return nil, fmt.Errorf("notification URL %d: %w", i+1, err)
		}
		sum := sha256.Sum256([]byte(raw))
		n.targets[hex.EncodeToString(sum[:8])] = t
	}
	return n, nil
}

func newTarget(raw string, log *slog.Logger) (target, error) {
	scheme, _, ok := strings.Cut(raw, "://")
	if !ok {
		return target{}, fmt.Errorf("it must begin with a service's name and ://")
	}
	if scheme == "log" {
		return target{scheme, func(text string) error { log.Info("notification", "text", text); return nil }}, nil
	}
	sender, err := shoutrrr.CreateSender(raw)
	if err != nil {
		return target{}, redact(err, raw)
	}
	return target{scheme, func(text string) error {
		for _, err := range sender.Send(text, nil) {
			if err != nil {
				return redact(err, raw)
			}
		}
		return nil
	}}, nil
}

// Spread makes the work of one target each out of a notice.
func (n *Notifier) Spread(ctx context.Context, data []byte, id string, work interface {
	Add(ctx context.Context, items ...queue.Item) ([]bool, error)
}) error {
	var notice Notice
	if err := json.Unmarshal(data, &notice); err != nil {
		return queue.Fatal(err)
	}
	items := make([]queue.Item, 0, len(n.targets))
	for name := range n.targets {
		notice.Target = name
		items = append(items, queue.NewTask(ToTask, id+":"+name, notice))
	}
	_, err := work.Add(ctx, items...)
	return err
}

// Send gives a notice to its target, or asks to be called again when too many went out.
func (n *Notifier) Send(_ context.Context, data []byte) error {
	var notice Notice
	if err := json.Unmarshal(data, &notice); err != nil {
		return queue.Fatal(err)
	}
	t, ok := n.targets[notice.Target]
	if !ok {
		return queue.Fatal(fmt.Errorf("this notification target is no longer configured"))
	}
	turn := n.limit.Reserve()
	if wait := turn.Delay(); wait > 0 {
		turn.Cancel()
		return queue.Again(wait)
	}
	text, err := n.text(notice)
	if err != nil {
		return queue.Fatal(err)
	}
	return t.send(text)
}

func (n *Notifier) text(notice Notice) (string, error) {
	t := n.templates.Lookup(notice.Kind)
	if t == nil {
		t = n.templates.Lookup("other")
	}
	var b strings.Builder
	if err := t.Execute(&b, notice); err != nil {
		return "", fmt.Errorf("notification template %s: %w", t.Name(), err)
	}
	return strings.TrimSpace(b.String()), nil
}

// redact takes every word of a target's URL out of an error, since any of them may be a token.
func redact(err error, raw string) error {
	scheme, rest, _ := strings.Cut(raw, "://")
	text := strings.ReplaceAll(err.Error(), raw, "…")
	separator := func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }
	words := slices.DeleteFunc(strings.FieldsFunc(rest, separator), func(w string) bool { return len(w) < 4 })
	slices.SortFunc(words, func(a, b string) int { return len(b) - len(a) })
	for _, w := range words {
		text = strings.ReplaceAll(text, w, "…")
	}
	return fmt.Errorf("%s: %s", scheme, text)
}
