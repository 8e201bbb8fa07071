package hub

import (
	"switchboard/session"
)

// limits are the session's own where set, else the node's, and no more than it allows.
func (c *Controller) limits() session.Limits {
	own, node, caps := c.spec.Limits, c.node.Defaults, c.node.Caps
	return session.Limits{
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
