package webhooks

import (
	"switchboard/webhooks/batch"

	"time"
)

// Config is what an operator can set; embed it in a kong command line.
type Config struct {
	Secrets []Secret `name:"openai-webhook-secret" env:"OPENAI_WEBHOOK_SECRET" sep:"," placeholder:"whsec_…" help:"Signing secrets of OpenAI's webhook endpoints; all of them are accepted."`
	SealKey string   `name:"webhook-seal-key" env:"SWITCHBOARD_WEBHOOK_SEAL_KEY" placeholder:"TEXT" help:"Encrypts the webhook secrets that are kept in Redis; the same on all nodes. Without it they are kept as they are."`

	Notify      []string      `name:"notify" env:"SWITCHBOARD_NOTIFY" sep:"," default:"log://" help:"Where notifications go: log://, or any shoutrrr URL (slack://, discord://, smtp://, ntfy://, generic+https://…)."`
	NotifyEvery time.Duration `name:"notify-every" env:"SWITCHBOARD_NOTIFY_EVERY" default:"2s" help:"Shortest time between two notifications of a node; a burst of 10 is let through."`

	NotifyTemplates string `name:"notify-templates" env:"SWITCHBOARD_NOTIFY_TEMPLATES" type:"path" placeholder:"FILE" help:"Templates (Go text/template, one define per kind) that replace the built-in ones."`

	SmokePrompt string        `name:"smoke-prompt" env:"SWITCHBOARD_SMOKE_PROMPT" default:"Answer with one short sentence: who are you and what can you do?" help:"What a newly fine-tuned model is asked; empty turns the smoke test off."`
	SmokeExpect string        `name:"smoke-expect" env:"SWITCHBOARD_SMOKE_EXPECT" placeholder:"REGEXP" help:"What its answer must match; otherwise the model is put on hold."`
	SmokeAPI    string        `name:"smoke-api" env:"SWITCHBOARD_SMOKE_API" enum:"chat,responses" default:"chat" help:"Which API the smoke test calls (chat or responses)."`
	Prices      []batch.Price `name:"batch-price" env:"SWITCHBOARD_BATCH_PRICES" sep:"," placeholder:"MODEL=IN:OUT" help:"US dollars per million input and output tokens of a model in batches; costs are shown for these models."`
	PollFirst   time.Duration `name:"job-poll" env:"SWITCHBOARD_JOB_POLL" default:"2s" help:"First pause between two looks at a running batch or job; it grows to a minute with the job's age."`
	Discover    time.Duration `name:"job-discover" env:"SWITCHBOARD_JOB_DISCOVER" default:"2m" help:"Pause between two looks for batches and jobs that were made elsewhere."`

	AllowNetworks []string      `name:"subscriber-networks" env:"SWITCHBOARD_SUBSCRIBER_NETWORKS" sep:"," placeholder:"CIDR" help:"Private networks that subscriptions may point to (for development: 127.0.0.0/8,::1/128)."`
	DisableAfter  time.Duration `name:"subscriber-disable-after" env:"SWITCHBOARD_SUBSCRIBER_DISABLE_AFTER" default:"120h" help:"A subscription that failed for this long without one success is disabled."`

	Workers    int           `name:"webhook-workers" env:"SWITCHBOARD_WEBHOOK_WORKERS" default:"16" help:"Events of the inbox that a node handles at once; with 0 it only receives them."`
	HandleTime time.Duration `name:"webhook-handle-time" env:"SWITCHBOARD_WEBHOOK_HANDLE_TIME" default:"30s" help:"Time to handle an event; those of a lost node are taken over after half as much again."`
}
