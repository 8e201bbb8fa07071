package trial

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Every trial in small: it tells whether they work, and whether the fleet does, not how fast.
func TestTrials(t *testing.T) {
	p := buildPrograms(t)
	t.Run("intake", func(t *testing.T) {
		t.Parallel()
		testIntake(t, p)
	})
	for _, one := range []trial{
		&KillTrial{p, 6, 1, 2, false},
		&freezeTrial{KillTrial{p, 6, 1, 3, true}},
		&partitionTrial{p, 4, 1, 5 * time.Second},
		&awayTrial{p, 6, 8 * time.Second, 2},
		&rollingTrial{p, 6, 2},
		&renewalTrial{p, 2, 4 * time.Second, 8 * time.Second},
		&cutTrial{p, 2, 8, 800 * time.Millisecond, 2},
		&ownersTrial{p, 4, 10 * time.Second, 3},
		&broadcastTrial{p, 40, 4, 2},
		&webhooksTrial{p, 1000, 30, 3},
		&abuseTrial{programs: p, Sessions: 4, Calm: time.Second, For: time.Second, Pause: 300 * time.Millisecond, Creates: 8, Uploads: 2, Tell: true},
	} {
		t.Run(one.name(), func(t *testing.T) {
			t.Parallel()
			o, err := p.conduct(t.Context(), one)
			if err != nil {
				t.Fatal(err)
			}
			if err := o.err(); err != nil {
				t.Error(err)
			}
			if err := o.write(t.Output()); err != nil {
				t.Error(err)
			}
		})
	}
}

// buildPrograms builds what a trial starts, in the way make does, so that what was
// compiled is used again.
func buildPrograms(t *testing.T) programs {
	dir := t.TempDir()
	for name, pkg := range map[string]string{"switchboard": "../../gateway", "simulator": "../../simulator"} {
		build := exec.CommandContext(t.Context(), "go", "build", "-tags=nomsgpack", "-buildvcs=false", "-o", filepath.Join(dir, name), pkg)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if said, err := build.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", name, err, said)
		}
	}
	return programs{
		Gateway: filepath.Join(dir, "switchboard"), Simulator: filepath.Join(dir, "simulator"), Redis: "redis-server", Lease: time.Minute,
	}
}

// The measurement in small: that it works, not what comes out.
func testIntake(t *testing.T, p programs) {
	o, err := p.conduct(t.Context(), &Intake{Rounds: 2, Window: 200 * time.Millisecond, Clients: 4})
	if err != nil {
		t.Fatal(err)
	}
	if len(o.rows.Rows) == 0 {
		t.Error("nothing was measured")
	}
	if err := o.write(t.Output()); err != nil {
		t.Error(err)
	}
}

func TestTrialThatCannotStart(t *testing.T) {
	p := programs{Gateway: "./none", Simulator: "./none", Redis: "./none", Logs: t.TempDir()}
	for _, one := range (&allTrials{programs: p}).sizes() {
		if _, err := p.conduct(context.Background(), one); err == nil {
			t.Errorf("%s ran", one.name())
		}
	}
}
