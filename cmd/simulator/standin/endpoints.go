package standin

import (
	"crypto/rand"
	"encoding/base64"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"
)

var eventTypes = []string{"batch.completed", "batch.failed", "batch.expired", "batch.cancelled", "response.completed", "response.failed",
	"response.cancelled", "response.incomplete", "eval.run.succeeded", "eval.run.failed", "eval.run.canceled", "fine_tuning.job.succeeded",
	"fine_tuning.job.failed", "fine_tuning.job.cancelled", "realtime.call.incoming", "live.transport.incoming",
	"live.transport.connected", "live.call.incoming", "video.completed", "video.failed",
	"agent.environment.ready", "agent.environment.failed", "agent.environment.suspended", "agent.environment.expired", "agent.session.created",
	"agent.session.action_required", "agent.session.in_progress", "agent.session.idle", "agent.session.failed", "safety.alert.created", "safety.warning_issued", "safety.deactivation_issued", "safety.org_alert.created"}

// endpoint is a webhook endpoint as the API shows it.
type endpoint struct {
	ID        string   `json:"id"`
	Object    string   `json:"object"`
	Name      string   `json:"name"`
	URL       string   `json:"url"`
	Types     []string `json:"event_types"`
	Hint      string   `json:"signing_secret_hint"`
	CreatedAt int64    `json:"created_at"`
	UpdatedAt int64    `json:"updated_at"`

	secret, old string
	oldUntil    time.Time
}

// secretEndpoint is an endpoint with its new secret, as create and rotate_secret answer.
type secretEndpoint struct {
	endpoint
	Secret string `json:"signing_secret"`
}

func (e *endpoint) objectID() string { return e.ID }

func (e *endpoint) newSecret() *secretEndpoint {
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	e.secret = "whsec_" + base64.StdEncoding.EncodeToString(key)
	e.Hint, e.UpdatedAt = "whsec_..."+e.secret[len(e.secret)-4:], time.Now().Unix()
	return &secretEndpoint{*e, e.secret}
}

// secrets are those that deliveries are signed with now.
func (e *endpoint) secrets(now time.Time) []string {
	if e.old != "" && now.Before(e.oldUntil) {
		return []string{e.secret, e.old}
	}
	return []string{e.secret}
}

func checkEndpoint(name, address string, types []string) *apiError {
	u, err := url.Parse(address)
	switch {
	case name == "":
		return errMissingParameter("name")
	case address == "":
		return errMissingParameter("url")
	case err != nil || u.Host == "" || u.Scheme != "https" && !(u.Scheme == "http" && isLoopback(u.Hostname())):
		return invalid("invalid_value", "url", "Invalid 'url': must be an HTTPS URL.")
	case len(types) == 0:
		return errMissingParameter("event_types")
	}
	return nil
}

// isLoopback allows plain http to this machine, which the live API cannot reach.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (a *account) createEndpoint(w http.ResponseWriter, r *http.Request) {
	var in endpoint
	if !readRuled(w, r, newEndpointRule, &in) {
		return
	}
	if e := checkEndpoint(in.Name, in.URL, in.Types); e != nil {
		writeError(w, http.StatusBadRequest, e)
		return
	}
	made := &endpoint{ID: newID("whe_"), Object: "webhook_endpoint", Name: in.Name, URL: in.URL, Types: in.Types, CreatedAt: time.Now().Unix()}
	a.mu.Lock()
	defer a.mu.Unlock()
	shown := made.newSecret()
	a.endpoints = keep(a.endpoints, made)
	writeJSON(w, shown)
}

func (a *account) listEndpoints(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	writePage(w, r, a.endpoints, pageSize{20, 100}, func(e *endpoint) any { return e })
}

// withEndpoint runs do on an endpoint under the lock.
func (a *account) withEndpoint(w http.ResponseWriter, r *http.Request, do func(*endpoint)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if e, ok := find(a.endpoints, r.PathValue("id")); ok {
		do(e)
		return
	}
	noSuch(w, "webhook endpoint", r.PathValue("id"))
}

func (a *account) showEndpoint(w http.ResponseWriter, r *http.Request) {
	a.withEndpoint(w, r, func(e *endpoint) { writeJSON(w, e) })
}

func (a *account) updateEndpoint(w http.ResponseWriter, r *http.Request) {
	var in endpoint
	if !readRuled(w, r, nextEndpointRule, &in) {
		return
	}
	a.withEndpoint(w, r, func(e *endpoint) {
		next := *e
		if in.Name != "" {
			next.Name = in.Name
		}
		if in.URL != "" {
			next.URL = in.URL
		}
		if in.Types != nil {
			next.Types = in.Types
		}
		if bad := checkEndpoint(next.Name, next.URL, next.Types); bad != nil {
			writeError(w, http.StatusBadRequest, bad)
			return
		}
		next.UpdatedAt = time.Now().Unix()
		*e = next
		writeJSON(w, e)
	})
}

func (a *account) deleteEndpoint(w http.ResponseWriter, r *http.Request) {
	a.withEndpoint(w, r, func(e *endpoint) {
		a.endpoints = slices.DeleteFunc(a.endpoints, func(x *endpoint) bool { return x == e })
		writeJSON(w, map[string]any{"id": e.ID, "object": "webhook_endpoint.deleted", "deleted": true})
	})
}

func (a *account) rotateEndpoint(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Keep bool `json:"keep_old_secret_active_for_24_hours"`
	}
	if !readRuled(w, r, rotateRule, &in) {
		return
	}
	a.withEndpoint(w, r, func(e *endpoint) {
		e.old, e.oldUntil = "", time.Time{}
		if in.Keep {
			e.old, e.oldUntil = e.secret, time.Now().Add(24*time.Hour)
		}
		writeJSON(w, e.newSecret())
	})
}

func (a *account) testEndpoint(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Type string `json:"event_type"`
	}
	if !readRuled(w, r, testRule, &in) {
		return
	}
	var to *target
	a.withEndpoint(w, r, func(e *endpoint) {
		to = &target{e.URL, e.secrets(time.Now())}
	})
	if to == nil {
		return
	}
	event := newEvent(in.Type, sampleData(in.Type))
	status, err := a.post(r.Context(), *to, newID("wh_"), event, false)
	if err != nil {
		writeError(w, http.StatusBadRequest, invalid("", "", "The endpoint could not be reached."))
		return
	}
	writeJSON(w, map[string]any{"object": "webhook_endpoint.test", "webhook_endpoint_id": r.PathValue("id"), "event_type": in.Type,
		"status_code": status, "success": true})
}

func (a *account) listEventTypes(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, map[string]any{"object": "list", "data": eventTypes})
}
