package conversation

import (
	"bytes"
	"iter"
	"strconv"
)

// itemBytes is about what an item costs beside its texts.
const itemBytes = 256

// Capacity is how much a conversation may hold.
type Capacity struct {
	Items  int
	Bytes  int // of all items together, their images included
	Images int // of image data
}

// weight is what an item holds, in bytes.
type weight struct{ All, Images int }

// Weigh counts an item as it is now.
func (v *Conversation) Weigh(it *Entry) {
	v.unweigh(it)
	it.weight.All = itemBytes + len(it.ID) + len(it.Text) + len(it.Spoken) + len(it.Arguments) + len(it.Output) + len(it.Raw)
	it.weight.Images = it.ImageBytes
	v.Holds.All += it.weight.All
	v.Holds.Images += it.weight.Images
}

func (v *Conversation) unweigh(it *Entry) {
	v.Holds.All -= it.weight.All
	v.Holds.Images -= it.weight.Images
	it.weight = weight{}
}

// Restore puts an item behind all others.
func (v *Conversation) Restore(it *Entry) {
	it.Keep(it.Raw)
	v.Items = append(v.Items, it)
	v.Weigh(it)
}

// Keep takes an item as the upstream sent it, without images that were dropped already.
func (it *Entry) Keep(raw []byte) {
	if it.Imageless {
		raw = WithoutImages(raw)
	}
	it.Raw, it.ImageBytes = raw, 0
	for from, to := range imagesIn(raw) {
		it.ImageBytes += to - from
	}
}

// OutputOf is the output of a function call; nil if there is none.
func (v *Conversation) OutputOf(call *Entry) *Entry {
	if call.Type != "function_call" || call.CallID == "" {
		return nil
	}
	for _, it := range v.Items {
		if it.Type == "function_call_output" && it.CallID == call.CallID {
			return it
		}
	}
	return nil
}

var (
	imageName = []byte(`"image_url"`)
	dataURL   = []byte(`"data:`)
)

// imagesIn yields where image_url fields with data stand in JSON: from the name to behind
// the value. A quote within a string has a backslash before it, so that nothing in a text
// looks like one.
func imagesIn(raw []byte) iter.Seq2[int, int] {
	return func(yield func(from, to int) bool) {
		for at := 0; ; {
			i := bytes.Index(raw[at:], imageName)
			if i < 0 {
				return
			}
			from := at + i
			at = from + len(imageName)
			if from > 0 && raw[from-1] == '\\' {
				continue
			}
			value := skip(raw, at, ':')
			if value < 0 || !bytes.HasPrefix(raw[value:], dataURL) {
				continue
			}
			if at = stringEnd(raw, value); !yield(from, at) {
				return
			}
		}
	}
}

// skip returns what follows a byte and white space around it; -1 if something else does.
func skip(raw []byte, at int, b byte) int {
	rest := bytes.TrimLeft(raw[at:], " \t\r\n")
	if len(rest) == 0 || rest[0] != b {
		return -1
	}
	return len(raw) - len(bytes.TrimLeft(rest[1:], " \t\r\n"))
}

// stringEnd is where the string ends that begins at a quote.
func stringEnd(raw []byte, at int) int {
	for i := at + 1; i < len(raw); i++ {
		switch raw[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(raw)
}

// WithoutImages copies JSON without the data of its images. In the place of each is how
// much it was.
func WithoutImages(raw []byte) []byte {
	out, at := make([]byte, 0, min(len(raw), 4<<10)), 0
	for from, to := range imagesIn(raw) {
		out = append(out, raw[at:from]...)
		out = append(out, `"dropped_bytes":`...)
		out = strconv.AppendInt(out, int64(to-from), 10)
		at = to
	}
	return append(out, raw[at:]...)
}
