package standin

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

const maxFile = 512 << 20

// file is an uploaded or made file. Large made ones are written anew at each reading.
type file struct {
	ID        string  `json:"id"`
	Object    string  `json:"object"`
	Bytes     int64   `json:"bytes"`
	CreatedAt int64   `json:"created_at"`
	ExpiresAt int64   `json:"expires_at,omitempty"`
	Filename  string  `json:"filename"`
	Purpose   string  `json:"purpose"`
	Status    string  `json:"status"`
	Details   *string `json:"status_details"` // null, as live

	content []byte
	write   func(io.Writer) error // instead of content
}

func (f *file) objectID() string { return f.ID }

func newFile(name, purpose string, content []byte) *file {
	return &file{ID: newID("file-"), Object: "file", Bytes: int64(len(content)), CreatedAt: time.Now().Unix(),
		Filename: name, Purpose: purpose, Status: "processed", content: content}
}

// expireAfter says when the file is going to be deleted, which it is not here; 0: never.
func (f *file) expireAfter(seconds int64) {
	if seconds > 0 {
		f.ExpiresAt = f.CreatedAt + seconds
	}
}

// createFile reads a multipart upload.
func (a *account) createFile(w http.ResponseWriter, r *http.Request) {
	form, err := r.MultipartReader()
	if err != nil {
		writeError(w, http.StatusBadRequest, invalid("", "", "Invalid multipart form."))
		return
	}
	fields := map[string]string{}
	var name string
	var content []byte
	for {
		part, err := form.NextPart()
		if err == io.EOF {
			break
		}
		var data []byte
		if err == nil {
			data, err = io.ReadAll(io.LimitReader(part, maxFile+1))
		}
		if err != nil {
			writeError(w, http.StatusBadRequest, invalid("", "", "The upload was cut off."))
			return
		}
		if part.FormName() == "file" {
			name, content = part.FileName(), data
		} else {
			fields[part.FormName()] = string(data)
		}
	}
	if e := checkUpload(fields["purpose"], name, content); e != nil {
		writeError(w, http.StatusBadRequest, e)
		return
	}
	life, e := uploadLife(fields)
	if e != nil {
		writeError(w, http.StatusBadRequest, e)
		return
	}
	f := newFile(name, fields["purpose"], content)
	f.expireAfter(life)
	a.addFile(f)
	writeJSON(w, f)
}

// linesFor are the purposes of files of JSON lines, in the words of the live API.
var linesFor = map[string]string{"batch": "Batch API", "fine-tune": "Fine-Tuning API"}

func checkUpload(purpose, name string, content []byte) *apiError {
	purposes := []string{"assistants", "batch", "fine-tune", "vision", "user_data", "evals"}
	switch {
	case purpose == "":
		return errMissingParameter("purpose")
	case !slices.Contains(purposes, purpose):
		return errUnsupported("purpose", purpose, purposes)
	case name == "":
		return errMissingParameter("file")
	case len(content) == 0:
		return invalid("", "file", "The file is empty.")
	case len(content) > maxFile, purpose == "batch" && len(content) > 200<<20:
		return invalid("", "file", "The file is too large.")
	case linesFor[purpose] != "" && !strings.HasSuffix(name, ".jsonl"):
		return invalid("", "", "Invalid file format for %s. Must be .jsonl", linesFor[purpose])
	case purpose == "batch" && !utf8.Valid(content):
		return invalid("", "", "Invalid file for Batch API. Must be utf-8 encoded")
	}
	return nil
}

func (a *account) addFile(f *file) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.files = keep(a.files, f)
}

func (a *account) file(id string) (*file, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return find(a.files, id)
}

func (a *account) listFiles(w http.ResponseWriter, r *http.Request) {
	purpose := r.URL.Query().Get("purpose")
	a.mu.Lock()
	defer a.mu.Unlock()
	listed := slices.DeleteFunc(slices.Clone(a.files), func(f *file) bool { return purpose != "" && f.Purpose != purpose })
	if r.URL.Query().Get("order") == "asc" {
		slices.Reverse(listed)
	}
	writePage(w, r, listed, pageSize{10000, 10000}, func(f *file) any { return f })
}

func (a *account) showFile(w http.ResponseWriter, r *http.Request) {
	if f, ok := a.file(r.PathValue("id")); ok {
		writeJSON(w, f)
		return
	}
	noSuch(w, "File object", r.PathValue("id"))
}

func (a *account) deleteFile(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if _, ok := a.file(id); !ok {
		noSuch(w, "File object", id)
		return
	}
	a.mu.Lock()
	a.files = slices.DeleteFunc(a.files, func(f *file) bool { return f.ID == id })
	a.mu.Unlock()
	writeJSON(w, map[string]any{"id": id, "object": "file", "deleted": true})
}

func (a *account) fileContent(w http.ResponseWriter, r *http.Request) {
	f, ok := a.file(r.PathValue("id"))
	if !ok {
		noSuch(w, "File object", r.PathValue("id"))
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", f.Filename))
	if f.write != nil {
		_ = f.write(w) // a reader that left needs no answer
		return
	}
	_, _ = io.Copy(w, bytes.NewReader(f.content))
}
