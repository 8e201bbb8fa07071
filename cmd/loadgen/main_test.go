package main

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"switchboard/cmd/loadgen/endpoint"
	"switchboard/cmd/loadgen/lab"
	"switchboard/cmd/loadgen/load"
	"switchboard/cmd/loadgen/trial"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestParse(t *testing.T) {
	c, err := parse([]string{"--url", "ws://h/v1", "-s", "talk", "-n", "3", "--pid", "7", "--compare-pid", "8", "--stand-in", "http://s"})
	if err != nil {
		t.Fatal(err)
	}
	run := c.(*load.Command)
	if run.URL != "ws://h/v1" || run.Scenario != "talk" || run.Sessions != 3 || run.PID != 7 || run.ComparePID != 8 || run.StandIn != "http://s" {
		t.Errorf("run flags: %+v", run)
	}
	if run.Mode != endpoint.ModeOpenAI || run.Rounds != 1 || run.Key == "" {
		t.Errorf("run defaults: %+v", run)
	}
	c, err = parse([]string{"bench", "--targets", "nginx,gateway", "--gateway-env", "A=1,2", "--gateway-env", "B=3"})
	if err != nil {
		t.Fatal(err)
	}
	bench := c.(*lab.Command)
	if len(bench.Targets) != 2 || len(bench.Scenarios) != 5 || len(bench.GatewayEnv) != 2 || bench.GatewayEnv[0] != "A=1,2" {
		t.Errorf("bench flags: %+v", bench)
	}
	c, err = parse([]string{"intake", "--clients", "8"})
	if err != nil {
		t.Fatal(err)
	}
	if intake := c.(*trial.Intake); intake.Clients != 8 || intake.Rounds < 5 || intake.Window == 0 {
		t.Errorf("intake flags: %+v", intake)
	}
	for _, bad := range [][]string{{"--mode", "x"}, {"bench", "--targets", "x"}, {"--no-such"}} {
		if _, err := parse(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestParseTrial(t *testing.T) {
	c, err := parse([]string{"trial", "kill", "--sessions", "7", "--lease", "6s"})
	if err != nil {
		t.Fatal(err)
	}
	if k, ok := c.(*trial.KillTrial); !ok || k.Sessions != 7 || k.Rounds != 10 || k.Lease != 6*time.Second || k.Redis != "redis-server" {
		t.Errorf("flags: %+v", c)
	}
	for _, bad := range [][]string{{"trial"}, {"trial", "none"}, {"trial", "kill", "--cuts", "3"}} {
		if _, err := parse(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
