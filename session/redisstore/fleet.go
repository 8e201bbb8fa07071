package redisstore

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"switchboard/session"
)

// Announce implements [session.Fleet]. The node's clock does not matter.
func (s *Store) Announce(ctx context.Context, n session.Node, ttl time.Duration) error {
	if n.URL == "" {
		return &session.InvalidError{Field: "url", Detail: "is empty"}
	}
	body, err := json.Marshal(n)
	if err == nil {
		err = s.run(ctx, []*call{{
			script: announceScript,
			keys:   []string{nodesKey, untilKey},
			args:   []any{n.URL, body, max(ttl, 0).Milliseconds()},
		}})
	}
	if err != nil {
		return fmt.Errorf("announce node: %w", err)
	}
	return nil
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
