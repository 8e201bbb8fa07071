package configuration

import (
	"cmp"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"switchboard/session"
	"switchboard/session/realtime"
)

// Opening is what a new leg is told before the session moves over to it.
type Opening struct {
	Config json.RawMessage
	Items  []realtime.Object
	Again  bool // the configuration was in effect before: what the upstream refuses of it is left out
}

// ownFields are the fields of an API session that are the upstream's to set. All others, also
// those that nobody knows here, are what the session is configured with.
var ownFields = []string{"id", "object", "model", "expires_at", "client_secret", "created_at", "status"}

// NextConfig turns an effective API session into a configuration for the next one.
func NextConfig(session, secrets json.RawMessage) json.RawMessage {
	fields := realtime.FieldsOf(Told(session, secrets))
	if fields == nil {
		return nil
	}
	for _, name := range ownFields {
		delete(fields, name)
	}
	return realtime.Marshal(fields)
}

// choices are the fields for which null is a choice: whatever the upstream begins with.
var choices = []string{"turn_detection", "transcription", "noise_reduction"}

// WithoutNulls leaves out null where the new session, as it was created, has nothing either: it
// would be refused where it is no choice.
func WithoutNulls(config, created json.RawMessage) json.RawMessage {
	fields, ok := decode(config).(realtime.Object)
	if !ok {
		return config
	}
	begins, _ := decode(created).(realtime.Object)
	dropNulls(fields, begins)
	for _, part := range []string{"input", "output"} {
		dropNulls(objectAt(fields, "audio", part), objectAt(begins, "audio", part))
	}
	return realtime.Marshal(fields)
}

func dropNulls(fields, begins realtime.Object) {
	for name, v := range fields {
		if v == nil && begins[name] == nil && !slices.Contains(choices, name) {
			delete(fields, name)
		}
	}
}

// objectAt returns the object at a path; nil, which has no fields, if there is none.
func objectAt(o realtime.Object, path ...string) realtime.Object {
	for _, name := range path {
		o, _ = o[name].(realtime.Object)
	}
	return o
}

// DropsAtMost is how many fields of its configuration an upstream may refuse one after the other.
const DropsAtMost = 16

// quotedField is how an error that has no param names a field: "Unknown parameter: 'session.x'."
var quotedField = regexp.MustCompile(`'(session\.[^']+)'`)

// RefusedField is the path, within a session, of what an error is about; "" if it does not say.
func RefusedField(e *session.UpstreamError) string {
	param := e.Param
	if quoted := quotedField.FindStringSubmatch(e.Message); param == "" && quoted != nil {
		param = quoted[1]
	}
	return strings.TrimPrefix(cmp.Or(param, "session"), "session")
}

// kept are the fields without which a session must not go on.
var keptFields = []string{"type", "instructions"}

// Without takes a field out of a configuration, or as much of its path as there is. It returns
// the path of what was taken out; "" for nothing.
func Without(config json.RawMessage, path string) (rest json.RawMessage, dropped string) {
	fields, ok := decode(config).(realtime.Object)
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
	return realtime.Marshal(fields), strings.Join(steps[:depth], ".")
}

// prune takes out what the steps lead to, and reports how many of them there are.
func prune(o realtime.Object, steps []string) (depth int) {
	within, there := o[steps[0]]
	if !there {
		return 0
	}
	if len(steps) > 1 {
		switch within := within.(type) {
		case realtime.Object:
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
func pruneList(o realtime.Object, steps []string, list []any) (depth int) {
	i, err := strconv.Atoi(steps[1])
	if err != nil || i < 0 || i >= len(list) {
		return 0
	}
	if element, ok := list[i].(realtime.Object); ok && len(steps) > 2 {
		depth = prune(element, steps[2:])
	}
	if depth == 0 {
		o[steps[0]] = slices.Delete(list, i, i+1)
	}
	return depth + 1
}
