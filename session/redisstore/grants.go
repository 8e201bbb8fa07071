package redisstore

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"switchboard/session"
	"switchboard/session/access"
)

//go:embed lua/token.lua
var tokenSource string

var tokenScript = redis.NewScript(tokenSource)

// PutGrant implements [session.Grants].
func (s *Store) PutGrant(ctx context.Context, token string, g access.Grant, ttl time.Duration) error {
	return s.putGrant(ctx, token, g, ttl, "")
}

// ExtendGrant implements [session.Grants].
func (s *Store) ExtendGrant(ctx context.Context, token string, g access.Grant, ttl time.Duration) error {
	return s.putGrant(ctx, token, g, ttl, "XX")
}

// putGrant lists a token with its session before its grant is stored, so that none is missed
// when those of the session are revoked. mode is of SET.
func (s *Store) putGrant(ctx context.Context, token string, g access.Grant, ttl time.Duration, mode string) error {
	if ttl <= 0 {
		return &session.InvalidError{Field: "ttl", Detail: "must be positive"}
	}
	if err := s.listToken(ctx, g.Session, token, ttl); err != nil {
		return err
	}
	body, err := json.Marshal(g)
	if err == nil {
		err = s.client.SetArgs(ctx, grantKey(tokenHash(token)), body, redis.SetArgs{Mode: mode, TTL: ttl}).Err()
	}
	if errors.Is(err, redis.Nil) {
		return session.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("keep grant: %w", err)
	}
	return nil
}

func (s *Store) listToken(ctx context.Context, id session.ID, token string, ttl time.Duration) error {
	if id == "" {
		return nil
	}
	c := &call{
		script: tokenScript, keys: []string{sessionKey(id, "tokens")},
		args: []any{access.TokenID(token), tokenHash(token), ttl.Milliseconds(), access.MaxSessionTokens},
	}
	if err := s.run(ctx, []*call{c}); err != nil {
		return fmt.Errorf("list token of %s: %w", id, err)
	}
	if listed, err := c.answer.Bool(); err != nil || listed {
		return err
	}
	return &session.LimitError{Limit: "session_tokens", Max: access.MaxSessionTokens}
}

// Grant implements [session.Grants].
func (s *Store) Grant(ctx context.Context, token string) (g access.Grant, err error) {
	body, err := s.client.Get(ctx, grantKey(tokenHash(token))).Bytes()
	if errors.Is(err, redis.Nil) {
		return g, session.ErrNotFound
	}
	if err == nil {
		err = json.Unmarshal(body, &g)
	}
	if err != nil {
		return access.Grant{}, fmt.Errorf("read grant: %w", err)
	}
	return g, nil
}

// RevokeGrant implements [session.Grants]. The list of its session forgets it later.
func (s *Store) RevokeGrant(ctx context.Context, token string) error {
	n, err := s.client.Del(ctx, grantKey(tokenHash(token))).Result()
	switch {
	case err != nil:
		return fmt.Errorf("revoke token: %w", err)
	case n == 0:
		return session.ErrNotFound
	}
	return nil
}

// RevokeGrants implements [session.Grants].
func (s *Store) RevokeGrants(ctx context.Context, id session.ID, tokenID string) ([]string, error) {
	tokens, err := s.tokens(ctx, id)
	if err != nil {
		return nil, err
	}
	pipe := s.client.Pipeline()
	deleted := map[string]*redis.IntCmd{}
	for token, hash := range tokens {
		if tokenID == "" || token == tokenID {
			deleted[token] = pipe.Del(ctx, grantKey(hash))
			pipe.HDel(ctx, sessionKey(id, "tokens"), token)
		}
	}
	if len(deleted) == 0 {
		return nil, nil
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("revoke tokens of %s: %w", id, err)
	}
	var ids []string
	for token, n := range deleted {
		if n.Val() > 0 { // else it had expired
			ids = append(ids, token)
		}
	}
	slices.Sort(ids)
	return ids, nil
}

// EndGrants implements [session.Grants].
func (s *Store) EndGrants(ctx context.Context, id session.ID, ttl time.Duration) error {
	tokens, err := s.tokens(ctx, id)
	if err != nil || len(tokens) == 0 {
		return err
	}
	pipe := s.client.Pipeline()
	for _, hash := range tokens {
		pipe.Do(ctx, "PEXPIRE", grantKey(hash), ttl.Milliseconds(), "LT")
	}
	pipe.Do(ctx, "PEXPIRE", sessionKey(id, "tokens"), ttl.Milliseconds(), "LT")
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("end tokens of %s: %w", id, err)
	}
	return nil
}

// tokens reads the list of a session's tokens: their hashes by ID.
func (s *Store) tokens(ctx context.Context, id session.ID) (map[string]string, error) {
	if !id.Valid() {
		return nil, nil
	}
	listed, err := s.client.HGetAll(ctx, sessionKey(id, "tokens")).Result()
	if err != nil {
		return nil, fmt.Errorf("list tokens of %s: %w", id, err)
	}
	for token, entry := range listed {
		_, listed[token], _ = strings.Cut(entry, " ")
	}
	return listed, nil
}
