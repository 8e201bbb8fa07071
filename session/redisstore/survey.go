package redisstore

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"switchboard/session"
	"switchboard/session/survey"
)

// survey finds sessions in this node's copy of the index, and reads the records of the page.
func (s *Store) survey(ctx context.Context, q session.Query, limit int) (page session.Page, err error) {
	found := survey.New(q, s.now())
	index, err := s.mirror.use(ctx, s, q.Age)
	if err != nil {
		return page, fmt.Errorf("survey sessions: %w", err)
	}
	index.each(found.Add)
	members, page, err := found.Page(limit)
	if err != nil || len(members) == 0 {
		return page, err
	}
	bodies, err := s.bodies(ctx, members)
	if err != nil {
		return page, fmt.Errorf("survey sessions: %w", err)
	}
	for i, body := range bodies {
		r, ok, err := decoded(body)
		if err != nil {
			return page, fmt.Errorf("survey sessions: %s: %w", members[i], err)
		}
		if ok && member(r) == members[i] {
			page.Records = append(page.Records, r)
		}
	}
	return page, nil
}

// Version implements [session.Index].
func (s *Store) Version(ctx context.Context, age time.Duration) (int64, error) {
	index, err := s.mirror.use(ctx, s, age)
	if err != nil {
		return 0, fmt.Errorf("look at the index: %w", err)
	}
	version, _ := index.seen()
	return version, nil
}

const surveyStep = 5000 // sessions that are read in one round trip

// readWhole passes the facts of all sessions to take. While it takes one step, the next is read.
func (s *Store) readWhole(ctx context.Context, take func(member string, f survey.Facts)) error {
	whole, err := s.allHaveFacts(ctx)
	if err != nil {
		return err
	}
	read := s.walkFacts
	if whole {
		read = s.scanFacts
	}
	ctx, cancel := context.WithCancel(ctx)
	var reading sync.WaitGroup
	defer func() { cancel(); reading.Wait() }()
	steps, failed := make(chan []fact, 1), make(chan error, 1)
	reading.Go(func() {
		defer close(steps)
		failed <- read(ctx, steps)
	})
	for step := range steps {
		var unknown []string
		for _, f := range step {
			if facts, ok := factsOf(f.member, f.text); ok {
				take(f.member, facts)
			} else {
				unknown = append(unknown, f.member)
			}
		}
		if err := s.readRecords(ctx, unknown, take); err != nil {
			return err
		}
	}
	return <-failed
}

// fact is what was read of one session; its text is empty if it has no facts.
type fact struct{ member, text string }

// allHaveFacts reports whether all sessions have facts: not those that nodes of an older version
// have indexed.
func (s *Store) allHaveFacts(ctx context.Context) (bool, error) {
	pipe := s.client.Pipeline()
	listed, known := pipe.ZCard(ctx, indexKey("", "list")), pipe.HLen(ctx, indexKey("", "facts"))
	_, err := pipe.Exec(ctx)
	return listed.Val() == known.Val(), err
}

// scanFacts sends the facts of all sessions, in no order; some of them may come twice.
func (s *Store) scanFacts(ctx context.Context, steps chan<- []fact) error {
	for cursor := uint64(0); ; {
		pairs, next, err := s.client.HScan(ctx, indexKey("", "facts"), cursor, "", surveyStep).Result()
		if err != nil {
			return err
		}
		step := make([]fact, 0, len(pairs)/2)
		for pair := range slices.Chunk(pairs, 2) {
			step = append(step, fact{pair[0], pair[1]})
		}
		if err := give(ctx, steps, step); err != nil {
			return err
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

// walkFacts sends the facts of all sessions, newest first, and names those that have none.
func (s *Store) walkFacts(ctx context.Context, steps chan<- []fact) error {
	for after := ""; ; {
		last, _, members, err := s.walk(ctx, "", nil, after, surveyStep)
		if err != nil || len(members) == 0 {
			return err
		}
		facts, err := s.client.HMGet(ctx, indexKey("", "facts"), members...).Result()
		if err != nil {
			return err
		}
		step := make([]fact, len(members))
		for i, m := range members {
			text, _ := facts[i].(string)
			step[i] = fact{m, text}
		}
		if err := give(ctx, steps, step); err != nil {
			return err
		}
		if after = last; after == "" {
			return nil
		}
	}
}

func give(ctx context.Context, steps chan<- []fact, step []fact) error {
	select {
	case steps <- step:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// readRecords takes the facts of sessions from their records.
func (s *Store) readRecords(ctx context.Context, members []string, take func(string, survey.Facts)) error {
	for chunk := range slices.Chunk(members, listMost) {
		bodies, err := s.bodies(ctx, chunk)
		if err != nil {
			return err
		}
		for i, body := range bodies {
			if r, ok, err := decoded(body); err == nil && ok && member(r) == chunk[i] {
				take(chunk[i], survey.Of(&r))
			}
		}
	}
	return nil
}
