package main

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
	stopTimeout  = 40 * time.Second // a gateway hands its sessions over first, and lets requests end
)

// child is a program that the bench started. Its output goes to a file that is quoted
// when it does not do what it should.
type child struct {
	name string
	log  string
	cmd  *exec.Cmd
	done chan error // its end, once
}

// launch starts a program. From this environment it gets what Go's runtime and the
// search for programs need, and nothing that would configure it.
func launch(dir, name string, env []string, path string, args ...string) (*child, error) {
	out, err := os.Create(filepath.Join(dir, name+".log"))
	if err != nil {
		return nil, err
	}
	defer out.Close()
	c := &child{name: name, log: out.Name(), cmd: exec.Command(path, args...), done: make(chan error, 1)}
	c.cmd.Stdout, c.cmd.Stderr = out, out
	for _, key := range []string{"PATH", "HOME", "GOMAXPROCS", "GOGC", "GOMEMLIMIT", "GODEBUG"} {
		if value, set := os.LookupEnv(key); set {
			c.cmd.Env = append(c.cmd.Env, key+"="+value)
		}
	}
	c.cmd.Env = append(c.cmd.Env, env...)
	c.cmd.SysProcAttr = ownGroup()
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() { c.done <- c.cmd.Wait() }() // stop waits for it
	return c, nil
}

// ready waits until probe succeeds.
func (c *child) ready(ctx context.Context, probe func(context.Context) error) error {
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
		case end := <-c.done:
			c.done <- end
			return fmt.Errorf("%s ended (%v): %s", c.name, end, c.said())
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w: %s", c.name, err, c.said())
		}
	}
}

// stop ends the program and waits until it has.
func (c *child) stop() error {
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	select {
	case <-c.done:
		return nil
	case <-time.After(stopTimeout):
	}
	err := c.cmd.Process.Kill()
	<-c.done
	return errors.Join(fmt.Errorf("%s did not end within %s", c.name, stopTimeout), err)
}

// kill ends the program without a word and waits until it has.
func (c *child) kill() error {
	err := c.cmd.Process.Kill()
	<-c.done
	return err
}

// said is the end of what the program wrote.
func (c *child) said() string {
	text, err := os.ReadFile(c.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-1000):])
}

// answers probes an HTTP address for 200.
func answers(url string) func(context.Context) error {
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

// accepts probes whether something listens.
func accepts(address string) func(context.Context) error {
	return func(ctx context.Context) error {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		return c.Close()
	}
}

// freeAddress finds a loopback address nobody listens on. Somebody else may take it
// before it is used; then the start fails and says so.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
