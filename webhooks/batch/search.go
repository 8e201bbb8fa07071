package batch

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"switchboard/webhooks/spool"
)

// found is eachPart for the lines whose custom_id contains text, whatever the case; they are numbered from 1. A line may
// have any length and its custom_id may stand at its end: it is held on disk until it is known.
func found(text string) func(r io.Reader, do func(n int, part []byte, end bool) error) error {
	text = strings.ToLower(text)
	return func(r io.Reader, do func(n int, part []byte, end bool) error) error {
		line, err := spool.New()
		if err != nil {
			return err
		}
		defer line.Close()
		var id captured
		scan := newScanner(func(_ string, part []byte, _ bool) error {
			id.add(part)
			return nil
		}, "custom_id")
		matches := 0
		return eachPart(r, func(n int, part []byte, end bool) error {
			if err := scan.feed(part); err != nil {
				return err
			}
			if _, err := line.Write(part); err != nil || !end {
				return err
			}
			if err := scan.end(); err != nil {
				return fmt.Errorf("line %d: %w", n, err)
			}
			matched := strings.Contains(strings.ToLower(id.string()), text)
			id.reset()
			if matched {
				matches++
				if err := inParts(line, matches, do); err != nil {
					return err
				}
			}
			return line.Cut(0)
		})
	}
}

// inParts reads a line from disk.
func inParts(line *spool.File, n int, do func(n int, part []byte, end bool) error) error {
	if err := line.Flush(); err != nil {
		return err
	}
	part := make([]byte, 64<<10)
	for at, size := int64(0), line.Size(); ; {
		read, err := line.ReadAt(part[:min(int64(len(part)), size-at)], at)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read a temporary file: %w", err)
		}
		at += int64(read)
		if err := do(n, part[:read], at == size); err != nil || at == size {
			return err
		}
	}
}
