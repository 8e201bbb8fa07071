package redisstore

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"switchboard/session"
)

// How long heartbeats are known.
const (
	nodeTTL   = time.Minute      // a node is listed that says nothing more, and is not declared dead
	tombstone = 10 * time.Minute // an incarnation is known to be dead
)

// Beat implements [session.Heartbeats]. No node's clock matters.
func (s *Store) Beat(ctx context.Context, b session.Heartbeat) (census session.Census, err error) {
	switch {
	case b.Incarnation == "":
		return census, &session.InvalidError{Field: "incarnation", Detail: "is empty"}
	case b.Node.URL == "":
		return census, &session.InvalidError{Field: "url", Detail: "is empty"}
	}
	body, err := json.Marshal(b.Node)
	if err != nil {
		return census, fmt.Errorf("write heartbeat: %w", err)
	}
	c := &call{
		script: beatScript,
		keys:   []string{beatsKey, generationKey, nodesKey, untilKey},
		args: []any{b.Incarnation, b.Counter, b.Acked, b.Seen, b.Joined, b.Node.URL, body,
			nodeTTL.Milliseconds(), s.forget.Milliseconds(), tombstone.Milliseconds()},
	}
	if err := s.run(ctx, []*call{c}); err != nil {
		return census, fmt.Errorf("write heartbeat: %w", err)
	}
	answer, err := c.answer.StringSlice()
	if err == nil {
		census, err = parseCensus(answer)
	}
	if err != nil {
		return census, fmt.Errorf("read heartbeats: %w", err)
	}
	return census, nil
}

func parseCensus(answer []string) (c session.Census, err error) {
	if len(answer) < 4 || len(answer)%2 != 0 {
		return c, fmt.Errorf("unexpected answer of %d parts", len(answer))
	}
	c.Dead = answer[0] == "1"
	for i, n := range []*int64{&c.Joined, &c.Previous, &c.Generation} {
		if *n, err = strconv.ParseInt(answer[i+1], 10, 64); err != nil {
			return c, err
		}
	}
	for pair := range slices.Chunk(answer[4:], 2) {
		m, err := parseBeat(pair[0], pair[1])
		if err != nil {
			return c, err
		}
		c.Members = append(c.Members, m)
	}
	slices.SortFunc(c.Members, func(a, b session.Member) int { return strings.Compare(a.Incarnation, b.Incarnation) })
	return c, nil
}

// parseBeat reads what lua/beat.lua writes.
func parseBeat(incarnation, text string) (m session.Member, err error) {
	m.Incarnation = incarnation
	fields := strings.SplitN(text, " ", 6)
	if len(fields) != 6 {
		return m, fmt.Errorf("heartbeat of %s is %q", incarnation, text)
	}
	var died int64
	for i, n := range []*int64{&m.Counter, &m.Acked, &m.Seen, &m.Joined, &died} {
		if *n, err = strconv.ParseInt(fields[i], 10, 64); err != nil {
			return m, fmt.Errorf("heartbeat of %s: %w", incarnation, err)
		}
	}
	m.Node.URL, m.Dead = fields[5], died > 0
	return m, nil
}

// Declare implements [session.Heartbeats].
func (s *Store) Declare(ctx context.Context, by string, d session.Heartbeat) (bool, error) {
	c := &call{script: declareScript, keys: []string{beatsKey, nodesKey, untilKey}, args: []any{by, d.Incarnation, d.Counter}}
	if err := s.run(ctx, []*call{c}); err != nil {
		return false, fmt.Errorf("declare %s dead: %w", d.Incarnation, err)
	}
	return c.answer.Bool()
}

// Nodes implements [session.Fleet]. They come sorted by URL.
func (s *Store) Nodes(ctx context.Context) ([]session.Node, error) {
	c := &call{script: nodesScript, keys: []string{nodesKey, untilKey}}
	if err := s.run(ctx, []*call{c}); err != nil {
		return nil, fmt.Errorf("list nodes: %w", err)
	}
	bodies, err := c.answer.StringSlice()
	if err != nil {
		return nil, fmt.Errorf("list nodes: %w", err)
	}
	nodes := make([]session.Node, len(bodies))
	for i, body := range bodies {
		if err := json.Unmarshal([]byte(body), &nodes[i]); err != nil {
			return nil, fmt.Errorf("list nodes: %w", err)
		}
	}
	slices.SortFunc(nodes, func(a, b session.Node) int { return strings.Compare(a.URL, b.URL) })
	return nodes, nil
}

// ClusterSecret returns 32 bytes that all nodes which share this Redis have in common
// and nobody else: what they know each other by. The first call makes them; they stay.
func (s *Store) ClusterSecret(ctx context.Context) ([]byte, error) {
	fresh := make([]byte, 32)
	rand.Read(fresh)
	pipe := s.client.TxPipeline()
	pipe.SetNX(ctx, secretKey, fresh, 0)
	kept := pipe.Get(ctx, secretKey)
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("read the cluster's secret: %w", err)
	}
	return kept.Bytes()
}
