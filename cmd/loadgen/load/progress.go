package load

import (
	"fmt"
	"io"
	"os"
	"time"
)

// terminalWidth is how much of a line is overwritten by the next.
const terminalWidth = 110

// Progress tells what a window is doing: on a terminal once a second on one line, into
// a file or a pipe on a line of its own every five, and at the end.
type Progress struct {
	out   io.Writer // nil: silent
	lines bool      // no terminal
	about string    // "round 2/5"
}

// NewProgress shows how far a run is, on a line that is written over if out is a terminal.
func NewProgress(f *os.File) *Progress {
	stat, err := f.Stat()
	return &Progress{out: f, lines: err != nil || stat.Mode()&os.ModeCharDevice == 0}
}

// watch begins to show a window; the returned func ends that and waits for it.
func (p *Progress) watch(w Window, m *Meter) (stop func()) {
	if p.out == nil {
		return func() {}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		p.show(w, m, done)
	}()
	return func() { close(done); <-ended }
}

func (p *Progress) show(w Window, m *Meter, done <-chan struct{}) {
	every := time.Second
	if p.lines {
		every = 5 * time.Second
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	var up, down int64
	for {
		select {
		case <-tick.C:
			nowUp, nowDown := m.up.Load(), m.down.Load()
			p.say(w, m, fmt.Sprintf("%.0f events/s up, %.0f down",
				float64(nowUp-up)/every.Seconds(), float64(nowDown-down)/every.Seconds()))
			up, down = nowUp, nowDown
		case <-done:
			p.say(w, m, fmt.Sprintf("%d events up, %d down in all", m.up.Load(), m.down.Load()))
			return
		}
	}
}

// say writes one line, on a terminal over the one before.
func (p *Progress) say(w Window, m *Meter, events string) {
	line := fmt.Sprintf("%s, %s on %s: %d/%d sessions, %s", p.about, w.Scenario, w.Target, m.connected.Load(), w.Wanted, events)
	if n := m.troubled(); n > 0 {
		line += fmt.Sprintf(", %d errors", n)
	}
	if p.lines {
		fmt.Fprintln(p.out, line)
	} else {
		fmt.Fprintf(p.out, "\r%-*s", terminalWidth, line)
	}
}

// clear wipes the line that the terminal shows.
func (p *Progress) clear() {
	if p.out != nil && !p.lines {
		fmt.Fprintf(p.out, "\r%*s\r", terminalWidth, "")
	}
}
