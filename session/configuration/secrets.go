package configuration

import (
	"bytes"
	"encoding/json"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"switchboard/session/realtime"
)

// secretFields hold a secret wherever they stand in a configuration, but in the parameters of
// a function, which describe and carry nothing. MCP tools have authorization and headers.
var secretFields = map[string]bool{
	"authorization": true, "Authorization": true, "headers": true, "client_secret": true, "domain_secrets": true,
	"api_key": true, "apiKey": true, "access_token": true, "bearer_token": true, "token": true,
	"password": true, "secret": true, "credentials": true,
}

// urlField may hold one too: in its user, its query, or a segment of its path.
const urlField = "server_url"

// secretMarks are what a configuration contains, if it may hold a secret.
var secretMarks = func() (marks [][]byte) {
	for name := range secretFields {
		marks = append(marks, []byte(`"`+name+`"`))
	}
	return append(marks, []byte(`"`+urlField+`"`))
}()

// redacted stands for what is not shown.
const redacted = "<redacted>"

// MayHoldSecrets reports whether JSON has the name of a field that can be a secret. It is cheap, and
// never wrong when it says no.
func MayHoldSecrets(raw []byte) bool {
	for _, mark := range secretMarks {
		if bytes.Contains(raw, mark) {
			return true
		}
	}
	return false
}

// HideSecrets splits a configuration, or an API session, into what may be shown and what the
// next upstream has to be told beside it, in the same places: secrets, and where MCP tools are,
// of which the API shows a part only. What holds no secret is shown to the byte.
func HideSecrets(raw json.RawMessage) (shown, secrets json.RawMessage) {
	if !MayHoldSecrets(raw) {
		return raw, nil
	}
	fields, ok := decode(raw).(realtime.Object)
	if !ok {
		return raw, nil
	}
	var h hider
	hidden := h.object(fields)
	delete(hidden, "client_secret") // the upstream's own: nobody needs it
	if h.hid {
		raw = realtime.Marshal(fields)
	}
	return raw, encodeSecrets(hidden)
}

// ShownSession is an API session, or a configuration, without the secrets that it holds.
func ShownSession(raw json.RawMessage) json.RawMessage {
	shown, _ := HideSecrets(raw)
	return shown
}

// decode reads JSON with its numbers as they are written; nil if it is none.
func decode(raw []byte) (v any) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return nil
	}
	return v
}

// hider takes the secrets out of a configuration.
type hider struct{ hid bool } // whether it found any

// object takes them out of one object, and returns them; nil if there are none.
func (h *hider) object(o realtime.Object) (hidden realtime.Object) {
	hidden = realtime.Object{}
	for name, v := range o {
		switch within := v.(type) {
		case nil:
		case string:
			h.text(o, hidden, name, within)
		case realtime.Object:
			h.within(o, hidden, name, within)
		case []any:
			if secretFields[name] {
				h.field(o, hidden, name)
			} else if part := h.list(within); len(part) > 0 {
				hidden[name] = part
			}
		}
	}
	return hidden
}

func (h *hider) field(o, hidden realtime.Object, name string) {
	hidden[name] = o[name]
	delete(o, name)
	h.hid = true
}

func (h *hider) text(o, hidden realtime.Object, name, text string) {
	switch {
	case secretFields[name]:
		h.field(o, hidden, name)
	case name == urlField:
		if shown := shownURL(text); shown != text {
			hidden[name], o[name] = text, shown
			h.hid = true
		}
	}
}

func (h *hider) within(o, hidden realtime.Object, name string, inner realtime.Object) {
	switch {
	case name == "parameters" && o["type"] == "function":
	case secretFields[name]:
		h.field(o, hidden, name)
	default:
		if part := h.object(inner); len(part) > 0 {
			hidden[name] = part
		}
	}
}

// list is object for a list, whose elements are known by their label or their place. With the
// secrets of a tool comes where they go.
func (h *hider) list(list []any) realtime.Object {
	hidden := realtime.Object{}
	for i, v := range list {
		element, ok := v.(realtime.Object)
		if !ok {
			continue
		}
		part := h.object(element)
		for _, name := range destinations {
			if _, there := part[name]; !there && element[name] != nil {
				part[name] = element[name]
			}
		}
		if len(part) > 0 {
			hidden[labelOf(element, i)] = part
		}
	}
	return hidden
}

func labelOf(element realtime.Object, i int) string {
	if label, ok := element["server_label"].(string); ok {
		return label
	}
	return "#" + strconv.Itoa(i)
}

// destinations say whom a tool's secrets are told. They are never told to another.
var destinations = []string{urlField, "connector_id", "tunnel_id"}

// tokenLike is a segment of a path that nobody would choose but to keep others out.
var tokenLike = regexp.MustCompile(`^[A-Za-z0-9_=.~%-]{16,}$`)

// shownURL is an address without what in it may let others in.
func shownURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return redacted
	}
	secret := u.User != nil || u.RawQuery != "" || u.Fragment != ""
	for segment := range strings.SplitSeq(u.Path, "/") {
		secret = secret || tokenLike.MatchString(segment) && strings.ContainsAny(segment, "0123456789")
	}
	if !secret {
		return raw
	}
	return u.Scheme + "://" + u.Host + "/" + redacted
}
