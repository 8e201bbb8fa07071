package queue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Record is what is kept of an item.
type Record struct {
	Item
	At         time.Time
	State      State
	Fails      int
	Duplicates int // how often it was added again
	Note       string
	Attempts   []Attempt // only from Get
}

// Filter selects items. Empty fields select all.
type Filter struct {
	Topic  string // exact, or a prefix if it ends in a dot
	Origin string
	State  State
	After  string // ID of the last item of the page before
	Limit  int    // default 50, at most 500
}

// Page is a part of a list, newest first. Next is empty on the last page, else the After of the next one; a page may
// hold fewer items than asked for and yet not be the last.
type Page struct {
	Records []Record
	Next    string
}

const (
	listStep = 100 // records read at once
	listScan = 20  // steps until a page is given back as it is
)

// List reads a page. Bodies are read too.
func (q *Queue) List(ctx context.Context, f Filter) (Page, error) {
	if f.Limit <= 0 {
		f.Limit = 50
	}
	f.Limit = min(f.Limit, 500)
	index := q.index(f)
	start, err := q.startOf(ctx, index, f.After)
	if err != nil {
		return Page{}, err
	}
	var page Page
	for range listScan {
		ids, err := q.rdb.ZRevRange(ctx, index, start, start+listStep-1).Result()
		if err != nil {
			return Page{}, fmt.Errorf("list queue: %w", err)
		}
		records, err := q.read(ctx, ids)
		if err != nil {
			return Page{}, err
		}
		for i, id := range ids {
			page.Next = id
			if records[i].ID != "" && f.selects(records[i]) {
				page.Records = append(page.Records, records[i])
			}
			if len(page.Records) == f.Limit {
				return page, nil
			}
		}
		if len(ids) < listStep {
			page.Next = ""
			return page, nil
		}
		start += listStep
	}
	return page, nil
}

func (q *Queue) index(f Filter) string {
	switch {
	case f.State == Dead, f.State == Discarded:
		return q.prefix + string(f.State)
	case f.Topic != "" && !strings.HasSuffix(f.Topic, "."):
		return q.prefix + "t:" + f.Topic
	}
	return q.prefix + "all"
}

func (q *Queue) startOf(ctx context.Context, index, after string) (int64, error) {
	if after == "" {
		return 0, nil
	}
	rank, err := q.rdb.ZRevRank(ctx, index, after).Result()
	if errors.Is(err, redis.Nil) {
		return 0, ErrNotFound
	}
	if err != nil {
		return 0, fmt.Errorf("list queue: %w", err)
	}
	return rank + 1, nil
}

func (f Filter) selects(r Record) bool {
	if f.State != "" && f.State != r.State || f.Origin != "" && f.Origin != r.Origin {
		return false
	}
	if strings.HasSuffix(f.Topic, ".") {
		return strings.HasPrefix(r.Topic, f.Topic)
	}
	return f.Topic == "" || f.Topic == r.Topic
}

// read gets the records of ids; one that is gone has no ID.
func (q *Queue) read(ctx context.Context, ids []string) ([]Record, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	cmds, err := q.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, id := range ids {
			p.HGetAll(ctx, q.prefix+"i:"+id)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read queue: %w", err)
	}
	records := make([]Record, len(ids))
	for i, c := range cmds {
		fields := c.(*redis.MapStringStringCmd).Val()
		if len(fields) > 0 {
			records[i] = readRecord(ids[i], fields)
		}
	}
	return records, nil
}

func readRecord(id string, f map[string]string) Record {
	at, _ := strconv.ParseInt(f["at"], 10, 64)
	fails, _ := strconv.Atoi(f["fails"])
	dup, _ := strconv.Atoi(f["duplicates"])
	return Record{
		Item: Item{ID: id, Topic: f["topic"], Origin: f["origin"], Body: []byte(f["body"])},
		At:   time.UnixMilli(at).UTC(), State: State(f["state"]), Fails: fails, Duplicates: dup, Note: f["note"],
	}
}

// Get reads one item with its attempts, or returns ErrNotFound.
func (q *Queue) Get(ctx context.Context, id string) (Record, error) {
	var item *redis.MapStringStringCmd
	var tries *redis.StringSliceCmd
	_, err := q.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		item = p.HGetAll(ctx, q.prefix+"i:"+id)
		tries = p.LRange(ctx, q.prefix+"a:"+id, 0, -1)
		return nil
	})
	if err != nil {
		return Record{}, fmt.Errorf("get item: %w", err)
	}
	if len(item.Val()) == 0 {
		return Record{}, ErrNotFound
	}
	r := readRecord(id, item.Val())
	for _, line := range tries.Val() {
		var a Attempt
		if json.Unmarshal([]byte(line), &a) == nil {
			r.Attempts = append(r.Attempts, a)
		}
	}
	return r, nil
}

// Counts are how many items are kept in all, and in some states.
type Counts struct{ All, Waiting, Dead, Discarded int64 }

// Count counts the items.
func (q *Queue) Count(ctx context.Context) (c Counts, err error) {
	sets := []string{"all", "due", "dead", "discarded"}
	n := make([]*redis.IntCmd, len(sets))
	_, err = q.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, set := range sets {
			n[i] = p.ZCard(ctx, q.prefix+set)
		}
		return nil
	})
	if err != nil {
		return c, fmt.Errorf("count queue: %w", err)
	}
	return Counts{n[0].Val(), n[1].Val(), n[2].Val(), n[3].Val()}, nil
}
