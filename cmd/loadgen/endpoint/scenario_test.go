package endpoint

import "testing"

func TestScenarios(t *testing.T) {
	for _, sc := range Scenarios {
		found, err := ScenarioNamed(sc.Name)
		if err != nil || found.Sessions != sc.Sessions {
			t.Errorf("%s: %v, %v", sc.Name, found, err)
		}
		if small := sc.Short(); small.Sessions >= sc.Sessions || small.Sessions < 1 {
			t.Errorf("%s: short has %d sessions", sc.Name, small.Sessions)
		}
	}
	if _, err := ScenarioNamed("none"); err == nil {
		t.Error("a scenario that is not there was found")
	}
}
