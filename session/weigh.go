package session

import (
	"bytes"
	"iter"
	"strconv"
)

// itemBytes is about what an item costs beside its texts.
const itemBytes = 256

// capacity is how much a conversation may hold.
type capacity struct {
	items  int
	bytes  int // of all items together, their images included
	images int // of image data
}

// weight is what an item holds, in bytes.
type weight struct{ all, images int }

// Dropped counts what a session has let go of to stay within its limits.
type Dropped struct {
	Images int64 `json:"images" doc:"Items whose images were dropped; their other content stayed"`
	Items  int64 `json:"items" doc:"Items that were dropped whole"`
}

// weigh counts an item as it is now.
func (v *conversation) weigh(it *Item) {
	v.unweigh(it)
	it.weight.all = itemBytes + len(it.ID) + len(it.Text) + len(it.Spoken) + len(it.Arguments) + len(it.Output) + len(it.Raw)
	it.weight.images = it.imageBytes
	v.holds.all += it.weight.all
	v.holds.images += it.weight.images
}

func (v *conversation) unweigh(it *Item) {
	v.holds.all -= it.weight.all
	v.holds.images -= it.weight.images
	it.weight = weight{}
}

// restore puts an item behind all others.
func (v *conversation) restore(it *Item) {
	it.keep(it.Raw)
	v.items = append(v.items, it)
	v.weigh(it)
}

// keep takes an item as the upstream sent it, without images that were dropped already.
func (it *Item) keep(raw []byte) {
	if it.imageless {
		raw = withoutImages(raw)
	}
	it.Raw, it.imageBytes = raw, 0
	for from, to := range imagesIn(raw) {
		it.imageBytes += to - from
	}
}

// boundLocked lets go of the oldest of a conversation that is over its limits: the data of
// images first, then items.
func (c *Controller) boundLocked() {
	v := &c.conv
	if v.holds.images <= v.max.images && v.holds.all <= v.max.bytes && len(v.items) <= v.max.items {
		return
	}
	images, items := c.dropImages(), c.dropItems()
	c.dropped.Images += int64(len(images))
	c.dropped.Items += int64(len(items))
	c.node.stats.DroppedImages.Add(int64(len(images)))
	c.node.stats.DroppedItems.Add(int64(len(items)))
	c.emitLocked(object{"type": typeDropped, "images": images, "items": items, "dropped": c.dropped})
	c.saveLocked()
}

// dropImages drops the data of the oldest images and returns the IDs of their items. What
// is said of an item stays, and that it had an image.
func (c *Controller) dropImages() []string {
	v, dropped := &c.conv, []string{}
	for _, it := range v.items {
		if v.holds.images <= v.max.images && (v.holds.images == 0 || v.holds.all <= v.max.bytes) {
			break
		}
		if it.imageBytes == 0 {
			continue
		}
		it.imageless = true
		it.keep(it.Raw)
		c.saveItem(it, nil)
		dropped = append(dropped, it.ID)
	}
	return dropped
}

// dropItems removes the oldest items, a function call together with its output, and
// returns their IDs.
func (c *Controller) dropItems() []string {
	v, dropped := &c.conv, []string{}
	drop := func(id string) {
		v.remove(id)
		c.node.journal.add(Change{ID: c.id, Epoch: c.lease.Epoch, Removed: id})
		dropped = append(dropped, id)
	}
	for len(v.items) > 0 && (v.holds.all > v.max.bytes || len(v.items) > v.max.items) {
		first := v.items[0]
		v.gone = first.ID
		drop(first.ID)
		if output := v.outputOf(first); output != nil {
			drop(output.ID)
		}
	}
	if len(dropped) > 0 {
		v.version++
	}
	return dropped
}

// outputOf is the output of a function call; nil if there is none.
func (v *conversation) outputOf(call *Item) *Item {
	if call.Type != "function_call" || call.CallID == "" {
		return nil
	}
	for _, it := range v.items {
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

// withoutImages copies JSON without the data of its images. In the place of each is how
// much it was.
func withoutImages(raw []byte) []byte {
	out, at := make([]byte, 0, min(len(raw), 4<<10)), 0
	for from, to := range imagesIn(raw) {
		out = append(out, raw[at:from]...)
		out = append(out, `"dropped_bytes":`...)
		out = strconv.AppendInt(out, int64(to-from), 10)
		at = to
	}
	return append(out, raw[at:]...)
}
