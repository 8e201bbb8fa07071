package redisstore

import (
	"cmp"
	"context"
	"fmt"
	"regexp"

	"switchboard/session"
	"switchboard/session/survey"
)

const (
	listPage = 50   // sessions of a page, unless the query says otherwise
	listMost = 200  // and at most
	walkStep = 5000 // sessions looked at in one call of lua/select.lua
)

// cursor is the form of Query.After: a member of the list.
var cursor = regexp.MustCompile(`^[0-9a-f]{16}\.[A-Za-z0-9_-]{1,64}$`)

// Records implements [session.Index]. It reads the records of the page and no others.
func (s *Store) Records(ctx context.Context, q session.Query) (session.Page, error) {
	if q.Surveys() {
		return s.survey(ctx, q, min(cmp.Or(max(q.Limit, 0), listPage), listMost))
	}
	if q.After != "" && !cursor.MatchString(q.After) {
		return session.Page{}, &session.InvalidError{Field: "after", Detail: "is not the next of a page"}
	}
	page, err := s.page(ctx, q, min(cmp.Or(max(q.Limit, 0), listPage), listMost))
	if err != nil {
		return session.Page{}, fmt.Errorf("list records: %w", err)
	}
	return page, nil
}

func (s *Store) page(ctx context.Context, q session.Query, limit int) (page session.Page, err error) {
	index := cmp.Or(q.Scope, q.Key)
	if err := s.tidy(ctx, index); err != nil {
		return page, err
	}
	wanted := wantedTerms(q)
	if page.Total, err = s.total(ctx, index, wanted); err != nil {
		return page, err
	}
	// One more than the page holds shows whether there is another.
	for after := q.After; len(page.Records) <= limit; {
		var members []string
		if after, _, members, err = s.walk(ctx, index, wanted, after, limit+1-len(page.Records)); err != nil {
			return page, err
		}
		bodies, err := s.bodies(ctx, members)
		if err != nil {
			return page, err
		}
		for i, body := range bodies {
			r, ok, err := decoded(body)
			if err != nil {
				return page, fmt.Errorf("%s: %w", members[i], err)
			}
			if ok && member(r) == members[i] && survey.Selects(q, &r) {
				page.Records = append(page.Records, r)
			}
		}
		if after == "" {
			break
		}
	}
	if len(page.Records) > limit {
		page.Records = page.Records[:limit]
		page.Next = member(page.Records[limit-1])
	}
	return page, nil
}

// walk finds up to limit members behind one, or counts them if limit is 0. last is where to
// go on, empty at the end.
func (s *Store) walk(ctx context.Context, key string, wanted []string, after string, limit int) (last string, count int, members []string, err error) {
	args := []any{after, limit, walkStep}
	for _, term := range wanted {
		args = append(args, term)
	}
	c := &call{script: selectScript, keys: []string{indexKey(key, "list"), indexKey(key, "terms")}, args: args}
	if err := s.run(ctx, []*call{c}); err != nil {
		return "", 0, nil, err
	}
	answer, err := c.answer.Slice()
	if err != nil {
		return "", 0, nil, err
	}
	last, _ = answer[0].(string)
	n, _ := answer[1].(int64)
	for _, m := range answer[2:] {
		name, _ := m.(string)
		members = append(members, name)
	}
	return last, int(n), members, nil
}

// total counts the members that have all terms.
func (s *Store) total(ctx context.Context, key string, wanted []string) (total int, err error) {
	switch len(wanted) {
	case 0:
		n, err := s.client.ZCard(ctx, indexKey(key, "list")).Result()
		return int(n), err
	case 1:
		n, err := s.client.ZLexCount(ctx, indexKey(key, "terms"), "["+wanted[0]+" ", "("+wanted[0]+"!").Result()
		return int(n), err
	}
	for after := ""; ; {
		last, n, _, err := s.walk(ctx, key, wanted, after, 0)
		if total += n; err != nil || last == "" {
			return total, err
		}
		after = last
	}
}

func wantedTerms(q session.Query) (wanted []string) {
	if q.Status != "" {
		wanted = append(wanted, statusTerm(q.Status))
	}
	for name, value := range q.Labels {
		wanted = append(wanted, labelTerm(name, value))
	}
	return wanted
}
