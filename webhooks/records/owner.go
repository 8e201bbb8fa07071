package records

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// Viewer is who looks at records: one API key, which sees its own, or somebody who sees all.
type Viewer struct {
	Key string // the API key's name; what it makes is its own
	All bool   // operators, admins and the gateway itself
}

// Everyone is the gateway itself, which sees all and owns nothing.
var Everyone = Viewer{All: true}

// Sees reports whether a record of an owner is the viewer's business. One without an owner was made elsewhere, or before
// owners were kept: it is the operators'.
func (v Viewer) Sees(owner string) bool { return v.All || owner != "" && owner == v.Key }

// FileError says that a file which a body names is not there, or not the viewer's business.
type FileError struct{ Field string }

// Error names the field; callers may read it.
func (e *FileError) Error() string { return "body." + e.Field + ": there is no such file" }

// ownedFor is how long an owner is remembered after anybody last asked: longer than OpenAI keeps results.
const ownedFor = 365 * 24 * time.Hour

// Own notes whose an object, or a file that one is made of, is. It outlives the record.
func (s *Store) Own(ctx context.Context, owner string, ids ...string) error {
	if owner == "" {
		return nil
	}
	_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, id := range ids {
			p.Set(ctx, s.prefix+"owner:"+id, owner, ownedFor)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("write owner: %w", err)
	}
	return nil
}

// Owner returns whose the first of ids is that anybody owns; "" if none is.
func (s *Store) Owner(ctx context.Context, ids ...string) (string, error) {
	found := make([]*redis.StringCmd, len(ids))
	_, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, id := range ids {
			found[i] = p.GetEx(ctx, s.prefix+"owner:"+id, ownedFor)
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return "", fmt.Errorf("read owner: %w", err)
	}
	for _, f := range found {
		if owner := f.Val(); owner != "" {
			return owner, nil
		}
	}
	return "", nil
}
