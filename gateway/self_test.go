package gateway_test

import (
	"testing"

	"switchboard/cmd/simulator/standin"
)

func TestAKeyIsToldItsNameAndRole(t *testing.T) {
	r := newRig(t, standin.Faults{}, nil)
	for secret, want := range map[string][2]string{app: {"app", "app"}, operator: {"ops", "operator"}} {
		a := r.must(200, "GET", "/keys/self", secret, "")
		if name, role := a.field(t, "name"), a.field(t, "role"); name != want[0] || role != want[1] {
			t.Errorf("self = %s, want %v", a.body, want)
		}
	}
	r.must(401, "GET", "/keys/self", "sk-nobody", "")
}
