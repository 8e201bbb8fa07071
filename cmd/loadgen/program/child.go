package program

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

const (
	startTimeout = time.Minute
	StopTimeout  = 40 * time.Second // a gateway hands its sessions over first, and lets requests end
)

// Child is a program that the bench started. Its output goes to a file that is quoted
// when it does not do what it should.
type Child struct {
	name string
	log  string
	Cmd  *exec.Cmd
	Done chan error // its end, once
}

// Launch starts a program. From this environment it gets what Go's runtime and the
// search for programs need, and nothing that would configure it.
func Launch(dir, name string, env []string, path string, args ...string) (*Child, error) {
	out, err := os.Create(filepath.Join(dir, name+".log"))
	if err != nil {
		return nil, err
	}
	defer out.Close()
	c := &Child{name: name, log: out.Name(), Cmd: exec.Command(path, args...), Done: make(chan error, 1)}
	c.Cmd.Stdout, c.Cmd.Stderr = out, out
	for _, key := range []string{"PATH", "HOME", "GOMAXPROCS", "GOGC", "GOMEMLIMIT", "GODEBUG"} {
		if value, set := os.LookupEnv(key); set {
			c.Cmd.Env = append(c.Cmd.Env, key+"="+value)
		}
	}
	c.Cmd.Env = append(c.Cmd.Env, env...)
	c.Cmd.SysProcAttr = ownGroup()
	if err := c.Cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() { c.Done <- c.Cmd.Wait() }() // stop waits for it
	return c, nil
}

// Ready waits until probe succeeds.
func (c *Child) Ready(ctx context.Context, probe func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := probe(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case end := <-c.Done:
			c.Done <- end
			return fmt.Errorf("%s ended (%v): %s", c.name, end, c.Said())
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w: %s", c.name, err, c.Said())
		}
	}
}

// Stop ends the program and waits until it has.
func (c *Child) Stop() error {
	_ = c.Cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	select {
	case <-c.Done:
		return nil
	case <-time.After(StopTimeout):
	}
	err := c.Cmd.Process.Kill()
	<-c.Done
	return errors.Join(fmt.Errorf("%s did not end within %s", c.name, StopTimeout), err)
}

// Kill ends the program without a word and waits until it has.
func (c *Child) Kill() error {
	err := c.Cmd.Process.Kill()
	<-c.Done
	return err
}

// Said is the end of what the program wrote.
func (c *Child) Said() string {
	text, err := os.ReadFile(c.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-1000):])
}

// Answers probes an HTTP address for 200.
func Answers(url string) func(context.Context) error {
	return func(ctx context.Context) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("%s: %s", url, answer.Status)
		}
		return nil
	}
}

// Accepts probes whether something listens.
func Accepts(address string) func(context.Context) error {
	return func(ctx context.Context) error {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		return c.Close()
	}
}

// FreeAddress finds a loopback address nobody listens on. Somebody else may take it
// before it is used; then the start fails and says so.
func FreeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// CPU is the time that the program and its descendants have spent on a CPU.
func (c *Child) CPU() (time.Duration, error) {
	return process{proc: "/proc", pid: c.Cmd.Process.Pid}.CPU()
}

// OwnCPU is the time that this program and those that it started have spent on a CPU.
func OwnCPU() (time.Duration, error) {
	return process{proc: "/proc", pid: os.Getpid()}.CPU()
}
