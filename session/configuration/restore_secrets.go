package configuration

import (
	"encoding/json"
	"slices"
	"strings"

	"switchboard/session/realtime"
)

// Told is the configuration that an API session came of, with what it does not show.
func Told(session, secrets json.RawMessage) json.RawMessage {
	config, _ := restorer{trusts: true}.restore(session, secrets)
	return config
}

// Completed puts secrets back where an update tells something anew and leaves them out, as it
// does that was made of what is shown. It reports whether that has changed it.
func Completed(update, secrets json.RawMessage) (json.RawMessage, bool) {
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
	fields, ok := decode(config).(realtime.Object)
	if hidden, is := decode(secrets).(realtime.Object); !ok || !is || !r.object(fields, hidden) {
		return config, false
	}
	return realtime.Marshal(fields), true
}

func (r restorer) object(o, hidden realtime.Object) (changed bool) {
	for name, v := range hidden {
		now := o[name]
		part, deeper := v.(realtime.Object)
		switch {
		case secretFields[name] && (now == nil || isRedacted(now)), slices.Contains(destinations, name) && now != v:
			o[name], changed = v, true
		case !deeper:
		default:
			switch within := now.(type) {
			case realtime.Object:
				changed = r.object(within, part) || changed
			case []any:
				changed = r.list(within, part) || changed
			}
		}
	}
	return changed
}

func (r restorer) list(list []any, hidden realtime.Object) (changed bool) {
	for i, v := range list {
		element, ok := v.(realtime.Object)
		if !ok {
			continue
		}
		part, ok := hidden[labelOf(element, i)].(realtime.Object)
		if ok && (r.trusts || sameDestination(element, part)) {
			changed = r.object(element, part) || changed
		}
	}
	return changed
}

// sameDestination reports whether a tool as it is told anew goes where it went before, as far
// as that was shown.
func sameDestination(now, before realtime.Object) bool {
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
	case realtime.Object:
		for _, within := range v {
			if isRedacted(within) {
				return true
			}
		}
	}
	return false
}

// UpdatedSecrets are a session's secrets behind an update. An update tells lists and most
// objects as a whole; only audio is told in parts.
func UpdatedSecrets(before, update json.RawMessage) json.RawMessage {
	_, told := HideSecrets(update)
	if before == nil && told == nil {
		return nil
	}
	all, ok := decode(before).(realtime.Object)
	if !ok {
		all = realtime.Object{}
	}
	for name := range realtime.FieldsOf(update) {
		if name != "audio" {
			delete(all, name)
		}
	}
	return MergeSecrets(encodeSecrets(all), told)
}

// MergeSecrets lays what is known of secrets since over what was known before.
func MergeSecrets(before, since json.RawMessage) json.RawMessage {
	was, known := decode(before).(realtime.Object)
	is, more := decode(since).(realtime.Object)
	switch {
	case !more:
		return before
	case !known:
		was = realtime.Object{}
	}
	lay(was, is)
	return encodeSecrets(was)
}

func lay(was, is realtime.Object) {
	for name, v := range is {
		within, deeper := v.(realtime.Object)
		switch under, both := was[name].(realtime.Object); {
		case deeper && !secretFields[name]:
			if !both || movedAway(under[urlField], within[urlField]) {
				under = realtime.Object{}
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

func encodeSecrets(o realtime.Object) json.RawMessage {
	if len(o) == 0 {
		return nil
	}
	return realtime.Marshal(o)
}

// WithoutSecrets takes known secrets out of a text that somebody else wrote.
func WithoutSecrets(text string, known ...json.RawMessage) string {
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
	case realtime.Object:
		for name, within := range v {
			eachSecret(name, within, do)
		}
	case []any:
		for _, within := range v {
			eachSecret(name, within, do)
		}
	}
}
