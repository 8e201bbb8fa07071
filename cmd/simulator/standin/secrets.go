package standin

import (
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/tidwall/gjson"
)

const (
	secretPrefix      = "ek_"
	secretDefaultLife = 600 * time.Second
)

// secretBox holds the client secrets that have not expired.
type secretBox struct {
	mu      sync.Mutex
	secrets map[string]secret
}

type secret struct {
	session   config
	expiresAt time.Time
}

// find returns the configuration bound to a secret that is still good.
func (b *secretBox) find(value string) (config, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	kept, ok := b.secrets[value]
	return kept.session, ok && time.Now().Before(kept.expiresAt)
}

// add keeps a secret and forgets those that have expired.
func (b *secretBox) add(value string, kept secret) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.secrets == nil {
		b.secrets = map[string]secret{}
	}
	for old, s := range b.secrets {
		if time.Now().After(s.expiresAt) {
			delete(b.secrets, old)
		}
	}
	b.secrets[value] = kept
}

var secretRule = object(fields{
	"expires_after": object(fields{"anchor": oneOf("created_at"), "seconds": integer(10, 7200)}),
	"session":       sessionRule,
})

// createSecret serves POST /v1/realtime/client_secrets.
func (srv *Server) createSecret(w http.ResponseWriter, r *http.Request) {
	var raw json.RawMessage
	var body map[string]any
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&raw); err != nil || json.Unmarshal(raw, &body) != nil {
		writeError(w, http.StatusBadRequest, invalid("invalid_json", "", "We could not parse the JSON body of your request."))
		return
	}
	if e := secretRule(body, ""); e != nil {
		writeError(w, http.StatusBadRequest, e)
		return
	}
	session, e := srv.secretSession(raw)
	if e != nil {
		writeError(w, http.StatusBadRequest, e)
		return
	}
	life := secretDefaultLife
	if seconds := gjson.GetBytes(raw, "expires_after.seconds"); seconds.Exists() {
		life = time.Duration(seconds.Int()) * time.Second
	}
	value := newID(secretPrefix) + newID("")[:11] // 32 characters, as live
	kept := secret{session: session, expiresAt: time.Now().Add(life)}
	srv.secrets.add(value, kept)
	writeJSON(w, struct {
		Value     string `json:"value"`
		ExpiresAt int64  `json:"expires_at"`
		Session   any    `json:"session"`
	}{value, kept.expiresAt.Unix(), session.view()})
}

func (srv *Server) secretSession(raw json.RawMessage) (config, *apiError) {
	patch := gjson.GetBytes(raw, "session")
	kind, model := kindRealtime, "gpt-realtime-2.1"
	if patch.Exists() {
		kind = patch.Get("type").Str
	}
	if m := patch.Get("model"); m.Exists() {
		model = m.Str
	}
	if refused := srv.checkModel(kind, model); refused != nil {
		return config{}, refused.err
	}
	base := defaultConfig(kind, model)
	if !patch.Exists() {
		return base, nil
	}
	session, err := base.updated(json.RawMessage(patch.Raw))
	if err != nil {
		return config{}, invalid("invalid_value", "session", "Invalid session: %v", err)
	}
	return session, session.checkConfig()
}
