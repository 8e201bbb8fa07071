package redisstore

import (
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"switchboard/session"
	"switchboard/session/access"
)

var (
	//go:embed lua/addkey.lua
	addKeySource string
	//go:embed lua/removekey.lua
	removeKeySource string
	//go:embed lua/revoketoken.lua
	revokeTokenSource string
	//go:embed lua/keys.lua
	keysSource string

	addKeyScript      = redis.NewScript(addKeySource)
	removeKeyScript   = redis.NewScript(removeKeySource)
	revokeTokenScript = redis.NewScript(revokeTokenSource)
	keysScript        = redis.NewScript(keysSource)
)

// tokenRevoked is how long the nodes are told that a token was revoked.
const tokenRevoked = time.Minute

// AddKey implements [session.KeyRing].
func (s *Store) AddKey(ctx context.Context, k access.APIKey) error {
	body, err := json.Marshal(k)
	if err != nil {
		return fmt.Errorf("add API key: %w", err)
	}
	c := &call{
		script: addKeyScript, keys: []string{keyNamesKey, keysKey, keysVersionKey},
		args: []any{k.Name, k.ID, body, access.MaxAPIKeys, rand.Text()},
	}
	if err := s.run(ctx, []*call{c}); err != nil {
		return fmt.Errorf("add API key: %w", err)
	}
	switch said, err := c.answer.Text(); {
	case err != nil:
		return fmt.Errorf("add API key: %w", err)
	case said == "exists":
		return fmt.Errorf("API key %s: %w", k.Name, session.ErrExists)
	case said == "full":
		return &session.LimitError{Limit: "keys", Max: access.MaxAPIKeys}
	}
	return nil
}

// RemoveKey implements [session.KeyRing].
func (s *Store) RemoveKey(ctx context.Context, id string) error {
	c := &call{
		script: removeKeyScript, keys: []string{keyNamesKey, keysKey, keysVersionKey, keysRevokedKey},
		args: []any{id, rand.Text()},
	}
	if err := s.run(ctx, []*call{c}); err != nil {
		return fmt.Errorf("remove API key: %w", err)
	}
	if found, err := c.answer.Bool(); err != nil || found {
		return err
	}
	return session.ErrNotFound
}

// RevokeKeyTokens implements [session.KeyRing]. After an error they may have been revoked.
func (s *Store) RevokeKeyTokens(ctx context.Context, id string) error {
	pipe := s.client.TxPipeline()
	pipe.HIncrBy(ctx, keysRevokedKey, id, 1)
	pipe.Set(ctx, keysVersionKey, rand.Text(), 0)
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("revoke tokens of API key: %w", err)
	}
	return nil
}

// RevokeToken implements [session.KeyRing].
func (s *Store) RevokeToken(ctx context.Context, id string) error {
	c := &call{
		script: revokeTokenScript, keys: []string{tokensRevokedKey, keysVersionKey},
		args: []any{id, tokenRevoked.Milliseconds(), access.MaxTokenRevocations, rand.Text()},
	}
	if err := s.run(ctx, []*call{c}); err != nil {
		return fmt.Errorf("revoke token: %w", err)
	}
	if noted, err := c.answer.Bool(); err != nil || noted {
		return err
	}
	return &session.LimitError{Limit: "token_revocations", Max: access.MaxTokenRevocations}
}

// Keys implements [session.KeyRing]. A version is random, so that a Redis that lost its memory
// does not repeat one.
func (s *Store) Keys(ctx context.Context, since string) (set access.KeySet, err error) {
	c := &call{
		script: keysScript, keys: []string{keysKey, keysVersionKey, keysRevokedKey, tokensRevokedKey},
		args: []any{since},
	}
	if err := s.run(ctx, []*call{c}); err != nil {
		return set, fmt.Errorf("read API keys: %w", err)
	}
	answer, err := c.answer.Slice()
	if err != nil {
		return set, fmt.Errorf("read API keys: %w", err)
	}
	set.Version, _ = answer[0].(string)
	if len(answer) == 1 {
		return set, nil
	}
	for _, body := range texts(answer[1]) {
		var k access.APIKey
		if err := json.Unmarshal([]byte(body), &k); err != nil {
			return access.KeySet{}, fmt.Errorf("read API keys: %w", err)
		}
		set.Keys = append(set.Keys, k)
	}
	set.Revoked = map[string]int64{}
	for counts := texts(answer[2]); len(counts) > 1; counts = counts[2:] {
		set.Revoked[counts[0]], _ = strconv.ParseInt(counts[1], 10, 64)
	}
	set.Tokens = texts(answer[3])
	return set, nil
}

// texts is a list of strings within a script's answer.
func texts(list any) (out []string) {
	values, _ := list.([]any)
	for _, v := range values {
		text, _ := v.(string)
		out = append(out, text)
	}
	return out
}
