package batch

import (
	"bufio"
	"fmt"
	"io"
	"os"
)

// spool is a temporary file that is written once and then read.
type spool struct {
	file *os.File
	w    *bufio.Writer
	size int64 // bytes written
}

func newSpool() (*spool, error) {
	f, err := os.CreateTemp("", "switchboard-batch-*.jsonl")
	if err != nil {
		return nil, fmt.Errorf("make a temporary file: %w", err)
	}
	return &spool{file: f, w: bufio.NewWriterSize(f, 64<<10)}, nil
}

func (s *spool) Write(p []byte) (int, error) {
	s.size += int64(len(p))
	return s.w.Write(p)
}

func (s *spool) rewind() error {
	if err := s.w.Flush(); err != nil {
		return fmt.Errorf("write a temporary file: %w", err)
	}
	_, err := s.file.Seek(0, io.SeekStart)
	return err
}

func (s *spool) remove() {
	s.file.Close()
	os.Remove(s.file.Name())
}
