package redisstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"switchboard/session"
)

// Facts are texts separated by a character that no key, model, node or label has to contain: in
// those it is replaced. Numbers come first; a release may add fields in front of the labels only
// under another version.
const (
	factsVersion = "1"
	between      = "\x1f"
	factFields   = 15 // before the labels
)

var factText = strings.NewReplacer(between, " ")

// factsOf is what a session is sorted, searched and counted by.
func factsOf(r *session.Record) string {
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	expires := int64(0)
	if !r.ExpiresAt.IsZero() {
		expires = r.ExpiresAt.UnixMilli()
	}
	lost := int64(0)
	if r.Condition.Lost {
		lost = 1
	}
	responding := int64(0)
	if r.Responding {
		responding = 1
	}
	fields := []string{
		factsVersion, string(r.Status), factText.Replace(r.Key), factText.Replace(r.Node), factText.Replace(r.Model),
		number(int64(r.Clients)), strconv.FormatFloat(r.Cost.USD, 'g', -1, 64), number(r.Errors), number(r.Latency.Mean), number(expires),
		number(lost<<1 | responding), number(int64(r.Condition.Failing)), number(int64(r.Condition.Pending)),
		number(r.Limits.MaxSeconds), "",
	}
	if most := r.Limits.MaxTokens; most > 0 {
		fields[factFields-1] = number(r.Usage.Spent()) + "/" + number(most)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Labels)) {
		fields = append(fields, factText.Replace(name), factText.Replace(r.Labels[name]))
	}
	return strings.Join(fields, between)
}

// recordOf makes of facts as much of a record as a survey looks at; false if they are of another version.
func recordOf(member, facts string) (r session.Record, ok bool) {
	var fields [factFields]string
	for i := range fields {
		if fields[i], facts, ok = strings.Cut(facts, between); !ok && i < factFields-1 {
			return r, false
		}
	}
	if fields[0] != factsVersion {
		return r, false
	}
	number := func(i int) int64 { n, _ := strconv.ParseInt(fields[i], 10, 64); return n }
	created, id, _ := strings.Cut(member, ".")
	micros, _ := strconv.ParseInt(created, 16, 64)
	r = session.Record{
		ID: session.ID(id), CreatedAt: time.UnixMicro(micros), Status: session.Status(fields[1]), Key: fields[2], Node: fields[3], Model: fields[4],
		Clients: int(number(5)), Errors: number(7), Responding: number(10)&1 != 0,
		Condition: session.Condition{Lost: number(10)&2 != 0, Failing: int(number(11)), Pending: int(number(12))},
	}
	r.Cost.USD, _ = strconv.ParseFloat(fields[6], 64)
	r.Latency.Mean, r.Limits.MaxSeconds = number(8), number(13)
	if expires := number(9); expires > 0 {
		r.ExpiresAt = time.UnixMilli(expires)
	}
	if spent, most, ok := strings.Cut(fields[14], "/"); ok {
		r.Usage.TotalTokens, _ = strconv.ParseInt(spent, 10, 64)
		r.Limits.MaxTokens, _ = strconv.ParseInt(most, 10, 64)
	}
	for facts != "" {
		name, rest, _ := strings.Cut(facts, between)
		value, rest, _ := strings.Cut(rest, between)
		if r.Labels == nil {
			r.Labels = map[string]string{}
		}
		r.Labels[name], facts = value, rest
	}
	return r, true
}

const surveyStep = 5000 // sessions that are looked at in one round trip

// survey looks at every session of an index, and reads the records of the page.
func (s *Store) survey(ctx context.Context, q session.Query, limit int) (page session.Page, err error) {
	if err := s.tidy(ctx, q.Key); err != nil {
		return page, fmt.Errorf("survey sessions: %w", err)
	}
	survey := session.NewSurvey(q, s.now())
	if err := s.lookAtAll(ctx, q, survey); err != nil {
		return page, fmt.Errorf("survey sessions: %w", err)
	}
	members, next, total, facets, err := survey.Page(q.After, limit)
	if err != nil {
		return page, err
	}
	page = session.Page{Next: next, Total: total, Facets: facets}
	if len(members) == 0 {
		return page, nil
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

// fact is what was read of one session; its facts are empty if it has none.
type fact struct{ member, facts string }

// lookAtAll adds all sessions of an index to a survey. While one step is looked at, the next is read.
func (s *Store) lookAtAll(ctx context.Context, q session.Query, survey *session.Survey) error {
	ctx, cancel := context.WithCancel(ctx)
	var reading sync.WaitGroup
	defer func() { cancel(); reading.Wait() }()
	steps, failed := make(chan []fact, 1), make(chan error, 1)
	reading.Go(func() {
		defer close(steps)
		failed <- s.readFacts(ctx, q, steps)
	})
	for step := range steps {
		var unknown []string
		for _, f := range step {
			if r, ok := recordOf(f.member, f.facts); ok {
				survey.Add(&r, f.member)
			} else {
				unknown = append(unknown, f.member)
			}
		}
		if err := s.lookAtRecords(ctx, unknown, survey); err != nil {
			return err
		}
	}
	return <-failed
}

// readFacts sends the facts of all sessions that a query may select or count.
func (s *Store) readFacts(ctx context.Context, q session.Query, steps chan<- []fact) error {
	switch {
	case q.Status == session.StatusLive: // few beside those that have ended
		return errors.Join(
			s.walkFacts(ctx, q.Key, []string{statusTerm(session.StatusActive)}, steps),
			s.walkFacts(ctx, q.Key, []string{statusTerm(session.StatusCreated)}, steps))
	case !q.Facets && (q.Status != "" || len(q.Labels) > 0):
		return s.walkFacts(ctx, q.Key, wantedTerms(q), steps)
	}
	whole, err := s.factsOfAll(ctx, q.Key)
	switch {
	case err != nil:
		return err
	case whole:
		return s.scanFacts(ctx, steps)
	}
	return s.walkFacts(ctx, q.Key, nil, steps)
}

// factsOfAll reports whether all sessions are wanted, and have facts: not those that nodes of an
// older version have indexed.
func (s *Store) factsOfAll(ctx context.Context, key string) (bool, error) {
	if key != "" {
		return false, nil
	}
	pipe := s.client.Pipeline()
	listed, known := pipe.ZCard(ctx, indexKey("", "list")), pipe.HLen(ctx, indexKey("", "facts"))
	_, err := pipe.Exec(ctx)
	return listed.Val() == known.Val(), err
}

// scanFacts sends the facts of all sessions, each once, in no order.
func (s *Store) scanFacts(ctx context.Context, steps chan<- []fact) error {
	seen := map[string]bool{}
	for cursor := uint64(0); ; {
		pairs, next, err := s.client.HScan(ctx, indexKey("", "facts"), cursor, "", surveyStep).Result()
		if err != nil {
			return err
		}
		step := make([]fact, 0, len(pairs)/2)
		for ; len(pairs) > 1; pairs = pairs[2:] {
			if !seen[pairs[0]] { // a scan may return one twice
				seen[pairs[0]] = true
				step = append(step, fact{pairs[0], pairs[1]})
			}
		}
		if err := give(ctx, steps, step); err != nil {
			return err
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

// walkFacts sends the facts of an index's sessions that have all terms, newest first.
func (s *Store) walkFacts(ctx context.Context, key string, terms []string, steps chan<- []fact) error {
	for after := ""; ; {
		last, _, members, err := s.walk(ctx, key, terms, after, surveyStep)
		if err != nil {
			return err
		}
		if len(members) == 0 {
			if after = last; after == "" {
				return nil
			}
			continue
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

// lookAtRecords adds sessions that an older version of the gateway has indexed without facts.
func (s *Store) lookAtRecords(ctx context.Context, members []string, survey *session.Survey) error {
	for chunk := range slices.Chunk(members, listMost) {
		bodies, err := s.bodies(ctx, chunk)
		if err != nil {
			return err
		}
		for i, body := range bodies {
			if r, ok, err := decoded(body); err == nil && ok && member(r) == chunk[i] {
				survey.Add(&r, chunk[i])
			}
		}
	}
	return nil
}
