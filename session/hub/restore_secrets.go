package hub

import (
	"bytes"
	"encoding/json"
	"errors"

	"switchboard/session"
	"switchboard/session/configuration"
	"switchboard/session/realtime"

	"github.com/tidwall/gjson"
)

// withSecrets puts back what an update leaves out of what it was made of.
func (c *Controller) withSecrets(update json.RawMessage) json.RawMessage {
	s := c.lock()
	defer s.unlock()
	update, _ = configuration.Completed(update, c.up.secrets)
	return update
}

// completeUpdate does so in an event of a client's, which stays as it is to the byte if it leaves
// nothing out.
func (u *uplink) completeUpdate(f session.Frame) session.Frame {
	if u.secrets == nil {
		return f
	}
	told := gjson.GetBytes(f.Payload(), "session")
	merged, changed := configuration.Completed(json.RawMessage(told.Raw), u.secrets)
	if !changed {
		return f
	}
	return session.NewFrame(realtime.Splice(f.Payload(), told, merged))
}

// updateSecrets notes what an update that is in effect now has told the upstream; k is nil if it
// is not known which one that is.
func (u *uplink) updateSecrets(k *pending) {
	if k == nil || k.sets == nil {
		return
	}
	if after := configuration.UpdatedSecrets(u.secrets, k.sets); !bytes.Equal(after, u.secrets) {
		u.keepSecrets(after)
	}
}

// withoutSecrets takes out of an error what it repeats of the session's secrets, and of
// those of updates that are under way.
func (u *uplink) withoutSecrets(event []byte) []byte {
	known := []json.RawMessage{u.secrets}
	for _, k := range u.ledger.open {
		if _, secrets := configuration.HideSecrets(k.sets); secrets != nil {
			known = append(known, secrets)
		}
	}
	message := gjson.GetBytes(event, "error.message")
	clean := configuration.WithoutSecrets(message.Str, known...)
	if clean == message.Str {
		return event
	}
	return realtime.Splice(event, message, realtime.Marshal(clean))
}

// sealedSecrets are the session's secrets as the store may have them; "" where nothing can be
// sealed: another node's upstreams then do without them.
func (c *held) sealedSecrets() string {
	if c.up.secrets == nil || c.node.Sealer == nil {
		return ""
	}
	if c.up.sealed == "" {
		c.up.sealed = c.node.Sealer.Seal("session "+string(c.id), c.up.secrets)
	}
	return c.up.sealed
}

// unseal is the reverse on the node that runs the session on.
func (c *held) unseal(sealed string) {
	if sealed == "" {
		return
	}
	var secrets []byte
	err := errors.New("this node has no key")
	if c.node.Sealer != nil {
		secrets, err = c.node.Sealer.Open("session "+string(c.id), sealed)
	}
	if err != nil {
		c.node.Logger.Error("secrets of the session's tools cannot be read; its next upstream does without them", "session", c.id, "err", err)
		return
	}
	c.up.secrets, c.up.sealed = configuration.MergeSecrets(c.up.secrets, secrets), sealed
}
