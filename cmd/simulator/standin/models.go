package standin

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"time"
)

// catalogueDate is when the tables below were read from OpenAI's list of models and of
// deprecations. A model whose shutdown is not after it is gone.
const catalogueDate = "2026-11-30"

// realtimeModels are those that a session may name.
var realtimeModels = []string{
	"gpt-realtime-2.1", "gpt-realtime-2.1-mini", "gpt-realtime-2", "gpt-realtime-1.5", "gpt-audio-1.5",
	"gpt-realtime", "gpt-realtime-mini", "gpt-audio", "gpt-audio-mini",
}

// textModels answer chat completions, responses and batches. Fine-tuned ones that a job made do too.
var textModels = []string{
	"gpt-6.2-astra", "gpt-6.2-astra-law", "gpt-6.2-sol", "gpt-6.1-sol", "gpt-6.1-terra", "gpt-6-astra", "gpt-6-sol", "gpt-6-luna", "gpt-6-rosalind",
	"gpt-5.6-sol", "gpt-5.6-terra", "gpt-5.6-luna", "gpt-5.5", "gpt-5.5-pro", "gpt-5.4", "gpt-5.4-pro", "gpt-5.4-mini", "gpt-5.4-nano", "gpt-5.2", "gpt-5.2-pro",
	"gpt-5.1", "gpt-5", "gpt-5-mini", "gpt-5-nano", "gpt-5-pro", "o3", "o3-pro", "gpt-4.1", "gpt-4.1-mini", "gpt-4o", "gpt-4o-mini",
	"text-embedding-3-small", "text-embedding-3-large", "text-embedding-ada-002", "omni-moderation-latest", "omni-moderation",
	"gpt-image-2.6-sunburst", "gpt-image-2.6-flare", "gpt-image-1.5", "gpt-image-1-mini",
}

// transcriptionModels write down what a user says.
var transcriptionModels = []string{
	"gpt-transcribe", "gpt-live-transcribe", "gpt-realtime-whisper",
	"whisper-1", "gpt-4o-transcribe", "gpt-4o-transcribe-diarize", "gpt-4o-mini-transcribe", "gpt-4o-mini-transcribe-2025-12-15",
}

// tunable are the models that jobs start from. OpenAI takes no new jobs from 2027-01-06, and
// shuts these down on 2027-01-14.
var tunable = []string{"gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-4.1-mini"}

// shutdowns are the days on which models end, dated ones first: a name without its date stands for all.
var shutdowns = map[string]string{
	"gpt-realtime-mini-2025-10-06": "2026-07-23", "gpt-audio-mini-2025-10-06": "2026-07-23", "gpt-4o-2024-05-13": "2026-10-23",
	"gpt-image-1.5": "2026-12-01", "gpt-image-1-mini": "2026-12-01",
	"gpt-5": "2026-12-11", "gpt-5-mini": "2026-12-11", "gpt-5-nano": "2026-12-11", "gpt-5-pro": "2026-12-11", "o3": "2026-12-11", "o3-pro": "2026-12-11",
	"gpt-4o": "2027-01-14", "gpt-4o-mini": "2027-01-14", "gpt-4.1": "2027-01-14", "gpt-4.1-mini": "2027-01-14",
	"gpt-realtime": "2027-01-20", "gpt-realtime-mini": "2027-01-20", "gpt-audio": "2027-01-20", "gpt-audio-mini": "2027-01-20",
	"whisper-1": "2027-02-26", "gpt-4o-transcribe": "2027-02-26", "gpt-4o-transcribe-diarize": "2027-02-26", "gpt-4o-mini-transcribe": "2027-02-26",
	"gpt-5.1": "2027-04-01", "gpt-5.4-nano": "2027-04-01",
}

var datePattern = regexp.MustCompile(`-20\d\d-\d\d-\d\d$`)

func undated(name string) string { return datePattern.ReplaceAllString(name, "") }

// catalogue knows the models and when they end; Options.Shutdowns adds to it.
type catalogue map[string]string

func newCatalogue(more map[string]string) catalogue {
	c := maps.Clone(shutdowns)
	maps.Copy(c, more)
	return c
}

// shutdown is the day on which a model ends, "" if none is known.
func (c catalogue) shutdown(name string) string {
	if day, ok := c[name]; ok {
		return day
	}
	return c[undated(name)]
}

// has reports whether name is one of models, with or without a date, and is not gone.
func (c catalogue) has(models []string, name string) bool {
	day := c.shutdown(name)
	return slices.Contains(models, undated(name)) && (day == "" || day > catalogueDate)
}

// modelView is a model as the API shows it.
type modelView struct {
	ID       string  `json:"id"`
	Object   string  `json:"object"`
	Created  int64   `json:"created"`
	OwnedBy  string  `json:"owned_by"`
	Shutdown *string `json:"shutdown_date"`
}

func (c catalogue) view(name, owner string) modelView {
	created, _ := time.Parse(time.DateOnly, "2026-01-01") // it is a date
	return modelView{name, "model", created.Unix(), owner, orNull(c.shutdown(name))}
}

// models lists every model that is not gone, and those that jobs have made.
func (srv *Server) models() (list []modelView) {
	for _, names := range [][]string{realtimeModels, textModels, transcriptionModels} {
		for _, name := range names {
			if srv.catalogue.has(names, name) {
				list = append(list, srv.catalogue.view(name, "system"))
			}
		}
	}
	return append(list, srv.account.made()...)
}

func (srv *Server) listModels(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, map[string]any{"object": "list", "data": srv.models()})
}

func (srv *Server) showModel(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("model")
	for _, names := range [][]string{realtimeModels, textModels, transcriptionModels} {
		if srv.catalogue.has(names, name) {
			writeJSON(w, srv.catalogue.view(name, "system"))
			return
		}
	}
	for _, m := range srv.account.made() {
		if m.ID == name {
			writeJSON(w, m)
			return
		}
	}
	writeError(w, http.StatusNotFound, invalid("model_not_found", "model", "The model '%s' does not exist", name))
}

func (a *account) hasModel(name string) bool {
	if a.catalogue.has(textModels, name) {
		return true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.ContainsFunc(a.tunes, func(t *tune) bool { return t.made(name) && wish(t.Metadata) != "mute" })
}

// made are the models of jobs that have succeeded; they end with the model they were made from.
func (a *account) made() (list []modelView) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, t := range a.tunes {
		if t.FineTunedModel == nil {
			continue
		}
		m := a.catalogue.view(*t.FineTunedModel, t.OrganizationID)
		m.Created, m.Shutdown = t.CreatedAt, orNull(a.catalogue.shutdown(t.Model))
		list = append(list, m)
	}
	return list
}

// made reports whether a model is the job's, or one of its checkpoints once it has succeeded; the caller holds mu.
func (t *tune) made(model string) bool {
	return t.FineTunedModel != nil &&
		(*t.FineTunedModel == model || slices.ContainsFunc(t.checkpoints, func(c *checkpoint) bool { return c.Model == model }))
}

// reasons reports whether a model takes reasoning.effort.
func reasons(model string) bool {
	return slices.Contains([]string{"gpt-realtime-2", "gpt-realtime-2.1", "gpt-realtime-2.1-mini"}, undated(model))
}
