package webhooks

import (
	"switchboard/webhooks/batch"
	"switchboard/webhooks/seal"

	"time"
)

// Config is what an operator can set; embed it in a kong command line.
type Config struct {
	Secrets     []seal.Secret `name:"openai-webhook-secret" secret:"true" env:"OPENAI_WEBHOOK_SECRET" sep:"," placeholder:"whsec_…" help:"Signing secrets of OpenAI's webhook endpoints; a delivery signed with any of them is accepted."`
	SealKey     string        `name:"webhook-seal-key" secret:"true" env:"SWITCHBOARD_WEBHOOK_SEAL_KEY" placeholder:"TEXT" help:"Encrypts the webhook secrets stored in Redis, and the secrets in session configurations; must be the same on all nodes. Without it webhook secrets are stored unencrypted, and the secrets of sessions are encrypted with a key derived from OPENAI_API_KEY."`
	SealMigrate bool          `name:"webhook-seal-migrate" env:"SWITCHBOARD_WEBHOOK_SEAL_MIGRATE" help:"Also accept webhook secrets that were stored before --webhook-seal-key was set, until they are rotated. Otherwise they are refused, because anybody who can write to Redis can make them."`

	Notify      []string      `name:"notify" secret:"true" env:"SWITCHBOARD_NOTIFY" sep:"," default:"log://" help:"Where notifications go: log://, or any shoutrrr URL (slack://, discord://, smtp://, ntfy://, generic+https://…)."`
	NotifyEvery time.Duration `name:"notify-every" env:"SWITCHBOARD_NOTIFY_EVERY" default:"2s" help:"Rate limit: minimum time between two notifications of a node, after a burst of 10."`

	NotifyTemplates string `name:"notify-templates" env:"SWITCHBOARD_NOTIFY_TEMPLATES" type:"path" placeholder:"FILE" help:"Templates (Go text/template, one define per kind) that replace the built-in ones."`

	SmokePrompt string        `name:"smoke-prompt" env:"SWITCHBOARD_SMOKE_PROMPT" default:"Answer with one short sentence: who are you and what can you do?" help:"Prompt of the smoke test for a newly fine-tuned model; empty turns the test off."`
	SmokeExpect string        `name:"smoke-expect" env:"SWITCHBOARD_SMOKE_EXPECT" placeholder:"REGEXP" help:"Regular expression that the smoke test's answer must match; otherwise the model is put on hold."`
	SmokeAPI    string        `name:"smoke-api" env:"SWITCHBOARD_SMOKE_API" enum:"chat,responses" default:"chat" help:"API that the smoke test calls: chat or responses."`
	Prices      []batch.Price `name:"batch-price" env:"SWITCHBOARD_BATCH_PRICES" sep:"," placeholder:"MODEL=IN:OUT" help:"Prices for batches, in US dollars per million input and output tokens of a model; batches show cost for these models."`
	PollFirst   time.Duration `name:"job-poll" env:"SWITCHBOARD_JOB_POLL" default:"2s" help:"First interval for polling a running batch or job; grows to a minute with its age."`
	Discover    time.Duration `name:"job-discover" env:"SWITCHBOARD_JOB_DISCOVER" default:"2m" help:"Interval for discovering batches and jobs that were created elsewhere."`

	AllowNetworks []string      `name:"subscriber-networks" env:"SWITCHBOARD_SUBSCRIBER_NETWORKS" sep:"," placeholder:"CIDR" help:"Private networks that subscriptions may point to (for development: 127.0.0.0/8,::1/128)."`
	DisableAfter  time.Duration `name:"subscriber-disable-after" env:"SWITCHBOARD_SUBSCRIBER_DISABLE_AFTER" default:"120h" help:"Disable a subscription whose deliveries have all failed for this long."`

	Workers    int           `name:"webhook-workers" env:"SWITCHBOARD_WEBHOOK_WORKERS" default:"16" help:"Webhook events that a node handles concurrently; with 0 it only receives them."`
	HandleTime time.Duration `name:"webhook-handle-time" env:"SWITCHBOARD_WEBHOOK_HANDLE_TIME" default:"30s" help:"Time-out for handling a webhook event. If a node dies, another node retries its events after 1.5 times this."`
}
