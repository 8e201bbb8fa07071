package standin

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// JobOptions say how batches, fine-tuning jobs and webhooks behave. The zero value works.
type JobOptions struct {
	BatchTime time.Duration // from validating to completed; default 6 s
	TuneTime  time.Duration // from validating_files to succeeded; default 12 s
	Webhook   Endpoint      // gets every event, beside the endpoints that are made through the API
	Delivery  DeliveryFaults
	// RetryFirst is the pause after the first failed delivery; it doubles up to an hour. Default 1 s.
	RetryFirst time.Duration
	TLS        *tls.Config // of deliveries to https addresses; nil: the system's authorities
}

// Endpoint is where webhooks go and what signs them.
type Endpoint struct{ URL, Secret string }

// account is what the API keeps beside realtime sessions. Its lists are in order of creation.
type account struct {
	opts   JobOptions
	client *http.Client

	catalogue catalogue
	life      context.Context // ends at Close
	end       context.CancelFunc
	tasks     sync.WaitGroup

	mu        sync.Mutex // guards what follows and the objects in it
	files     []*file
	batches   []*batch
	tunes     []*tune
	endpoints []*endpoint
	delivery  DeliveryFaults
	delivered []Delivery
}

// listKept is how many objects of a kind are kept.
const listKept = 1000

func newAccount(o JobOptions, models catalogue) *account {
	if o.BatchTime <= 0 {
		o.BatchTime = 6 * time.Second
	}
	if o.TuneTime <= 0 {
		o.TuneTime = 12 * time.Second
	}
	if o.RetryFirst <= 0 {
		o.RetryFirst = time.Second
	}
	a := &account{opts: o, catalogue: models, delivery: o.Delivery}
	a.life, a.end = context.WithCancel(context.Background())
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = o.TLS
	a.client = &http.Client{
		Timeout: 10 * time.Second, Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return a
}

func (a *account) close() {
	a.end()
	a.tasks.Wait()
	a.client.CloseIdleConnections()
}

// routes are those that need an API key.
func (a *account) routes() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"POST /v1/files":             a.createFile,
		"GET /v1/files":              a.listFiles,
		"GET /v1/files/{id}":         a.showFile,
		"DELETE /v1/files/{id}":      a.deleteFile,
		"GET /v1/files/{id}/content": a.fileContent,

		"POST /v1/batches":             a.createBatch,
		"GET /v1/batches":              a.listBatches,
		"GET /v1/batches/{id}":         a.showBatch,
		"POST /v1/batches/{id}/cancel": a.cancelBatch,

		"POST /v1/fine_tuning/jobs":                 a.createTune,
		"GET /v1/fine_tuning/jobs":                  a.listTunes,
		"GET /v1/fine_tuning/jobs/{id}":             a.showTune,
		"POST /v1/fine_tuning/jobs/{id}/cancel":     a.cancelTune,
		"GET /v1/fine_tuning/jobs/{id}/events":      a.tuneEvents,
		"GET /v1/fine_tuning/jobs/{id}/checkpoints": a.tuneCheckpoints,

		"POST /v1/chat/completions": a.chatCompletion,
		"POST /v1/responses":        a.createResponse,

		"POST /v1/webhook_endpoints":                    a.createEndpoint,
		"GET /v1/webhook_endpoints":                     a.listEndpoints,
		"GET /v1/webhook_endpoints/{id}":                a.showEndpoint,
		"POST /v1/webhook_endpoints/{id}":               a.updateEndpoint,
		"DELETE /v1/webhook_endpoints/{id}":             a.deleteEndpoint,
		"POST /v1/webhook_endpoints/{id}/rotate_secret": a.rotateEndpoint,
		"POST /v1/webhook_endpoints/{id}/test":          a.testEndpoint,
		"GET /v1/webhook_event_types":                   a.listEventTypes,
	}
}

// controls are those under /_simulator/.
func (a *account) controls() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"POST /_simulator/webhooks":           a.sendWebhook,
		"GET /_simulator/webhooks/deliveries": a.showDeliveries,
		"GET /_simulator/webhooks/faults":     a.showDeliveryFaults,
		"POST /_simulator/webhooks/faults":    a.setDeliveryFaults,
	}
}

// withKey lets requests with an accepted key through, unless a fault wants them.
func (srv *Server) withKey(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if status, fails := srv.failsREST(); fails {
			writeFault(w, status)
			return
		}
		if e := srv.authorize(presentedKey(r)); e != nil {
			writeError(w, http.StatusUnauthorized, e)
			return
		}
		next(w, r)
	}
}

// keep appends to a list that does not grow for ever.
func keep[T any](list []T, x T) []T {
	if len(list) >= listKept {
		list = append(list[:0], list[1:]...)
	}
	return append(list, x)
}

// listed is anything with an ID.
type listed interface{ objectID() string }

func find[T listed](list []T, id string) (T, bool) {
	i := slices.IndexFunc(list, func(x T) bool { return x.objectID() == id })
	if i < 0 {
		var none T
		return none, false
	}
	return list[i], true
}

func noSuch(w http.ResponseWriter, kind, id string) {
	writeError(w, http.StatusNotFound, invalid("", "id", "No such %s: %s", kind, id))
}

// readBody decodes a request's JSON; it has answered when it returns false.
func readBody(w http.ResponseWriter, r *http.Request, into any) bool {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 32<<20))
	if err == nil && len(raw) == 0 {
		raw = []byte("{}")
	}
	if err != nil || json.Unmarshal(raw, into) != nil {
		writeError(w, http.StatusBadRequest, invalid("", "", "We could not parse the JSON body of your request."))
		return false
	}
	return true
}

// page is a list as the API gives it.
type page struct {
	Object  string  `json:"object"`
	Data    []any   `json:"data"`
	FirstID *string `json:"first_id"`
	LastID  *string `json:"last_id"`
	HasMore bool    `json:"has_more"`
}

// pageSize is how much a list gives if nobody asks for a number, and at most.
type pageSize struct{ usual, most int }

// writePage answers with a part of a list, newest first, as after and limit say. show runs under the account's lock.
func writePage[T listed](w http.ResponseWriter, r *http.Request, list []T, size pageSize, show func(T) any) {
	limit := size.usual
	if text := r.URL.Query().Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > size.most {
			writeError(w, http.StatusBadRequest, invalid("invalid_value", "limit", "Invalid value for 'limit': must be between 1 and %d.", size.most))
			return
		}
		limit = n
	}
	rest := slices.Clone(list)
	slices.Reverse(rest)
	if after := r.URL.Query().Get("after"); after != "" {
		i := slices.IndexFunc(rest, func(x T) bool { return x.objectID() == after })
		if i < 0 {
			writeError(w, http.StatusNotFound, invalid("", "after", "No such object: %s", after))
			return
		}
		rest = rest[i+1:]
	}
	p := page{Object: "list", Data: []any{}, HasMore: len(rest) > limit}
	for _, x := range rest[:min(limit, len(rest))] {
		id := x.objectID()
		if p.FirstID == nil {
			p.FirstID = &id
		}
		p.LastID = &id
		p.Data = append(p.Data, show(x))
	}
	writeJSON(w, p)
}

// wait sleeps unless the stand-in closes.
func (a *account) wait(d time.Duration) bool { return pause(d, a.life.Done()) }

// wish is what metadata asks the stand-in to do with an object; see docs/simulator.md.
func wish(metadata map[string]string) string { return strings.ToLower(metadata["simulator"]) }
