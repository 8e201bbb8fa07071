package spool_test

import (
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"runtime/metrics"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"switchboard/webhooks/spool"
)

// upload is what an API that keeps nothing saw.
type upload struct {
	length        int64
	purpose, name string
	sum           hash.Hash
	peak          int64 // of the process's memory
}

func (u *upload) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	u.length, u.sum = r.ContentLength, sha256.New()
	form, err := r.MultipartReader()
	for err == nil {
		var part *multipart.Part
		if part, err = form.NextPart(); err != nil {
			break
		}
		if part.FormName() == "purpose" {
			value, _ := io.ReadAll(part)
			u.purpose = string(value)
			continue
		}
		u.name = part.FileName()
		for err == nil {
			_, err = io.CopyN(u.sum, part, 8<<20)
			u.peak = max(u.peak, memory())
		}
		if err == io.EOF {
			err = nil
		}
	}
	if err != io.EOF || r.Header.Get("Authorization") != "Bearer sk-test" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, `{"id":"file-1","object":"file"}`)
}

func memory() int64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return int64(samples[0].Value.Uint64() - samples[1].Value.Uint64())
}

// A file of 200 MB goes to OpenAI with the process growing by less than 32 MiB.
func TestALargeFileIsSentFromDisk(t *testing.T) {
	var api upload
	server := httptest.NewServer(&api)
	defer server.Close()
	f, err := spool.New()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want, line := sha256.New(), append(make([]byte, 1<<20), '\n')
	for f.Size() < 200e6 {
		if _, err := io.MultiWriter(f, want).Write(line); err != nil {
			t.Fatal(err)
		}
	}
	before := memory()
	client := openai.NewClient(option.WithBaseURL(server.URL+"/v1/"), option.WithAPIKey("sk-test"))
	id, err := f.Send(t.Context(), client, openai.FilePurposeBatch, "batch.jsonl")
	if err != nil || id != "file-1" {
		t.Fatalf("%q, %v", id, err)
	}
	if api.purpose != "batch" || api.name != "batch.jsonl" || string(api.sum.Sum(nil)) != string(want.Sum(nil)) {
		t.Errorf("arrived as %s for %s, or not as it was", api.name, api.purpose)
	}
	if api.length <= f.Size() {
		t.Errorf("its length was announced as %d", api.length)
	}
	growth := (api.peak - before) >> 20
	t.Logf("%d MB sent, the process grew by %d MiB", f.Size()/1e6, growth)
	if growth >= 32 {
		t.Errorf("the process grew by %d MiB", growth)
	}
}

func TestARefusalIsTheAPIs(t *testing.T) {
	server := httptest.NewServer(&upload{})
	defer server.Close()
	f, err := spool.New()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	client := openai.NewClient(option.WithBaseURL(server.URL+"/v1/"), option.WithAPIKey("sk-other"))
	_, err = f.Send(t.Context(), client, openai.FilePurposeBatch, "batch.jsonl")
	if refused, ok := errors.AsType[*openai.Error](err); !ok || refused.StatusCode != http.StatusUnauthorized {
		t.Errorf("%v", err)
	}
}
