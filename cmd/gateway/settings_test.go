package main

import (
	"net/url"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// What may be a secret by its name is told as one, and a password in an address is not told.
func TestSettingsTellNoSecret(t *testing.T) {
	var c config
	c.OpenAIKey, c.APIKeys, c.RedisURL = "sk-told", "a:app:sk-told", "redis://:sk-told@localhost"
	c.OpenAIBaseURL, c.OTLPEndpoint = "https://me:sk-told@proxy/v1", "https://me:sk-told@collector"
	list, err := c.settings()
	if err != nil || len(list) < 40 {
		t.Fatalf("%d settings, %v", len(list), err)
	}
	harmless := map[string]bool{ // files, counts and times of what is secret elsewhere
		"--tls-key": true, "--api-keys-file": true, "--key-sessions": true, "--key-tokens": true, "--key-seconds": true,
		"--token-ttl": true, "--token-clients": true, "--max-tokens": true, "--cap-max-tokens": true, "--notify-every": true, "--notify-templates": true,
	}
	for _, s := range list {
		if strings.Contains(s.Value, "sk-told") {
			t.Errorf("%s tells %s", s.Name, s.Value)
		}
		for _, word := range []string{"key", "secret", "token", "password", "notify", "redis"} {
			if strings.Contains(s.Name, word) && !s.Secret && !harmless[s.Name] {
				t.Errorf("%s may be a secret and is told", s.Name)
			}
		}
	}
}

// Every address among the flags may have a password in it.
func TestSettingsOfAddresses(t *testing.T) {
	var c config
	p, err := kong.New(&c, options()...)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range p.Model.Flags {
		if f.PlaceHolder != "URL" || f.Target.Kind().String() != "string" {
			continue
		}
		f.Target.SetString((&url.URL{Scheme: "https", Host: "h", User: url.UserPassword("u", "told")}).String())
	}
	list, err := c.settings()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list {
		if strings.Contains(s.Value, "told") {
			t.Errorf("%s tells %s", s.Name, s.Value)
		}
	}
}

// A value that is the default is not told as changed, however it is written.
func TestSettingsThatAreNotTheDefault(t *testing.T) {
	var c config
	p, err := kong.New(&c, options()...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Parse([]string{"--keep=36h", "--allowed-origins=https://a.example", "--demo"}); err != nil {
		t.Fatal(err)
	}
	list, err := c.settings()
	if err != nil {
		t.Fatal(err)
	}
	changed := map[string]string{}
	for _, s := range list {
		if s.Changed {
			changed[s.Name] = s.Value
		}
	}
	if len(changed) != 3 || changed["--keep"] != "36h" || changed["--allowed-origins"] != "https://a.example" {
		t.Errorf("changed are %v", changed)
	}
}
