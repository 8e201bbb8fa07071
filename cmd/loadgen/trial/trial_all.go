package trial

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"switchboard/cmd/loadgen/lab"
)

// allTrials runs all trials one after the other.
type allTrials struct {
	programs
	Full bool   `help:"In the sizes that the trials have by themselves: half an hour."`
	Page string `help:"Page whose figures are replaced." placeholder:"docs/benchmarks.md" type:"path"`
}

// sizes are those of the trials, modest ones by default: a few minutes on two cores.
func (t *allTrials) sizes() []trial {
	p := t.programs
	if t.Full {
		return []trial{
			&KillTrial{p, 300, 10, 3, false}, &freezeTrial{KillTrial{p, 300, 3, 3, true}}, &partitionTrial{p, 100, 2, 10 * time.Second}, &awayTrial{p, 300, 50 * time.Second, 3},
			&rollingTrial{p, 300, 3}, &renewalTrial{p, 4, 20 * time.Second, 5 * time.Minute},
			&cutTrial{p, 4, 200, 1200 * time.Millisecond, 2}, &ownersTrial{p, 20, 3 * time.Minute, 3}, &broadcastTrial{p, 10000, 50, 2},
			&webhooksTrial{p, 20000, 30, 3}, &abuseTrial{programs: p, Sessions: 50, Calm: 10 * time.Second, For: fullAbuse, Pause: 20 * time.Millisecond, Creates: 200, Uploads: 40},
		}
	}
	return []trial{
		&KillTrial{p, 60, 3, 3, false}, &freezeTrial{KillTrial{p, 60, 1, 3, true}}, &partitionTrial{p, 20, 1, 8 * time.Second}, &awayTrial{p, 60, 50 * time.Second, 3},
		&rollingTrial{p, 60, 3}, &renewalTrial{p, 4, 10 * time.Second, time.Minute},
		&cutTrial{p, 4, 25, 1200 * time.Millisecond, 2}, &ownersTrial{p, 12, time.Minute, 3}, &broadcastTrial{p, 1000, 20, 2},
		&webhooksTrial{p, 5000, 30, 3}, &abuseTrial{programs: p, Sessions: 20, Calm: 5 * time.Second, For: 10 * time.Second, Pause: 20 * time.Millisecond, Creates: 100, Uploads: 10, Tell: true},
	}
}

// Run is called by the command line.
func (t *allTrials) Run(ctx context.Context) error {
	var text bytes.Buffer
	begin := time.Now()
	fmt.Fprintf(&text, "Measured %s: %s.\n", begin.UTC().Format(time.DateOnly), lab.Machine(t.Gateway, ""))
	var all error
	for _, one := range t.sizes() {
		o, err := t.conduct(ctx, one)
		if err != nil {
			err = fmt.Errorf("%s: %w", o.title, err)
		}
		all = errors.Join(all, err, o.err())
		before := text.Len()
		if err := o.write(&text); err != nil {
			return err
		}
		if _, err := os.Stdout.Write(text.Bytes()[before:]); err != nil {
			return err
		}
		if ctx.Err() != nil {
			break
		}
	}
	if t.Page != "" && all == nil {
		all = lab.ReplacePart(t.Page, "trials", text.Bytes())
	}
	return all
}
