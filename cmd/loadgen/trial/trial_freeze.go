package trial

import "context"

// freezeTrial is the kill trial with nodes that are stopped, as a hypervisor does, and go on later.
type freezeTrial struct{ KillTrial }

func (t *freezeTrial) name() string { return "freeze" }

// Run is called by the command line.
func (t *freezeTrial) Run(ctx context.Context) error {
	t.frozen = true
	return t.report(ctx, t)
}
