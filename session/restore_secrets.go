package session

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/tidwall/gjson"
)

// told is the configuration that an API session came of, with what it does not show.
func told(session, secrets json.RawMessage) json.RawMessage {
	config, _ := restorer{trusts: true}.restore(session, secrets)
	return config
}

// completed puts secrets back where an update tells something anew and leaves them out, as it
// does that was made of what is shown. It reports whether that has changed it.
func completed(update, secrets json.RawMessage) (json.RawMessage, bool) {
	return restorer{}.restore(update, secrets)
}

// restorer puts secrets where they are left out.
type restorer struct {
	trusts bool // the upstream says what tools there are: it may show no more than a part of their addresses
}

func (r restorer) restore(config, secrets json.RawMessage) (json.RawMessage, bool) {
	if secrets == nil {
		return config, false
	}
	fields, ok := decode(config).(object)
	if hidden, is := decode(secrets).(object); !ok || !is || !r.object(fields, hidden) {
		return config, false
	}
	return marshal(fields), true
}

func (r restorer) object(o, hidden object) (changed bool) {
	for name, v := range hidden {
		now := o[name]
		part, deeper := v.(object)
		switch {
		case secretFields[name] && (now == nil || isRedacted(now)), slices.Contains(destinations, name) && now != v:
			o[name], changed = v, true
		case !deeper:
		default:
			switch within := now.(type) {
			case object:
				changed = r.object(within, part) || changed
			case []any:
				changed = r.list(within, part) || changed
			}
		}
	}
	return changed
}

func (r restorer) list(list []any, hidden object) (changed bool) {
	for i, v := range list {
		element, ok := v.(object)
		if !ok {
			continue
		}
		part, ok := hidden[labelOf(element, i)].(object)
		if ok && (r.trusts || sameDestination(element, part)) {
			changed = r.object(element, part) || changed
		}
	}
	return changed
}

// sameDestination reports whether a tool as it is told anew goes where it went before, as far
// as that was shown.
func sameDestination(now, before object) bool {
	for _, name := range destinations {
		is, _ := now[name].(string)
		was, _ := before[name].(string)
		known, hidden := strings.CutSuffix(is, redacted)
		if is != was && !(hidden && strings.HasPrefix(shownURL(was), known)) {
			return false
		}
	}
	return true
}

// isRedacted reports whether a value stands for one that is not shown, ours or the upstream's.
func isRedacted(v any) bool {
	switch v := v.(type) {
	case string:
		return strings.Contains(v, redacted) || v != "" && strings.Trim(v, "*") == ""
	case object:
		for _, within := range v {
			if isRedacted(within) {
				return true
			}
		}
	}
	return false
}

// updatedSecrets are a session's secrets behind an update. An update tells lists and most
// objects as a whole; only audio is told in parts.
func updatedSecrets(before, update json.RawMessage) json.RawMessage {
	_, told := hideSecrets(update)
	if before == nil && told == nil {
		return nil
	}
	all, ok := decode(before).(object)
	if !ok {
		all = object{}
	}
	for name := range fieldsOf(update) {
		if name != "audio" {
			delete(all, name)
		}
	}
	return mergeSecrets(encodeSecrets(all), told)
}

// mergeSecrets lays what is known of secrets since over what was known before.
func mergeSecrets(before, since json.RawMessage) json.RawMessage {
	was, known := decode(before).(object)
	is, more := decode(since).(object)
	switch {
	case !more:
		return before
	case !known:
		was = object{}
	}
	lay(was, is)
	return encodeSecrets(was)
}

func lay(was, is object) {
	for name, v := range is {
		within, deeper := v.(object)
		switch under, both := was[name].(object); {
		case deeper && !secretFields[name]:
			if !both || movedAway(under[urlField], within[urlField]) {
				under = object{}
				was[name] = under
			}
			lay(under, within)
		case isRedacted(v) || name == urlField && !movedAway(was[name], v): // nothing new is known of it
		default:
			was[name] = v
		}
	}
}

// movedAway reports whether an address is another one, and not what is left of the one before.
func movedAway(before, now any) bool {
	was, _ := before.(string)
	is, _ := now.(string)
	_, bare, _ := strings.Cut(shownURL(was), "://")
	return is != "" && !isRedacted(is) && !strings.HasPrefix(was, is) && !strings.HasPrefix(shownURL(was), is) && !strings.HasPrefix(bare, is)
}

func encodeSecrets(o object) json.RawMessage {
	if len(o) == 0 {
		return nil
	}
	return marshal(o)
}

// withoutSecrets takes known secrets out of a text that somebody else wrote.
func withoutSecrets(text string, known ...json.RawMessage) string {
	for _, secrets := range known {
		eachSecret("", decode(secrets), func(secret string) {
			if len(secret) >= shortestSecret {
				text = strings.ReplaceAll(text, secret, redacted)
			}
		})
	}
	return text
}

// shortestSecret is how long a secret must be to be looked for: a shorter one is part of words.
const shortestSecret = 6

func eachSecret(name string, v any, do func(string)) {
	switch v := v.(type) {
	case string:
		if slices.Contains(destinations, name) && shownURL(v) == v {
			return
		}
		do(v)
		if _, token, ok := strings.Cut(v, " "); ok { // "Bearer x"
			do(token)
		}
	case object:
		for name, within := range v {
			eachSecret(name, within, do)
		}
	case []any:
		for _, within := range v {
			eachSecret(name, within, do)
		}
	}
}

// withSecrets puts back what an update leaves out of what it was made of.
func (c *Controller) withSecrets(update json.RawMessage) json.RawMessage {
	c.mu.Lock()
	defer c.mu.Unlock()
	update, _ = completed(update, c.up.secrets)
	return update
}

// completeUpdate does so in an event of a client's, which stays as it is to the byte if it leaves
// nothing out.
func (c *Controller) completeUpdate(f Frame) Frame {
	if c.up.secrets == nil {
		return f
	}
	told := gjson.GetBytes(f.Payload(), "session")
	session, changed := completed(json.RawMessage(told.Raw), c.up.secrets)
	if !changed {
		return f
	}
	return NewFrame(splice(f.Payload(), told, session))
}

// updateSecrets notes what an update that is in effect now has told the upstream; k is nil if it
// is not known which one that is.
func (c *Controller) updateSecrets(k *ack) {
	if k == nil || k.sets == nil {
		return
	}
	if after := updatedSecrets(c.up.secrets, k.sets); !bytes.Equal(after, c.up.secrets) {
		c.up.keepSecrets(after)
	}
}

// withoutSecretsLocked takes out of an error what it repeats of the session's secrets, and of
// those of updates that are under way.
func (c *Controller) withoutSecretsLocked(event []byte) []byte {
	known := []json.RawMessage{c.up.secrets}
	for _, k := range c.acks.open {
		if _, secrets := hideSecrets(k.sets); secrets != nil {
			known = append(known, secrets)
		}
	}
	message := gjson.GetBytes(event, "error.message")
	clean := withoutSecrets(message.Str, known...)
	if clean == message.Str {
		return event
	}
	return splice(event, message, marshal(clean))
}

// sealedSecrets are the session's secrets as the store may have them; "" where nothing can be
// sealed: another node's upstreams then do without them.
func (c *Controller) sealedSecrets() string {
	if c.up.secrets == nil || c.node.Sealer == nil {
		return ""
	}
	if c.up.sealed == "" {
		c.up.sealed = c.node.Sealer.Seal("session "+string(c.id), c.up.secrets)
	}
	return c.up.sealed
}

// unseal is the reverse on the node that runs the session on.
func (c *Controller) unseal(sealed string) {
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
	c.up.secrets, c.up.sealed = mergeSecrets(c.up.secrets, secrets), sealed
}
