package session

import (
	"cmp"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// opening is what a new leg is told before the session moves over to it.
type opening struct {
	config json.RawMessage
	items  []object
	again  bool // the configuration was in effect before: what the upstream refuses of it is left out
}

// ownFields are the fields of an API session that are the upstream's to set. All others, also
// those that nobody knows here, are what the session is configured with.
var ownFields = []string{"id", "object", "model", "expires_at", "client_secret", "created_at", "status"}

// nextConfig turns an effective API session into a configuration for the next one.
func nextConfig(session, secrets json.RawMessage) json.RawMessage {
	fields := fieldsOf(told(session, secrets))
	if fields == nil {
		return nil
	}
	for _, name := range ownFields {
		delete(fields, name)
	}
	return marshal(fields)
}

// choices are the fields for which null is a choice: whatever the upstream begins with.
var choices = []string{"turn_detection", "transcription", "noise_reduction"}

// withoutNulls leaves out null where the new session, as it was created, has nothing either: it
// would be refused where it is no choice.
func withoutNulls(config, created json.RawMessage) json.RawMessage {
	fields, ok := decode(config).(object)
	if !ok {
		return config
	}
	begins, _ := decode(created).(object)
	dropNulls(fields, begins)
	for _, part := range []string{"input", "output"} {
		dropNulls(objectAt(fields, "audio", part), objectAt(begins, "audio", part))
	}
	return marshal(fields)
}

func dropNulls(fields, begins object) {
	for name, v := range fields {
		if v == nil && begins[name] == nil && !slices.Contains(choices, name) {
			delete(fields, name)
		}
	}
}

// objectAt returns the object at a path; nil, which has no fields, if there is none.
func objectAt(o object, path ...string) object {
	for _, name := range path {
		o, _ = o[name].(object)
	}
	return o
}

// dropsAtMost is how many fields of its configuration an upstream may refuse one after the other.
const dropsAtMost = 16

// configure tells a leg its configuration and waits until it is in effect.
func (l *leg) configure(o opening) error {
	if o.again {
		o.config = withoutNulls(o.config, l.session)
	}
	for {
		_, secrets := hideSecrets(o.config)
		l.keepSecrets(secrets)
		update := object{"type": "session.update", "event_id": NewID(ownPrefix), "session": o.config}
		if err := l.write(update); err != nil {
			return err
		}
		err := l.await("session.updated")
		var refused *UpstreamError
		if !errors.As(err, &refused) {
			return err
		}
		refused.Message = withoutSecrets(refused.Message, secrets)
		if !o.again || refused.Class() != Turn || len(l.dropped) == dropsAtMost {
			return err
		}
		rest, field := without(o.config, refusedField(refused))
		if field == "" {
			return err
		}
		o.config = rest
		l.dropped = append(l.dropped, field)
	}
}

// noteDropped says what of its configuration the session goes on without.
func (c *Controller) noteDropped(l *leg) {
	if len(l.dropped) > 0 {
		c.node.stats.FieldsDropped.Add(int64(len(l.dropped)))
		c.node.Logger.Warn("upstream refused fields of the configuration; the session goes on without them", "session", c.id, "fields", l.dropped)
	}
}

// quotedField is how an error that has no param names a field: "Unknown parameter: 'session.x'."
var quotedField = regexp.MustCompile(`'(session\.[^']+)'`)

// refusedField is the path, within a session, of what an error is about; "" if it does not say.
func refusedField(e *UpstreamError) string {
	param := e.Param
	if quoted := quotedField.FindStringSubmatch(e.Message); param == "" && quoted != nil {
		param = quoted[1]
	}
	return strings.TrimPrefix(cmp.Or(param, "session"), "session")
}

// kept are the fields without which a session must not go on.
var keptFields = []string{"type", "instructions"}

// without takes a field out of a configuration, or as much of its path as there is. It returns
// the path of what was taken out; "" for nothing.
func without(config json.RawMessage, path string) (rest json.RawMessage, dropped string) {
	fields, ok := decode(config).(object)
	if !ok {
		return config, ""
	}
	steps := strings.FieldsFunc(path, func(r rune) bool { return strings.ContainsRune(".[]", r) })
	if len(steps) == 0 || slices.Contains(keptFields, steps[0]) {
		return config, ""
	}
	depth := prune(fields, steps)
	if depth == 0 {
		return config, ""
	}
	return marshal(fields), strings.Join(steps[:depth], ".")
}

// prune takes out what the steps lead to, and reports how many of them there are.
func prune(o object, steps []string) (depth int) {
	within, there := o[steps[0]]
	if !there {
		return 0
	}
	if len(steps) > 1 {
		switch within := within.(type) {
		case object:
			depth = prune(within, steps[1:])
		case []any:
			depth = pruneList(o, steps, within)
		}
	}
	if depth == 0 {
		delete(o, steps[0])
	}
	return depth + 1
}

// pruneList is prune for a list of o, whose second step is the place of an element.
func pruneList(o object, steps []string, list []any) (depth int) {
	i, err := strconv.Atoi(steps[1])
	if err != nil || i < 0 || i >= len(list) {
		return 0
	}
	if element, ok := list[i].(object); ok && len(steps) > 2 {
		depth = prune(element, steps[2:])
	}
	if depth == 0 {
		o[steps[0]] = slices.Delete(list, i, i+1)
	}
	return depth + 1
}
