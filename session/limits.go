package session

import "fmt"

// limits are the session's own where set, else the node's, and no more than it allows.
func (c *Controller) limits() Limits {
	own, node, caps := c.spec.Limits, c.node.Defaults, c.node.Caps
	return Limits{
		MaxSeconds:  limit(own.MaxSeconds, node.MaxSeconds, caps.MaxSeconds),
		IdleSeconds: limit(own.IdleSeconds, node.IdleSeconds, caps.IdleSeconds),
		MaxTokens:   limit(own.MaxTokens, node.MaxTokens, caps.MaxTokens),
	}
}

func limit(own, node, most int64) int64 {
	n := own
	if n == 0 {
		n = node
	}
	if most > 0 && (n == 0 || n > most) {
		return most
	}
	return n
}

// check refuses limits that exceed the caps l.
func (l Limits) check(asked Limits) error {
	for _, f := range []struct {
		name      string
		own, most int64
	}{
		{"max_seconds", asked.MaxSeconds, l.MaxSeconds},
		{"idle_seconds", asked.IdleSeconds, l.IdleSeconds},
		{"max_tokens", asked.MaxTokens, l.MaxTokens},
	} {
		if f.most > 0 && f.own > f.most {
			return &InvalidError{Field: "limits." + f.name, Detail: fmt.Sprintf("must be at most %d, the most that this gateway allows", f.most)}
		}
	}
	return nil
}
