package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/lmittmann/tint"

	"switchboard/gateway"
	"switchboard/session"
	"switchboard/webhooks"
)

// config is all that can be set; docs/configuration.md is made of it.
type config struct {
	Listen string `group:"Server" env:"SWITCHBOARD_LISTEN" default:"127.0.0.1:8080" help:"Address to listen on, for clients and load balancer health checks (/healthz, /readyz). Port 0 takes a free port."`
	Demo   bool   `group:"Server" env:"SWITCHBOARD_DEMO" help:"Try it out: a stand-in for OpenAI and, without REDIS_URL, an embedded Redis that persists nothing. Prints an API key."`

	InternalListen string           `group:"Server" name:"internal-listen" env:"SWITCHBOARD_INTERNAL_LISTEN" placeholder:"ADDRESS" help:"Separate address on which other nodes reach this node, in a network that clients cannot reach. The other address then serves no nodes. Default: one address for both."`
	PublicURL      string           `group:"Server" name:"public-url" env:"SWITCHBOARD_PUBLIC_URL" placeholder:"URL" help:"Address at which clients reach the gateway, for relay_url and Origin checks. Default: the request's own host. Set it behind a load balancer or proxy that terminates TLS."`
	NodeURL        string           `group:"Server" name:"node-url" env:"SWITCHBOARD_NODE_URL" placeholder:"URL" help:"Address at which other nodes reach this node. Default: the address that it listens on for them."`
	AllowedOrigins []string         `group:"Server" env:"SWITCHBOARD_ALLOWED_ORIGINS" placeholder:"ORIGIN" help:"Origins whose web pages may use the gateway, in addition to its own; * allows any."`
	TLSCert        string           `group:"Server" name:"tls-cert" env:"SWITCHBOARD_TLS_CERT" placeholder:"FILE" help:"Certificate chain (PEM), to serve https and wss."`
	TLSKey         string           `group:"Server" name:"tls-key" env:"SWITCHBOARD_TLS_KEY" placeholder:"FILE" help:"Private key of the certificate (PEM)."`
	StopTimeout    time.Duration    `group:"Server" env:"SWITCHBOARD_STOP_TIMEOUT" default:"10s" help:"Graceful shutdown: how long pending requests may take to end after SIGINT or SIGTERM."`
	Drain          time.Duration    `group:"Server" env:"SWITCHBOARD_DRAIN" default:"20s" help:"Graceful shutdown: how long sessions may take to move to other nodes after SIGINT or SIGTERM. Each moves between turns, or after three quarters of this time."`
	LogLevel       slog.Level       `group:"Server" env:"SWITCHBOARD_LOG_LEVEL" default:"info" help:"Lowest level to log: debug, info, warn or error."`
	Version        kong.VersionFlag `group:"Server" help:"Print the version and exit."`
	LogFormat      string           `group:"Server" env:"SWITCHBOARD_LOG_FORMAT" enum:"auto,text,json" default:"auto" help:"Log format: text, json, or auto (text on a terminal, else json)."`

	OTLPEndpoint string  `group:"Server" name:"otlp-endpoint" env:"OTEL_EXPORTER_OTLP_ENDPOINT" placeholder:"URL" help:"OpenTelemetry collector that receives traces (OTLP over HTTP), as http://127.0.0.1:4318. Default: no traces."`
	TraceRatio   float64 `group:"Server" name:"trace-ratio" env:"SWITCHBOARD_TRACE_RATIO" default:"1" help:"Share of the sessions that is traced, from 0 to 1."`

	APIKeys     string `group:"Keys" name:"api-keys" secret:"true" env:"SWITCHBOARD_API_KEYS" placeholder:"LIST" help:"API keys as name:role:secret, comma-separated; roles are app, operator and admin. Set it in the environment: ps shows flags."`
	APIKeysFile string `group:"Keys" name:"api-keys-file" env:"SWITCHBOARD_API_KEYS_FILE" placeholder:"FILE" help:"File with API keys in the same format, one per line; # begins a comment."`
	KeySessions int    `group:"Keys" env:"SWITCHBOARD_KEY_SESSIONS" default:"0" help:"Maximum concurrent sessions per API key; 0 is unlimited."`
	KeyTokens   int64  `group:"Keys" env:"SWITCHBOARD_KEY_TOKENS" default:"0" help:"Maximum tokens per API key and day (UTC); 0 is unlimited."`
	KeySeconds  int64  `group:"Keys" env:"SWITCHBOARD_KEY_SECONDS" default:"0" help:"Maximum seconds of sessions per API key and day (UTC); 0 is unlimited."`

	OpenAIKey          string `group:"OpenAI" name:"openai-api-key" secret:"true" env:"OPENAI_API_KEY" placeholder:"KEY" help:"API key for OpenAI. Set it in the environment: ps shows flags."`
	OpenAIBaseURL      string `group:"OpenAI" name:"openai-base-url" env:"OPENAI_BASE_URL" placeholder:"URL" help:"Base URL of the API, http or https. Default: https://api.openai.com/v1."`
	OpenAIOrganization string `group:"OpenAI" name:"openai-organization" env:"OPENAI_ORG_ID" placeholder:"ID" help:"Organization to charge, if the key has several."`
	OpenAIProject      string `group:"OpenAI" name:"openai-project" env:"OPENAI_PROJECT_ID" placeholder:"ID" help:"Project to charge, if the key has several."`

	RedisURL   string        `group:"State" name:"redis-url" secret:"true" env:"REDIS_URL" placeholder:"URL" help:"Redis to persist state in: redis:// or rediss://, also redis+cluster:// and redis+sentinel://. Set it in the environment: ps shows flags."`
	Keep       time.Duration `group:"State" env:"SWITCHBOARD_KEEP" default:"24h" help:"How long ended sessions remain readable."`
	AuditKeep  time.Duration `group:"State" env:"SWITCHBOARD_AUDIT_KEEP" default:"720h" help:"How long entries of the audit log are kept."`
	AuditBytes int           `group:"State" env:"SWITCHBOARD_AUDIT_BYTES" default:"33554432" help:"Maximum bytes of the audit log, at least 65536: half for requests of app keys, half for those of operators and admins. The oldest entries are removed first."`

	Heartbeat time.Duration `group:"State" env:"SWITCHBOARD_HEARTBEAT" default:"200ms" help:"Time between two heartbeats, 50ms to 2s, the same on all nodes. A killed node's sessions fail over after 3 to 4 heartbeats, those of a node that hangs or is partitioned after about 15."`
	Lease     time.Duration `group:"State" env:"SWITCHBOARD_LEASE" default:"60s" help:"For 7/8 of this time, which is at least 5s, sessions continue without Redis; then the node gives them up. Failover of a dead node's sessions does not wait for it."`

	Model              string           `group:"Sessions" env:"SWITCHBOARD_MODEL" default:"gpt-realtime-2.1" help:"Model for REST sessions whose config names none."`
	TranscriptionModel string           `group:"Sessions" env:"SWITCHBOARD_TRANSCRIPTION_MODEL" default:"gpt-transcribe" help:"Model that transcribes the user's speech in REST sessions whose config does not mention transcription; empty turns it off."`
	TokenTTL           time.Duration    `group:"Sessions" name:"token-ttl" env:"SWITCHBOARD_TOKEN_TTL" default:"10m" help:"How long a client token is valid before its first use, 10s to 2h; a request may set another value."`
	ResumeTTL          time.Duration    `group:"Sessions" name:"resume-ttl" env:"SWITCHBOARD_RESUME_TTL" default:"24h" help:"How long after its last use a client token can reconnect and resume its session."`
	Policies           string           `group:"Sessions" env:"SWITCHBOARD_POLICIES" placeholder:"FILE" help:"Client policies by name (JSON); voice and open are built in and can be replaced."`
	ListenIn           session.ListenIn `group:"Sessions" name:"listen-in" env:"SWITCHBOARD_LISTEN_IN" enum:"never,allowed,announced" default:"never" help:"Whether operators may listen to the live audio of sessions that do not set listen_in: never, allowed, or announced (clients are told)."`
	MaxSeconds         int64            `group:"Sessions" env:"SWITCHBOARD_MAX_SECONDS" default:"0" help:"Default maximum age of a session in seconds; a request may set another value; 0 is unlimited."`
	IdleSeconds        int64            `group:"Sessions" env:"SWITCHBOARD_IDLE_SECONDS" default:"600" help:"Default idle time in seconds, without an event from a client or the application, after which a session ends; 0 is unlimited."`
	MaxTokens          int64            `group:"Sessions" env:"SWITCHBOARD_MAX_TOKENS" default:"0" help:"Default maximum tokens of a session, responses and transcriptions; a request may set another value; 0 is unlimited."`
	CapMaxSeconds      int64            `group:"Sessions" env:"SWITCHBOARD_CAP_MAX_SECONDS" default:"0" help:"Highest max_seconds that a request may set; 0 is no cap."`
	CapIdleSeconds     int64            `group:"Sessions" env:"SWITCHBOARD_CAP_IDLE_SECONDS" default:"0" help:"Highest idle_seconds that a request may set; 0 is no cap."`
	CapMaxTokens       int64            `group:"Sessions" env:"SWITCHBOARD_CAP_MAX_TOKENS" default:"0" help:"Highest max_tokens that a request may set; 0 is no cap."`
	Prices             string           `group:"Sessions" env:"SWITCHBOARD_PRICES" placeholder:"FILE|JSON" help:"Prices of models, added to the built-in ones or replacing them; see Prices in docs/configuration.md."`
	CostLabels         []string         `group:"Sessions" env:"SWITCHBOARD_COST_LABELS" placeholder:"NAME" help:"Labels by which /realtime/usage and the metrics sum usage and cost; comma-separated, at most 5."`
	BodyBytes          int64            `group:"Sessions" env:"SWITCHBOARD_BODY_BYTES" default:"1048576" help:"Maximum size of a request body in bytes."`
	FrameBytes         int              `group:"Sessions" env:"SWITCHBOARD_FRAME_BYTES" default:"16777216" help:"Maximum size of one message from a client in bytes."`
	LargeRate          int              `group:"Sessions" env:"SWITCHBOARD_LARGE_RATE" default:"4194304" help:"Bytes per second that one API key and its clients may send in messages and request bodies over 256 KiB; more is read later (back-pressure). 0 is unlimited."`
	RenewAfter         int              `group:"Sessions" env:"SWITCHBOARD_RENEW_AFTER" default:"3" help:"Renew a session's upstream after this many consecutive responses that failed with server_error; 0 is never. If that does not help, retry after 1 minute, then 2, 4, … up to 32."`

	SessionClients int `group:"Sessions" env:"SWITCHBOARD_SESSION_CLIENTS" default:"64" help:"Maximum clients attached to one session at once."`
	TokenClients   int `group:"Sessions" env:"SWITCHBOARD_TOKEN_CLIENTS" default:"8" help:"Maximum clients attached with one client token at once. They share the rate limits of its policy."`

	ConversationBytes  int `group:"Sessions" env:"SWITCHBOARD_CONVERSATION_BYTES" default:"4194304" help:"Maximum size of one conversation in bytes, in memory and in Redis; beyond it the oldest images are dropped, then the oldest items."`
	ConversationImages int `group:"Sessions" env:"SWITCHBOARD_CONVERSATION_IMAGES" default:"2097152" help:"Maximum image data in one conversation in bytes."`
	ConversationItems  int `group:"Sessions" env:"SWITCHBOARD_CONVERSATION_ITEMS" default:"2000" help:"Maximum number of items in one conversation."`

	Jobs webhooks.Config `group:"Webhooks and jobs" embed:""`

	demoKey              string            // made by --demo
	demoBatch, demoTuned time.Duration     // until its jobs are done; 0: slowly enough to be watched
	shown                *x509.Certificate // the certificate that TLSCert is, read by run
}

// Validate is called by kong; its error is the one line that the user sees.
func (c *config) Validate() error {
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return fmt.Errorf("--listen: want host:port, got %q", c.Listen)
	}
	if _, _, err := net.SplitHostPort(c.InternalListen); c.InternalListen != "" && err != nil {
		return fmt.Errorf("--internal-listen: want host:port, got %.100q", c.InternalListen)
	}
	for _, flag := range [][2]string{{"--public-url", c.PublicURL}, {"--node-url", c.NodeURL}, {"--otlp-endpoint", c.OTLPEndpoint}} {
		if _, err := webURL(flag[1]); err != nil {
			return fmt.Errorf("%s: %w", flag[0], err)
		}
	}
	for _, origin := range c.AllowedOrigins {
		if u, err := url.Parse(origin); origin != "*" && (err != nil || u.Scheme == "" || u.Host == "" || strings.Trim(u.Path, "/") != "") {
			return fmt.Errorf("--allowed-origins: want https://host or *, got %q", origin)
		}
	}
	if err := c.checkNumbers(); err != nil {
		return err
	}
	switch {
	case (c.TLSCert == "") != (c.TLSKey == ""):
		return errors.New("--tls-cert and --tls-key: one needs the other")
	case c.Demo:
		return nil
	case c.OpenAIKey == "":
		return errors.New("OPENAI_API_KEY is not set (or try --demo)")
	case c.RedisURL == "":
		return errors.New("REDIS_URL is not set (or try --demo)")
	case c.APIKeys == "" && c.APIKeysFile == "":
		return errors.New("SWITCHBOARD_API_KEYS is not set (or try --demo)")
	}
	return nil
}

func (c *config) checkNumbers() error {
	switch {
	case c.TokenTTL < 10*time.Second || c.TokenTTL > 2*time.Hour:
		return errors.New("--token-ttl: must be from 10s to 2h")
	case !(c.TraceRatio >= 0 && c.TraceRatio <= 1): // NaN is neither
		return errors.New("--trace-ratio: must be from 0 to 1")
	case c.Lease < 5*time.Second:
		return errors.New("--lease: must be at least 5s")
	case c.Heartbeat < 50*time.Millisecond || c.Heartbeat > 2*time.Second:
		return errors.New("--heartbeat: must be from 50ms to 2s")
	case c.ResumeTTL <= 0 || c.Keep <= 0 || c.StopTimeout <= 0 || c.Drain <= 0:
		return errors.New("--resume-ttl, --keep, --drain and --stop-timeout: must be more than 0")
	case c.AuditKeep < time.Minute || c.AuditBytes < 64<<10:
		return errors.New("--audit-keep: must be at least 1m; --audit-bytes: at least 65536")
	case c.BodyBytes < 1024 || c.FrameBytes < 1024:
		return errors.New("--body-bytes and --frame-bytes: must be at least 1024")
	case c.LargeRate < 0:
		return errors.New("--large-rate: must not be negative")
	case c.SessionClients < 1 || c.TokenClients < 1:
		return errors.New("--session-clients and --token-clients: must be at least 1")
	case c.ConversationBytes < 64<<10 || c.ConversationImages < 1 || c.ConversationItems < 10:
		return errors.New("--conversation-bytes: must be at least 65536; --conversation-images: at least 1; --conversation-items: at least 10")
	case len(c.CostLabels) > 5:
		return errors.New("--cost-labels: must be at most 5")
	case min(c.CapMaxSeconds, c.CapIdleSeconds, c.CapMaxTokens) < 0:
		return errors.New("caps must not be negative; 0 is no cap")
	case above(c.MaxSeconds, c.CapMaxSeconds), above(c.IdleSeconds, c.CapIdleSeconds), above(c.MaxTokens, c.CapMaxTokens):
		return errors.New("--max-seconds, --idle-seconds and --max-tokens: must not exceed their caps")
	case c.RenewAfter < 0:
		return errors.New("--renew-after: must not be negative; 0 is never")
	case min(c.MaxSeconds, c.IdleSeconds, c.MaxTokens, c.KeyTokens, c.KeySeconds, int64(c.KeySessions)) < 0:
		return errors.New("limits must not be negative; 0 is no limit")
	case max(c.MaxSeconds, c.IdleSeconds) > 365*24*60*60:
		return errors.New("--max-seconds and --idle-seconds: must be at most 31536000, a year; 0 is no limit")
	}
	return nil
}

// above reports whether a default exceeds its cap, if there is one.
func above(value, most int64) bool { return most > 0 && value > most }

// webURL reads an address of the gateway; "" is none.
func webURL(raw string) (*url.URL, error) {
	if raw == "" {
		return nil, nil
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.RawQuery != "" || u.User != nil {
		return nil, fmt.Errorf("want http://host or https://host, got %q", raw)
	}
	return u, nil
}

// keys reads the API keys from both places, and extra entries.
func (c *config) keys(extra ...string) (*gateway.Keys, error) {
	all := append([]string{c.APIKeys}, extra...)
	if c.APIKeysFile != "" {
		raw, err := os.ReadFile(c.APIKeysFile)
		if err != nil {
			return nil, fmt.Errorf("--api-keys-file: %w", err)
		}
		all = append(all, string(raw))
	}
	keys, err := gateway.ParseKeys(strings.NewReader(strings.Join(all, "\n")))
	if err == nil && keys.Len() == 0 {
		err = errors.New("no API keys are given")
	}
	return keys, err
}

// logger writes to a terminal for people, elsewhere for programs.
func (c *config) logger(f *os.File) *slog.Logger {
	info, err := f.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	if c.LogFormat == "json" || c.LogFormat == "auto" && !terminal {
		return slog.New(slog.NewJSONHandler(f, &slog.HandlerOptions{Level: c.LogLevel, ReplaceAttr: readable}))
	}
	return slog.New(tint.NewTextHandler(f, &tint.Options{Level: c.LogLevel, TimeFormat: time.TimeOnly, NoColor: !terminal}))
}

// readable writes durations as "1.5s" where slog's JSON has nanoseconds.
func readable(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(a.Value.Duration().String())
	}
	return a
}

// policies reads the file of client policies.
func (c *config) policies() (map[string]session.Policy, error) {
	if c.Policies == "" {
		return nil, nil
	}
	f, err := os.Open(c.Policies)
	if err != nil {
		return nil, fmt.Errorf("--policies: %w", err)
	}
	defer f.Close()
	p, err := gateway.ParsePolicies(f)
	if err != nil {
		return nil, fmt.Errorf("--policies: %w", err)
	}
	return p, nil
}
