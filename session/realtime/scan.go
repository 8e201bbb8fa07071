package realtime

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"math/bits"

	"switchboard/session"
)

// Bounds of a client's event and of a REST body; tool schemas stay well below. Keys are
// compared with each other, so their number is what a hostile event would cost.
const (
	maxDepth = 128
	maxKeys  = 1024  // in one object
	anyDepth = 10000 // of the upstream's events: what encoding/json takes
)

// ErrNoType is what the scan of an event without a type returns.
var ErrNoType = errors.New("event has no type")

var (
	errNotObject = errors.New("event is not a JSON object")
	errSyntax    = errors.New("event is not valid JSON")
	errDepth     = fmt.Errorf("event is nested more than %d levels deep", maxDepth)
	errKeys      = fmt.Errorf("event has an object with more than %d keys", maxKeys)
	errDuplicate = errors.New("event has the same key twice in one object")
)

// Head is what the event path needs of one event: slices of the event itself, as
// written between the quotes; nil for a field that is absent or not a string.
type Head struct {
	Typ, EventID, ResponseID, ItemID []byte
	Delta                            []byte
}

// Peek reads an event of the upstream's. It trusts that strings and numbers are well
// formed and checks only what it needs to find its way, so that audio costs one IndexByte.
func Peek(b []byte) (Head, error) {
	s := Scanner{trust: true}
	return s.event(b)
}

// Scanner walks one JSON text (RFC 8259). It keeps its memory from one to the next.
type Scanner struct {
	b     []byte
	i     int
	trust bool
	keys  [][]byte // of all objects that are open, innermost last
	sums  []uint64 // their hashes
}

// keySeed is of the hashes of keys: who sends them does not know it.
var keySeed = maphash.MakeSeed()

// CheckBody refuses a REST body that is nested more deeply, or has more keys in an object, than
// an event may. *InvalidError names the limit. It reports, too, whether an object has a key twice.
func CheckBody(body []byte) (repeats bool, refused error) {
	s := Scanner{b: body}
	switch err := s.value(0); {
	case errors.Is(err, errDuplicate):
		return true, nil
	case errors.Is(err, errDepth):
		return false, &session.InvalidError{Field: "body", Detail: fmt.Sprintf("is nested more than %d levels deep", maxDepth)}
	case errors.Is(err, errKeys):
		return false, &session.InvalidError{Field: "body", Detail: fmt.Sprintf("has an object with more than %d keys", maxKeys)}
	}
	return false, nil
}

func (s *Scanner) tooDeep(depth int) bool {
	return depth > maxDepth && !s.trust || depth > anyDepth
}

// Check reads an event of a client's and accepts just what any other JSON parser
// would understand the same way: one value, an object, no key twice at any level.
func (s *Scanner) Check(b []byte) (Head, error) {
	s.trust = false
	return s.event(b)
}

func (s *Scanner) event(b []byte) (Head, error) {
	s.b, s.i, s.keys, s.sums = b, 0, s.keys[:0], s.sums[:0]
	s.space()
	if s.peek() != '{' {
		if json.Valid(b) {
			return Head{}, errNotObject
		}
		return Head{}, errSyntax
	}
	var h Head
	if err := s.object(1, &h); err != nil {
		return Head{}, err
	}
	if s.space(); s.i != len(b) {
		return Head{}, errSyntax
	}
	return h, nil
}

func (s *Scanner) peek() byte {
	if s.i < len(s.b) {
		return s.b[s.i]
	}
	return 0
}

func (s *Scanner) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return
		}
	}
}

// take steps over c after white space.
func (s *Scanner) take(c byte) bool {
	s.space()
	if s.peek() != c {
		return false
	}
	s.i++
	return true
}

func (s *Scanner) value(depth int) error {
	s.space()
	switch c := s.peek(); {
	case c == '"':
		_, err := s.str()
		return err
	case c == '{':
		return s.object(depth+1, nil)
	case c == '[':
		return s.array(depth + 1)
	case c == 't':
		return s.literal("true")
	case c == 'f':
		return s.literal("false")
	case c == 'n':
		return s.literal("null")
	default:
		return s.number()
	}
}

// object walks an object and fills h, if there is one, from its fields.
func (s *Scanner) object(depth int, h *Head) error {
	if s.tooDeep(depth) {
		return errDepth
	}
	s.i++
	if s.take('}') {
		return nil
	}
	first := len(s.keys)
	for {
		s.space()
		key, err := s.str()
		if err != nil {
			return err
		}
		if !s.take(':') {
			return errSyntax
		}
		if !s.trust {
			if key, err = s.unique(key, first); err != nil {
				return err
			}
		}
		if err := s.field(key, depth, h); err != nil {
			return err
		}
		if s.take('}') {
			s.keys, s.sums = s.keys[:first], s.sums[:first]
			return nil
		}
		if !s.take(',') {
			return errSyntax
		}
	}
}

// unique refuses a key that its object has already; keys are compared as they are meant, not as written.
func (s *Scanner) unique(key []byte, first int) ([]byte, error) {
	key = Unescape(key)
	if len(s.keys)-first == maxKeys {
		return nil, errKeys
	}
	sum := maphash.Bytes(keySeed, key)
	for i, other := range s.sums[first:] {
		if other == sum && bytes.Equal(s.keys[first+i], key) {
			return nil, errDuplicate
		}
	}
	s.keys, s.sums = append(s.keys, key), append(s.sums, sum)
	return key, nil
}

func (s *Scanner) field(key []byte, depth int, h *Head) error {
	s.space()
	if h == nil || s.peek() != '"' {
		return s.value(depth)
	}
	v, err := s.str()
	if err != nil {
		return err
	}
	switch string(key) {
	case "type":
		h.Typ = Unescape(v)
	case "event_id":
		h.EventID = v
	case "response_id":
		h.ResponseID = v
	case "item_id":
		h.ItemID = v
	case "delta":
		h.Delta = v
	}
	return nil
}

func (s *Scanner) array(depth int) error {
	if s.tooDeep(depth) {
		return errDepth
	}
	s.i++
	if s.take(']') {
		return nil
	}
	for {
		if err := s.value(depth); err != nil {
			return err
		}
		if s.take(']') {
			return nil
		}
		if !s.take(',') {
			return errSyntax
		}
	}
}

func (s *Scanner) literal(word string) error {
	if !bytes.HasPrefix(s.b[s.i:], []byte(word)) {
		return errSyntax
	}
	s.i += len(word)
	return nil
}

func (s *Scanner) digits() bool {
	from := s.i
	for s.i < len(s.b) && s.b[s.i]-'0' <= 9 {
		s.i++
	}
	return s.i > from
}

func (s *Scanner) number() error {
	if s.peek() == '-' {
		s.i++
	}
	if s.peek() == '0' {
		s.i++
	} else if !s.digits() {
		return errSyntax
	}
	if s.peek() == '.' {
		if s.i++; !s.digits() {
			return errSyntax
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.i++
		if c := s.peek(); c == '+' || c == '-' {
			s.i++
		}
		if !s.digits() {
			return errSyntax
		}
	}
	return nil
}

// str steps over a string and returns what stands between its quotes.
func (s *Scanner) str() ([]byte, error) {
	if s.peek() != '"' {
		return nil, errSyntax
	}
	s.i++
	from := s.i
	if s.trust {
		return s.trusted(from)
	}
	for {
		s.i += plain(s.b[s.i:])
		if s.i >= len(s.b) {
			return nil, errSyntax
		}
		switch c := s.b[s.i]; {
		case c == '"':
			s.i++
			return s.b[from : s.i-1], nil
		case c == '\\':
			if err := s.escape(); err != nil {
				return nil, err
			}
		default: // a control character
			return nil, errSyntax
		}
	}
}

func (s *Scanner) trusted(from int) ([]byte, error) {
	for {
		n := bytes.IndexByte(s.b[s.i:], '"')
		if n < 0 {
			return nil, errSyntax
		}
		s.i += n + 1
		slashes := 0
		for j := s.i - 2; j >= from && s.b[j] == '\\'; j-- {
			slashes++
		}
		if slashes%2 == 0 {
			return s.b[from : s.i-1], nil
		}
	}
}

func (s *Scanner) escape() error {
	s.i++
	switch s.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.i++
		return nil
	case 'u':
		s.i++
		for range 4 {
			switch c := s.peek(); {
			case c >= '0' && c <= '9', c >= 'a' && c <= 'f', c >= 'A' && c <= 'F':
				s.i++
			default:
				return errSyntax
			}
		}
		return nil
	}
	return errSyntax
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// plain returns how many bytes at the start of b are neither quote, backslash nor
// control character: eight at a time, because a client's audio is one long string.
func plain(b []byte) int {
	n := 0
	for len(b)-n >= 8 {
		w := binary.LittleEndian.Uint64(b[n:])
		quote, slash := w^(ones*'"'), w^(ones*'\\')
		// The lowest flagged byte is exact in each of the three; those above may be borrow.
		hit := ((quote-ones)&^quote | (slash-ones)&^slash | (w-ones*0x20)&^w) & highs
		if hit != 0 {
			return n + bits.TrailingZeros64(hit)/8
		}
		n += 8
	}
	for n < len(b) && b[n] != '"' && b[n] != '\\' && b[n] >= 0x20 {
		n++
	}
	return n
}

// Unescape gives the meaning of a string that was checked; without a backslash it is
// the string as written.
func Unescape(v []byte) []byte {
	if bytes.IndexByte(v, '\\') < 0 {
		return v
	}
	var out string
	quoted := append(append([]byte{'"'}, v...), '"')
	if err := json.Unmarshal(quoted, &out); err != nil {
		return v
	}
	return []byte(out)
}
