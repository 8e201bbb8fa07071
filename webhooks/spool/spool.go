// Package spool keeps files on disk while they are checked, and gives them to OpenAI without holding them in memory:
// the SDK's own call copies a whole file there, several times over.
package spool

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"os"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

// File is a temporary file of JSON lines that is written once and then read or sent. One goroutine uses it.
type File struct {
	file *os.File
	w    *bufio.Writer
	size int64 // bytes written
}

// New makes an empty file; Remove it.
func New() (*File, error) {
	f, err := os.CreateTemp("", "switchboard-*.jsonl")
	if err != nil {
		return nil, fmt.Errorf("make a temporary file: %w", err)
	}
	return &File{file: f, w: bufio.NewWriterSize(f, 64<<10)}, nil
}

// Write appends.
func (f *File) Write(p []byte) (int, error) {
	f.size += int64(len(p))
	return f.w.Write(p)
}

// Size is how much was written.
func (f *File) Size() int64 { return f.size }

// Flush makes what was written readable.
func (f *File) Flush() error {
	if err := f.w.Flush(); err != nil {
		return fmt.Errorf("write a temporary file: %w", err)
	}
	return nil
}

// ReadAt reads what was flushed.
func (f *File) ReadAt(p []byte, at int64) (int, error) { return f.file.ReadAt(p, at) }

// Remove forgets the file.
func (f *File) Remove() {
	f.file.Close()
	os.Remove(f.file.Name())
}

// Send gives the file to OpenAI under a name and returns its ID there. Errors of the API are *openai.Error.
func (f *File) Send(ctx context.Context, api openai.Client, purpose openai.FilePurpose, name string) (id string, err error) {
	if err := f.Flush(); err != nil {
		return "", err
	}
	before, after, kind, err := frame(purpose, name)
	if err != nil {
		return "", err
	}
	body := io.MultiReader(bytes.NewReader(before), io.NewSectionReader(f.file, 0, f.size), bytes.NewReader(after))
	size := int64(len(before)) + f.size + int64(len(after))
	sized := func(r *http.Request, next option.MiddlewareNext) (*http.Response, error) {
		r.ContentLength = size
		return next(r)
	}
	var made openai.FileObject
	err = api.Post(ctx, "files", nil, &made, option.WithRequestBody(kind, body), option.WithMiddleware(sized))
	return made.ID, err
}

// frame is what stands before and after the file in a form.
func frame(purpose openai.FilePurpose, name string) (before, after []byte, kind string, err error) {
	var text bytes.Buffer
	form := multipart.NewWriter(&text)
	if err = form.WriteField("purpose", string(purpose)); err != nil {
		return nil, nil, "", err
	}
	_, err = form.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {multipart.FileContentDisposition("file", name)}, "Content-Type": {"application/jsonl"},
	})
	if err != nil {
		return nil, nil, "", err
	}
	at := text.Len()
	err = form.Close()
	return text.Bytes()[:at], text.Bytes()[at:], form.FormDataContentType(), err
}
