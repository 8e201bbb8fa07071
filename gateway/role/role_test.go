package role_test

import (
	"testing"

	"switchboard/gateway/role"
)

func TestAtLeast(t *testing.T) {
	for i, have := range []role.Role{"", role.App, role.Operator, role.Admin} {
		for j, want := range []role.Role{role.App, role.Operator, role.Admin} {
			if got := have.AtLeast(want); got != (i > j) {
				t.Errorf("%q at least %q: %v", have, want, got)
			}
		}
	}
	for _, none := range []role.Role{"", "root", "App"} {
		if none.Valid() || none.AtLeast(role.App) {
			t.Errorf("%q counts as a role", none)
		}
	}
}
