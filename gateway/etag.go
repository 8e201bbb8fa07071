package gateway

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"switchboard/gateway/problem"
	"switchboard/session"
	"switchboard/session/configuration"
)

// settingsTag is the ETag of what PATCH changes in a session: not of its usage or clients, which
// change all the time, nor of broadcasts or the upstream's ID, which change without a PATCH.
func settingsTag(r *session.Record) string {
	settings := struct {
		Session map[string]json.RawMessage
		Own     string
		Labels  map[string]string
	}{Labels: r.Labels}
	if len(settings.Labels) == 0 {
		settings.Labels = nil
	}
	_ = json.Unmarshal(configuration.ShownSession(r.Session), &settings.Session)
	for _, other := range []string{"id", "object", "expires_at", "client_secret", "instructions"} {
		delete(settings.Session, other)
	}
	if told := instructionsOf(r); told != nil {
		settings.Own = told.Own
	}
	text, _ := json.Marshal(settings)
	sum := sha256.Sum256(text)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
}

// unchanged is the precondition of If-Match: a session has one of its tags. nil if there is none.
// Weak tags count, too: proxies that compress make ours weak, and it is one of settings, not of bytes.
func unchanged(header string) (func(session.Record) error, error) {
	var tags []string
	for _, tag := range strings.Split(header, ",") {
		tag = strings.TrimSpace(tag)
		if tag == "" {
			continue
		}
		tag = strings.TrimPrefix(tag, "W/")
		if tag != "*" && (len(tag) < 2 || tag[0] != '"' || tag[len(tag)-1] != '"') {
			return nil, problem.Field("header.If-Match", `want ETags in quotes, as "abc", or *`)
		}
		tags = append(tags, tag)
	}
	if len(tags) == 0 {
		return nil, nil
	}
	return func(r session.Record) error {
		now := settingsTag(&r)
		if slices.Contains(tags, "*") || slices.Contains(tags, now) {
			return nil
		}
		p := problem.New(http.StatusPreconditionFailed, "precondition-failed", "If-Match: the session's settings have changed since; its ETag is "+now)
		p.Header = http.Header{"Etag": {now}}
		return p
	}, nil
}
