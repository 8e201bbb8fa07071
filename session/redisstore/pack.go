package redisstore

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"switchboard/session"
)

const (
	// packedType is the type of an entry of a log that holds many events: "event" is what
	// pack made of them, and the ID of the entry that of the last of them.
	packedType = "packed"
	// packedItems is the field of the hash of items that holds all items of a packed session.
	packedItems = ""
	// packBytes is how many bytes of events share an entry.
	packBytes = 256 << 10
	// unpackedBytes bounds what one entry may become when it is read.
	unpackedBytes = 64 << 20
)

// Pack implements [session.Store]. A session of 20 turns takes a fifth of the memory afterwards.
// Nothing is lost if it breaks off, or if something is written meanwhile: then the session stays as it is.
func (s *Store) Pack(ctx context.Context, id session.ID) error {
	if !id.Valid() {
		return nil
	}
	keys := []string{
		sessionKey(id, "record"), sessionKey(id, "items"), sessionKey(id, "order"), sessionKey(id, "log"), sessionKey(id, "deltas"),
	}
	pipe := s.client.TxPipeline()
	bodies, order := pipe.HGetAll(ctx, keys[1]), pipe.LRange(ctx, keys[2], 0, -1)
	log, deltas := pipe.XRange(ctx, keys[3], "-", "+"), pipe.XRange(ctx, keys[4], "-", "+")
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("pack %s: %w", id, err)
	}
	entries := merge(log.Val(), deltas.Val())
	if len(entries) == 0 || entries[0].Values["type"] == packedType {
		return nil
	}
	var items [][]byte
	for _, itemID := range order.Val() {
		if body, ok := bodies.Val()[itemID]; ok {
			items = append(items, []byte(body))
		}
	}
	args := []any{packedType, packedItems, len(order.Val()), entries[len(entries)-1].ID, pack(items)}
	if err := s.run(ctx, []*call{{script: packScript, keys: keys, args: append(args, packLog(entries)...)}}); err != nil {
		return fmt.Errorf("pack %s: %w", id, err)
	}
	return nil
}

// packLog makes entries that hold many each: their IDs, what they hold, and the bytes before them.
func packLog(entries []redis.XMessage) (args []any) {
	before, size := 0, 0
	var fields [][]byte
	for i, e := range entries {
		kind, _ := e.Values["type"].(string)
		event, _ := e.Values["event"].(string)
		fields = append(fields, []byte(e.ID), []byte(kind), []byte(event))
		if size += len(event); size < packBytes && i < len(entries)-1 {
			continue
		}
		packed := pack(fields)
		args = append(args, e.ID, packed, before)
		before += len(packed)
		fields, size = nil, 0
	}
	return args
}

// unpackEvents reads what packLog made.
func unpackEvents(packed string) ([]session.LoggedEvent, error) {
	fields, err := unpack(packed)
	events := make([]session.LoggedEvent, 0, len(fields)/3)
	for e := range slices.Chunk(fields, 3) {
		if len(e) == 3 {
			events = append(events, session.LoggedEvent{ID: string(e[0]), Type: string(e[1]), Raw: e[2]})
		}
	}
	return events, err
}

var deflaters = sync.Pool{New: func() any {
	w, _ := flate.NewWriter(nil, flate.BestCompression) // the level is valid
	return w
}}

// pack compresses fields, each behind its length.
func pack(fields [][]byte) []byte {
	var out bytes.Buffer
	w := deflaters.Get().(*flate.Writer)
	defer deflaters.Put(w)
	w.Reset(&out)
	var length []byte
	for _, f := range fields { // nothing fails that is written to memory
		length = binary.AppendUvarint(length[:0], uint64(len(f)))
		_, _ = w.Write(length)
		_, _ = w.Write(f)
	}
	_ = w.Close()
	return out.Bytes()
}

// unpack is the reverse of pack; nothing for "".
func unpack(packed string) (fields [][]byte, err error) {
	if packed == "" {
		return nil, nil
	}
	raw, err := io.ReadAll(io.LimitReader(flate.NewReader(strings.NewReader(packed)), unpackedBytes))
	for err == nil && len(raw) > 0 {
		length, n := binary.Uvarint(raw)
		if n <= 0 || length > uint64(len(raw)-n) {
			err = io.ErrUnexpectedEOF
			break
		}
		end := n + int(length)
		fields, raw = append(fields, raw[n:end:end]), raw[end:]
	}
	if err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	return fields, nil
}
