package webhooks_test

import (
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/openai/openai-go/v3"

	"switchboard/session/redisstore/redistest"
	"switchboard/webhooks"
)

func parse(t *testing.T, args ...string) (webhooks.Config, error) {
	t.Helper()
	var line struct {
		webhooks.Config `embed:""`
	}
	parser, err := kong.New(&line)
	if err != nil {
		t.Fatal(err)
	}
	_, err = parser.Parse(args)
	return line.Config, err
}

func TestConfigurationComesFromFlagsAndEnvironment(t *testing.T) {
	t.Setenv("OPENAI_WEBHOOK_SECRET", testSecret+","+otherSecret)
	t.Setenv("SWITCHBOARD_BATCH_PRICES", "gpt-4o-mini=0.075:0.30")
	c, err := parse(t, "--smoke-api=responses", "--subscriber-networks=127.0.0.0/8,::1/128")
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Secrets) != 2 || string(c.Secrets[1]) != otherSecret || len(c.Prices) != 1 || c.Prices[0].Output != 0.3 || c.SmokeAPI != "responses" ||
		len(c.AllowNetworks) != 2 || c.PollFirst != 2*time.Second || c.Workers != 16 || len(c.Notify) != 1 || c.Notify[0] != "log://" {
		t.Errorf("%+v", c)
	}
	t.Setenv("OPENAI_WEBHOOK_SECRET", " "+testSecret+",\n  "+otherSecret+"\n")
	if c, err := parse(t); err != nil || len(c.Secrets) != 2 || string(c.Secrets[0]) != testSecret || string(c.Secrets[1]) != otherSecret {
		t.Errorf("secrets with blanks: %d, %v", len(c.Secrets), err)
	}
	if c, err := parse(t, "--notify=log://,ntfy://ntfy.sh/topic"); err != nil || len(c.Notify) != 2 {
		t.Errorf("%v %v", c.Notify, err)
	}
}

func TestBadConfigurationStopsTheStart(t *testing.T) {
	for says, change := range map[string]func(*webhooks.Config){
		"OPENAI_WEBHOOK_SECRET, number 2": func(c *webhooks.Config) { c.Secrets = append(c.Secrets, "whsec_short") },
		"network":                         func(c *webhooks.Config) { c.AllowNetworks = []string{"localhost"} },
		"smoke-expect":                    func(c *webhooks.Config) { c.SmokeExpect = "(" },
		"notification URL 1":              func(c *webhooks.Config) { c.Notify = []string{"carrier-pigeon://loft"} },
		"notification templates":          func(c *webhooks.Config) { c.NotifyTemplates = "/nowhere" },
	} {
		c := config()
		change(&c)
		_, err := webhooks.New(webhooks.Options{Config: c, Redis: redistest.Mini(t), API: openai.NewClient()})
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "short") {
			t.Errorf("%s: %v", says, err)
		}
	}
}
