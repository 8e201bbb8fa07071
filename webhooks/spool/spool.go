// Package spool keeps files on disk while they are checked, and gives them to OpenAI without holding them in memory:
// the SDK's own call copies a whole file there, several times over.
package spool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"os"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

// File is a temporary file that is written and then read or sent. It has no name, so that nothing of it is left when the
// process ends, however it ends. One goroutine uses it.
type File struct {
	file   *os.File
	buf    []byte // written, but not yet to the file
	stored int64  // bytes in the file
}

const bufferBytes = 64 << 10

// New makes an empty file; Close it.
func New() (*File, error) {
	f, err := os.CreateTemp("", "switchboard-*.jsonl")
	if err != nil {
		return nil, fmt.Errorf("make a temporary file: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil { // the open file stays
		f.Close()
		return nil, fmt.Errorf("make a temporary file: %w", err)
	}
	return &File{file: f, buf: make([]byte, 0, bufferBytes)}, nil
}

// Write appends.
func (f *File) Write(p []byte) (int, error) {
	if len(f.buf)+len(p) > bufferBytes {
		if err := f.Flush(); err != nil {
			return 0, err
		}
	}
	if len(p) < bufferBytes {
		f.buf = append(f.buf, p...)
		return len(p), nil
	}
	n, err := f.file.Write(p)
	f.stored += int64(n)
	return n, err
}

// Size is how much was written.
func (f *File) Size() int64 { return f.stored + int64(len(f.buf)) }

// Cut takes back what was written behind the first size bytes.
func (f *File) Cut(size int64) error {
	if size >= f.stored {
		f.buf = f.buf[:size-f.stored]
		return nil
	}
	f.buf, f.stored = f.buf[:0], size
	_, err := f.file.Seek(size, io.SeekStart)
	if err = errors.Join(f.file.Truncate(size), err); err != nil {
		return fmt.Errorf("cut a temporary file: %w", err)
	}
	return nil
}

// Flush makes what was written readable.
func (f *File) Flush() error {
	n, err := f.file.Write(f.buf)
	f.stored, f.buf = f.stored+int64(n), f.buf[:0]
	if err != nil {
		return fmt.Errorf("write a temporary file: %w", err)
	}
	return nil
}

// ReadAt reads what was flushed.
func (f *File) ReadAt(p []byte, at int64) (int, error) { return f.file.ReadAt(p, at) }

// Close forgets the file.
func (f *File) Close() { f.file.Close() }

// Send gives the file to OpenAI under a name and returns its ID there. Errors of the API are *openai.Error.
func (f *File) Send(ctx context.Context, api openai.Client, purpose openai.FilePurpose, name string) (id string, err error) {
	if err := f.Flush(); err != nil {
		return "", err
	}
	before, after, kind, err := frame(purpose, name)
	if err != nil {
		return "", err
	}
	body := io.MultiReader(bytes.NewReader(before), io.NewSectionReader(f.file, 0, f.stored), bytes.NewReader(after))
	size := int64(len(before)) + f.stored + int64(len(after))
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
