package wire

import (
	"encoding/binary"
	"math/rand/v2"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// maxReason is what a close frame has room for behind its code (RFC 6455 §5.5).
const maxReason = ws.MaxControlFramePayloadSize - 2

// parseHeader reads the frame header at the start of b and tells how long it is; 0 means
// that it is not all here. ws.ReadHeader would need a reader over what is in memory already.
func parseHeader(b []byte) (h ws.Header, size int) {
	if len(b) < 2 {
		return h, 0
	}
	size = 2
	h.Length = int64(b[1] & 0x7f)
	switch h.Length {
	case 126:
		size = 4
	case 127:
		size = 10
	}
	extended := b[2:min(size, len(b))]
	if h.Masked = b[1]&0x80 != 0; h.Masked {
		size += 4
	}
	if len(b) < size {
		return h, 0
	}
	switch len(extended) {
	case 2:
		h.Length = int64(binary.BigEndian.Uint16(extended))
	case 8:
		h.Length = int64(binary.BigEndian.Uint64(extended))
	}
	if h.Masked {
		copy(h.Mask[:], b[size-4:size])
	}
	h.Fin = b[0]&0x80 != 0
	h.Rsv = b[0] >> 4 & 7
	h.OpCode = ws.OpCode(b[0] & 0xf)
	return h, size
}

// putHeader writes the header of an unfragmented frame that ends where room ends, and
// tells how long it is; 0 means that room is too short. It writes nothing when those very
// bytes are there already, so that one unmasked frame may go to several clients at once.
func putHeader(room []byte, op ws.OpCode, length int, mask *[4]byte) int {
	var h [ws.MaxHeaderSize]byte
	size := 2
	h[0] = 0x80 | byte(op)
	switch {
	case length < 126:
		h[1] = byte(length)
	case length < 1<<16:
		h[1] = 126
		binary.BigEndian.PutUint16(h[2:], uint16(length))
		size = 4
	default:
		h[1] = 127
		binary.BigEndian.PutUint64(h[2:], uint64(length))
		size = 10
	}
	if mask != nil {
		h[1] |= 0x80
		size += copy(h[size:], mask[:])
	}
	if size > len(room) {
		return 0
	}
	if at := room[len(room)-size:]; string(at) != string(h[:size]) {
		copy(at, h[:size])
	}
	return size
}

// newMask makes a masking key. A page's script must not be able to tell the next one
// (RFC 6455 §10.3); the runtime's ChaCha8, seeded by the system, does that without
// keeping 300 bytes of generator per connection.
func newMask() (mask [4]byte) {
	binary.LittleEndian.PutUint32(mask[:], rand.Uint32())
	return mask
}

// closeBody is a close frame's payload. 1005 stands for "no code" and has none.
func closeBody(code int, reason string) []byte {
	if code == int(ws.StatusNoStatusRcvd) {
		return nil
	}
	if len(reason) > maxReason {
		end := maxReason
		for !utf8.RuneStart(reason[end]) {
			end--
		}
		reason = reason[:end]
	}
	return append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...)
}

// validCode tells whether a close code may be on the wire (RFC 6455 §7.4 and the codes
// registered with IANA since). ws.CheckCloseFrameData refuses 1012 and lets 5000 pass.
func validCode(code int) bool {
	switch {
	case code >= 1000 && code <= 1014:
		return code < 1004 || code > 1006
	default:
		return code >= 3000 && code <= 4999
	}
}
