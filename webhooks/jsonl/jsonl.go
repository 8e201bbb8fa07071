// Package jsonl reads files of JSON lines that people upload, and says what is wrong with them in words that help: a
// byte order mark, UTF-16, Latin-1 or gzip is named, not called "no JSON".
package jsonl

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// ErrTooLong says that a line is over the reader's limit; the next one can be read.
var ErrTooLong = errors.New("jsonl: line too long")

// Reader reads lines into one buffer that grows to the longest line. One goroutine uses it.
type Reader struct {
	r       *bufio.Reader
	buf     []byte
	longest int
	read    int64
}

// New reads lines of at most longest bytes from r.
func New(r io.Reader, longest int) *Reader {
	return &Reader{r: bufio.NewReaderSize(r, 64<<10), longest: longest}
}

// Read is how many bytes were read so far.
func (l *Reader) Read() int64 { return l.read }

// Next returns a line without its end, valid until the next call; it has room for one more byte. A line that is too long
// is skipped with ErrTooLong. io.EOF comes at the end, and the errors of the reader beneath.
func (l *Reader) Next() ([]byte, error) {
	l.buf = l.buf[:0]
	tooLong := false
	for {
		part, err := l.r.ReadSlice('\n')
		l.read += int64(len(part))
		if tooLong = tooLong || len(l.buf)+len(part) > l.longest; !tooLong {
			l.buf = append(l.buf, part...)
		}
		switch {
		case err == bufio.ErrBufferFull:
		case err == io.EOF && len(l.buf) == 0 && !tooLong:
			return nil, io.EOF
		case err != nil && err != io.EOF:
			return nil, err
		case tooLong:
			return nil, ErrTooLong
		default:
			return bytes.TrimRight(l.buf, "\r\n"), nil
		}
	}
}

// signatures begin what is not UTF-8 text; the longer ones first.
var signatures = []struct{ begins, is string }{
	{"\x1f\x8b", "is compressed with gzip: send it unpacked"},
	{"PK\x03\x04", "is a ZIP archive: send the file in it"},
	{"\x28\xb5\x2f\xfd", "is compressed with zstd: send it unpacked"},
	{"BZh", "is compressed with bzip2: send it unpacked"},
	{"\xef\xbb\xbf", "begins with a byte order mark (UTF-8 BOM): save it as UTF-8 without one"},
	{"\xff\xfe\x00\x00", "is encoded in UTF-32: save it as UTF-8"},
	{"\x00\x00\xfe\xff", "is encoded in UTF-32: save it as UTF-8"},
	{"\xff\xfe", "is encoded in UTF-16: save it as UTF-8"},
	{"\xfe\xff", "is encoded in UTF-16: save it as UTF-8"},
	{"{\x00\x00\x00", "is encoded in UTF-32: save it as UTF-8"},
	{"{\x00", "is encoded in UTF-16: save it as UTF-8"},
	{"\x00{", "is encoded in UTF-16: save it as UTF-8"},
}

// Encoding says what is wrong with the encoding of the whole file by its first bytes; "" if nothing shows. Call it before
// the first Next.
func (l *Reader) Encoding() string {
	head, _ := l.r.Peek(4) // fewer, of a short file
	for _, s := range signatures {
		if bytes.HasPrefix(head, []byte(s.begins)) {
			return "the file " + s.is
		}
	}
	return ""
}

// Check says what is wrong with a line that must be a JSON object; "" if nothing is.
func Check(line []byte) string {
	if !utf8.Valid(line) {
		at := 0
		for r, n := utf8.DecodeRune(line); r != utf8.RuneError || n != 1; r, n = utf8.DecodeRune(line[at:]) {
			at += n
		}
		return fmt.Sprintf("is not UTF-8: byte %d is 0x%02X, as in Latin-1 or Windows-1252; save the file as UTF-8", at+1, line[at])
	}
	if !json.Valid(line) { // which has a bound in depth
		var nothing json.RawMessage
		return fmt.Sprintf("is not JSON: %v", json.Unmarshal(line, &nothing))
	}
	if bytes.TrimLeft(line, " \t\r")[0] != '{' {
		return "is not a JSON object"
	}
	return ""
}
