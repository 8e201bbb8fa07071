package records

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	lockFor    = 30 * time.Second // a node that is lost blocks the others for this long
	lockExtend = 10 * time.Second
	lockLook   = 50 * time.Millisecond // between two tries of who waits
)

var (
	//go:embed lock.lua
	lockSource string
	lockScript = redis.NewScript(lockSource)
)

var errLockLost = errors.New("records: the lock was lost")

// Alone calls do while no other request of any node does the same for an object. Who comes second waits, until ctx ends
// with ErrBusy; do must look whether its work was done meanwhile. Its context ends if the lock is lost.
func (s *Store) Alone(ctx context.Context, id string, do func(context.Context) error) error {
	key, token := s.prefix+"lock:"+id, rand.Text()
	if err := s.lock(ctx, key, token); err != nil {
		return err
	}
	working, stop := context.WithCancelCause(context.WithoutCancel(ctx)) // half of it done is worse than all
	var extending sync.WaitGroup
	extending.Go(func() { s.extend(working, key, token, stop) })
	err := do(working)
	stop(nil)
	extending.Wait()
	if rerr := s.relock(context.WithoutCancel(ctx), key, token, 0); rerr != nil && !errors.Is(rerr, errLockLost) {
		s.log.Warn("a lock was not given up; it ends by itself", "id", id, "err", rerr)
	}
	return err
}

func (s *Store) lock(ctx context.Context, key, token string) error {
	for {
		mine, err := s.rdb.SetNX(ctx, key, token, lockFor).Result()
		switch {
		case ctx.Err() != nil:
			return ErrBusy
		case err != nil:
			return fmt.Errorf("lock record: %w", err)
		case mine:
			return nil
		}
		select {
		case <-time.After(lockLook):
		case <-ctx.Done():
		}
	}
}

// extend keeps a lock until ctx ends.
func (s *Store) extend(ctx context.Context, key, token string, lost context.CancelCauseFunc) {
	tick := time.NewTicker(lockExtend)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if err := s.relock(ctx, key, token, lockFor); errors.Is(err, errLockLost) {
			lost(err)
		}
	}
}

func (s *Store) relock(ctx context.Context, key, token string, hold time.Duration) error {
	mine, err := lockScript.Run(ctx, s.rdb, []string{key}, token, hold.Milliseconds()).Bool()
	if err == nil && !mine {
		err = errLockLost
	}
	return err
}
