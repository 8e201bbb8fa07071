package hub

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"switchboard/session"
)

// Kinds of notices.
const (
	NoticeStarted  = "session.started"   // it was opened and is ready
	NoticeEnded    = "session.ended"     // it ended as somebody asked or as its limits say
	NoticeFailed   = "session.failed"    // it ended because it could not go on
	NoticeToolCall = "session.tool_call" // the model calls a function: the application has to answer
)

// Notice tells the application what happened in a session.
type Notice struct {
	ID      string            `json:"-"` // the same for the same fact, however often and by whichever node it is told
	Type    string            `json:"type"`
	Session session.ID        `json:"session_id"`
	Key     string            `json:"key"`
	Labels  map[string]string `json:"labels,omitempty"`
	Reason  string            `json:"reason,omitempty"`   // of an end
	EndedBy string            `json:"ended_by,omitempty"` // of an end
	Usage   *session.Usage    `json:"usage,omitempty"`    // of an end
	CostUSD any               `json:"cost_usd,omitempty"` // of an end, see Cost.Shown
	Call    *Call             `json:"call,omitempty"`     // of a tool call
	At      time.Time         `json:"at"`
}

// Call is a function call that waits for its result.
type Call struct {
	ID        string `json:"call_id"`
	Name      string `json:"name"`
	Arguments string `json:"arguments"` // JSON, as the model wrote it

	Item string `json:"-"` // ID of the item that is the call
}

// noticesWaiting is how many notices may wait for HubOptions.Notify; more are let go and counted.
const noticesWaiting = 4096

// notice tells about the session, behind the event path.
func (c *held) notice(n Notice) {
	if c.node.Notify == nil {
		return
	}
	n.Session, n.Key, n.Labels, n.At = c.id, c.spec.Key, c.spec.Labels, time.Now()
	n.ID = c.own().noticeID(n)
	select {
	case c.node.notices <- n:
	default:
		c.node.stats.NoticesLost.Add(1)
	}
}

// noticeID names what a notice is about.
func (c *Controller) noticeID(n Notice) string {
	fact := fmt.Sprintf("%s %d %s", c.id, c.created.UnixNano(), n.Type)
	if n.Call != nil {
		fact += " " + n.Call.Item + " " + n.Call.ID
	}
	sum := sha256.Sum256([]byte(fact))
	return "msg_" + hex.EncodeToString(sum[:16])
}

// noticeEnd tells that the session is over and how.
func (c *held) noticeEnd() {
	r := c.record()
	n := Notice{Type: NoticeEnded, Reason: r.Reason, EndedBy: r.EndedBy, Usage: &r.Usage, CostUSD: r.Cost.Shown()}
	if code, _ := closeCode(c.reason); code == session.CloseUpstream || code >= 3000 && code < session.CloseLimit {
		n.Type = NoticeFailed
		c.node.stats.Failed.Add(1)
	} else {
		c.node.stats.Ended.Add(1)
	}
	c.notice(n)
}

// notify passes notices on, in order, until ctx is done and none is left.
func (n *node) notify(ctx context.Context) {
	for {
		select {
		case notice := <-n.notices:
			n.Notify(ctx, notice)
			continue
		default:
		}
		select {
		case notice := <-n.notices:
			n.Notify(ctx, notice)
		case <-ctx.Done():
			return
		}
	}
}
