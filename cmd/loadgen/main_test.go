package main

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// A trial starts this program again as the process of its abusers.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "trial" && os.Args[2] == "abuser" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

func TestParse(t *testing.T) {
	c, err := parse([]string{"--url", "ws://h/v1", "-s", "talk", "-n", "3", "--pid", "7", "--compare-pid", "8", "--stand-in", "http://s"})
	if err != nil {
		t.Fatal(err)
	}
	run := c.(*runCmd)
	if run.URL != "ws://h/v1" || run.Scenario != "talk" || run.Sessions != 3 || run.PID != 7 || run.ComparePID != 8 || run.StandIn != "http://s" {
		t.Errorf("run flags: %+v", run)
	}
	if run.Mode != modeOpenAI || run.Rounds != 1 || run.Key == "" {
		t.Errorf("run defaults: %+v", run)
	}
	c, err = parse([]string{"bench", "--targets", "nginx,gateway", "--gateway-env", "A=1,2", "--gateway-env", "B=3"})
	if err != nil {
		t.Fatal(err)
	}
	bench := c.(*benchCmd)
	if len(bench.Targets) != 2 || len(bench.Scenarios) != 4 || len(bench.GatewayEnv) != 2 || bench.GatewayEnv[0] != "A=1,2" {
		t.Errorf("bench flags: %+v", bench)
	}
	c, err = parse([]string{"intake", "--clients", "8"})
	if err != nil {
		t.Fatal(err)
	}
	if intake := c.(*intakeCmd); intake.Clients != 8 || intake.Rounds < 5 || intake.Window == 0 {
		t.Errorf("intake flags: %+v", intake)
	}
	for _, bad := range [][]string{{"--mode", "x"}, {"bench", "--targets", "x"}, {"--no-such"}} {
		if _, err := parse(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestScenarios(t *testing.T) {
	for _, sc := range scenarios {
		found, err := scenarioNamed(sc.Name)
		if err != nil || found.Sessions != sc.Sessions {
			t.Errorf("%s: %v, %v", sc.Name, found, err)
		}
		if small := sc.short(); small.Sessions >= sc.Sessions || small.Sessions < 1 {
			t.Errorf("%s: short has %d sessions", sc.Name, small.Sessions)
		}
	}
	if _, err := scenarioNamed("none"); err == nil {
		t.Error("a scenario that is not there was found")
	}
}
