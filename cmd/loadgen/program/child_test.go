package program

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestChildEndsEarly(t *testing.T) {
	t.Setenv("OPENAI_API_KEY", "sk-mine")
	c, err := Launch(t.TempDir(), "shell", []string{"OWN=given"}, "sh", "-c", "env; echo no port >&2; exit 3")
	if err != nil {
		t.Fatal(err)
	}
	err = c.Ready(context.Background(), func(context.Context) error { return errors.New("not yet") })
	if err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "no port") {
		t.Errorf("its end is told as %v", err)
	}
	if said := c.Said(); !strings.Contains(said, "OWN=given") || strings.Contains(said, "sk-mine") {
		t.Errorf("its environment was %s", said)
	}
	if err := c.Stop(); err != nil {
		t.Error(err)
	}
}

func TestChildIsStopped(t *testing.T) {
	c, err := Launch(t.TempDir(), "shell", nil, "sh", "-c", "exec sleep 600")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	err = c.Ready(ctx, func(context.Context) error { cancel(); return errors.New("not yet") })
	if err == nil || !strings.Contains(err.Error(), "not yet") {
		t.Errorf("waiting ended with %v", err)
	}
	if err := c.Stop(); err != nil {
		t.Error(err)
	}
	if c.Cmd.ProcessState == nil {
		t.Error("it was not waited for")
	}
}

func TestLaunchUnknown(t *testing.T) {
	if _, err := Launch(t.TempDir(), "none", nil, "./no-such-program"); err == nil {
		t.Error("a program that is not there was started")
	}
}
