// Package records keeps the last known state of objects that live elsewhere. Webhooks, polls and people's requests bring
// states in any order; only a newer one replaces what is known.
package records

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"
)

// Errors that callers branch on.
var (
	ErrNotFound = errors.New("records: not known")
	ErrBusy     = errors.New("records: the same is being done by another request; ask again in a moment")
)

// How many records of a kind are kept; the newest. One owner's do not push out another's before all are too many.
const (
	keptOfOwner = 1000
	keptOfAll   = 10_000
)

var (
	//go:embed upsert.lua
	upsertSource string
	upsertScript = redis.NewScript(upsertSource)
)

// Record is an object's last known state and what the gateway wrote beside it.
type Record struct {
	ID     string
	Object []byte            // JSON
	Own    map[string]string // by field; never part of the object
}

// Redis is what a Store needs of a go-redis client; redis.UniversalClient has it.
type Redis interface {
	redis.Scripter
	HGetAll(ctx context.Context, key string) *redis.MapStringStringCmd
	HSet(ctx context.Context, key string, values ...any) *redis.IntCmd
	SetNX(ctx context.Context, key string, value any, expiration time.Duration) *redis.BoolCmd
	HDel(ctx context.Context, key string, fields ...string) *redis.IntCmd
	ZRevRank(ctx context.Context, key, member string) *redis.IntCmd
	ZRevRange(ctx context.Context, key string, start, stop int64) *redis.StringSliceCmd
	Pipelined(ctx context.Context, fn func(redis.Pipeliner) error) ([]redis.Cmder, error)
}

// Store keeps one kind of object. Its methods may be called from any goroutine.
type Store struct {
	rdb    Redis
	prefix string
	log    *slog.Logger
}

// New opens the store of a kind; the name must come from the program.
func New(rdb Redis, kind string, log *slog.Logger) *Store {
	return &Store{rdb: rdb, prefix: "gw:{wh:" + kind + "}:", log: log}
}

// Absorb takes a fetched state over, returns the record as it is now, and reports whether the state said anything new.
// Version must grow along the object's life. Owner is that of Owner; "" if there is none.
func (s *Store) Absorb(ctx context.Context, owner, id string, created, version int64, object []byte) (r Record, changed bool, err error) {
	changed, err = upsertScript.Run(ctx, s.rdb, []string{s.prefix}, id, created, version, object, keptOfOwner, keptOfAll, owner).Bool()
	if err != nil {
		return Record{}, false, fmt.Errorf("keep record: %w", err)
	}
	r, err = s.Get(ctx, id)
	return r, changed, err
}

// Once does something once in a record's life, at least: it calls do and then notes that it was done.
func (s *Store) Once(ctx context.Context, r Record, name string, do func() error) error {
	if r.Own[name] != "" {
		return nil
	}
	if err := do(); err != nil {
		return err
	}
	return s.Write(ctx, r.ID, name, "done")
}

// Write sets one of the gateway's own fields beside an object.
func (s *Store) Write(ctx context.Context, id, field, value string) error {
	if err := s.rdb.HSet(ctx, s.prefix+"r:"+id, "own:"+field, value).Err(); err != nil {
		return fmt.Errorf("write record: %w", err)
	}
	return nil
}

// Forget removes some of the gateway's own fields beside an object.
func (s *Store) Forget(ctx context.Context, id string, fields ...string) error {
	keys := make([]string, len(fields))
	for i, f := range fields {
		keys[i] = "own:" + f
	}
	if err := s.rdb.HDel(ctx, s.prefix+"r:"+id, keys...).Err(); err != nil {
		return fmt.Errorf("write record: %w", err)
	}
	return nil
}

// Get reads one record, or returns ErrNotFound.
func (s *Store) Get(ctx context.Context, id string) (Record, error) {
	fields, err := s.rdb.HGetAll(ctx, s.prefix+"r:"+id).Result()
	if err != nil {
		return Record{}, fmt.Errorf("read record: %w", err)
	}
	if fields["object"] == "" {
		return Record{}, ErrNotFound
	}
	return readRecord(id, fields), nil
}

// Newest reads up to limit records that a viewer sees, the newest object first. After is the ID of the last one of the
// page before; next is that of the following page, "" on the last.
func (s *Store) Newest(ctx context.Context, who Viewer, after string, limit int64) (records []Record, next string, err error) {
	list, start := s.prefix+"all", int64(0)
	if !who.All {
		list = s.prefix + "of:" + who.Key
	}
	if after != "" {
		rank, err := s.rdb.ZRevRank(ctx, list, after).Result()
		if errors.Is(err, redis.Nil) {
			return nil, "", ErrNotFound
		}
		if err != nil {
			return nil, "", fmt.Errorf("read records: %w", err)
		}
		start = rank + 1
	}
	ids, err := s.rdb.ZRevRange(ctx, list, start, start+limit).Result() // one more, to know of a next page
	if err != nil {
		return nil, "", fmt.Errorf("read records: %w", err)
	}
	if int64(len(ids)) > limit {
		ids = ids[:limit]
		next = ids[limit-1]
	}
	records, err = s.read(ctx, ids)
	return records, next, err
}

func (s *Store) read(ctx context.Context, ids []string) ([]Record, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	cmds, err := s.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, id := range ids {
			p.HGetAll(ctx, s.prefix+"r:"+id)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read records: %w", err)
	}
	records := make([]Record, 0, len(ids))
	for i, c := range cmds {
		if fields := c.(*redis.MapStringStringCmd).Val(); fields["object"] != "" {
			records = append(records, readRecord(ids[i], fields))
		}
	}
	return records, nil
}

func readRecord(id string, fields map[string]string) Record {
	r := Record{ID: id, Object: []byte(fields["object"]), Own: map[string]string{}}
	for name, value := range fields {
		if len(name) > 4 && name[:4] == "own:" {
			r.Own[name[4:]] = value
		}
	}
	return r
}
