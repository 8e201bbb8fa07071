package redisstore

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"switchboard/session"
	"switchboard/session/survey"
)

// Bounds of one call of lua/index.lua.
const (
	tidyStep  = 1000 // expired sessions that a reader takes out
	tidyApply = 100  // and a writer, whose calls are many
	adoptStep = 500  // sessions that an older version has written
)

// entry is what an index is told of one session.
type entry struct {
	member string
	until  int64  // unix ms at which the record expires
	text   string // see lua/index.lua; empty: there is no record
	score  string // in expiry, if it was read from there
	owner  string // API key
	facts  string // see facts.go
}

// entryOf describes a record that expires at until.
func entryOf(r session.Record, until int64) entry {
	clients := 0
	if r.Status != session.StatusEnded {
		clients = r.Clients
	}
	lines := append([]string{strconv.FormatInt(r.Epoch, 10), strconv.Itoa(clients)}, terms(r)...)
	facts := survey.Of(&r)
	return entry{member: member(r), until: until, text: strings.Join(lines, "\n"), owner: r.Key, facts: encoded(&facts)}
}

// member is a session's name in an index: they sort by creation, and no two are the same.
func member(r session.Record) string {
	return fmt.Sprintf("%016x.%s", max(0, r.CreatedAt.UnixMicro()), r.ID)
}

// terms are what a session can be selected by.
func terms(r session.Record) []string {
	list := []string{statusTerm(r.Status)}
	if r.Status != session.StatusEnded {
		list = append(list, nodeTerm+url.QueryEscape(r.Node))
		if r.Clients == 0 {
			list = append(list, unattendedTerm)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Labels)) {
		list = append(list, labelTerm(name, r.Labels[name]))
	}
	return list
}

const (
	nodeTerm       = "n:"
	unattendedTerm = "u:"
	clientsSum     = "clients"
)

func statusTerm(s session.Status) string { return "s:" + url.QueryEscape(string(s)) }

// labelTerm is short whatever the label is.
func labelTerm(name, value string) string {
	sum := sha256.Sum256([]byte(name + "\x00" + value))
	return "l:" + base64.RawURLEncoding.EncodeToString(sum[:12])
}

// index makes the calls that index the sessions whose record changes: with all sessions,
// and with those of their API key. They are in other slots than the records, and so may
// come before or after them: a session that is listed without a record is passed over.
func (s *Store) index(queues []*queue) []*call {
	entries := map[string][]entry{} // by API key
	for _, q := range queues {
		for _, w := range q.writes {
			if w.record == nil {
				continue
			}
			kept := s.forget
			if w.record.Status == session.StatusEnded {
				kept = s.keep
			}
			e := entryOf(*w.record, s.now().Add(kept).UnixMilli())
			entries[""] = append(entries[""], e)
			if e.owner != "" {
				entries[e.owner] = append(entries[e.owner], e)
			}
		}
	}
	var calls []*call
	for key, list := range entries {
		calls = append(calls, s.indexCall(key, tidyApply, list))
	}
	return calls
}

// indexCall puts entries into the index of a key, or that of all sessions.
func (s *Store) indexCall(key string, tidy int, entries []entry) *call {
	args := []any{s.now().UnixMilli(), max(s.forget, s.keep).Milliseconds(), tidy}
	for _, e := range entries {
		if key != "" {
			e.facts = ""
		}
		args = append(args, e.member, e.until, e.text, e.score, e.facts)
	}
	return &call{script: indexScript, args: args, keys: []string{
		indexKey(key, "list"), indexKey(key, "until"), indexKey(key, "terms"), indexKey(key, "entries"),
		indexKey(key, "sums"), indexKey(key, "expiry"), indexKey(key, "facts"),
		indexKey(key, "changed"), indexKey(key, "version"),
	}}
}

// tidy takes what has expired out of an index, and puts in what nodes of an older version
// have written since: they list sessions, but do not index them.
func (s *Store) tidy(ctx context.Context, key string) error {
	for {
		c := s.indexCall(key, tidyStep, nil)
		if err := s.run(ctx, []*call{c}); err != nil {
			return err
		}
		counts, err := c.answer.Int64Slice()
		switch {
		case err != nil:
			return err
		case counts[1] > 0:
			if err := s.adopt(ctx, key); err != nil {
				return err
			}
		case counts[0] < tidyStep:
			return nil
		}
	}
}

// adopt indexes some of the sessions that nodes of an older version have written.
func (s *Store) adopt(ctx context.Context, key string) error {
	listed, err := s.client.ZRangeWithScores(ctx, indexKey(key, "expiry"), 0, adoptStep-1).Result()
	if err != nil {
		return err
	}
	members := make([]string, len(listed))
	for i, z := range listed {
		members[i], _ = z.Member.(string)
	}
	bodies, err := s.bodies(ctx, members)
	if err != nil {
		return err
	}
	entries := make([]entry, len(listed))
	for i, z := range listed {
		entries[i] = entry{member: members[i]}
		if r, ok, err := decoded(bodies[i]); err != nil {
			return err
		} else if ok && member(r) == members[i] {
			entries[i] = entryOf(r, int64(z.Score))
		}
		entries[i].score = strconv.FormatFloat(z.Score, 'f', -1, 64)
	}
	return s.run(ctx, []*call{s.indexCall(key, 0, entries)})
}

// bodies reads the records of members in one round trip.
func (s *Store) bodies(ctx context.Context, members []string) ([]*redis.StringCmd, error) {
	pipe := s.client.Pipeline()
	bodies := make([]*redis.StringCmd, len(members))
	for i, m := range members {
		_, id, _ := strings.Cut(m, ".")
		bodies[i] = pipe.HGet(ctx, sessionKey(session.ID(id), "record"), "body")
	}
	// redis.Nil is a record that was forgotten.
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return nil, err
	}
	return bodies, nil
}

// decoded is a record that was read; false if there is none.
func decoded(body *redis.StringCmd) (r session.Record, ok bool, err error) {
	raw, err := body.Bytes()
	if errors.Is(err, redis.Nil) {
		return r, false, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &r)
	}
	return r, err == nil, err
}

// Totals implements [session.Index].
func (s *Store) Totals(ctx context.Context, key string) (session.Totals, error) {
	t := survey.NoTotals()
	err := s.tidy(ctx, key)
	var sums map[string]string
	if err == nil {
		sums, err = s.client.HGetAll(ctx, indexKey(key, "sums")).Result()
	}
	if err != nil {
		return t, fmt.Errorf("sum up sessions: %w", err)
	}
	for name, text := range sums {
		n, err := strconv.Atoi(text)
		if err != nil {
			return t, fmt.Errorf("sum up sessions: %s: %w", name, err)
		}
		kind, value := name[:min(2, len(name))], name[min(2, len(name)):]
		switch {
		case name == clientsSum:
			t.Clients = n
		case name == unattendedTerm:
			t.Unattended = n
		case kind == nodeTerm:
			if node, err := url.QueryUnescape(value); err == nil {
				t.Nodes[node] = n
			}
		case name == statusTerm(session.Status(value)):
			t.Status[session.Status(value)] = n
		}
	}
	return t, nil
}
