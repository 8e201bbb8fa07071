package hub

import (
	"switchboard/session"
	"switchboard/session/realtime"
)

// bound lets go of the oldest of a conversation that is over its limits: the data of
// images first, then items.
func (c *held) bound() {
	v := &c.conv
	if v.Holds.Images <= v.Max.Images && v.Holds.All <= v.Max.Bytes && len(v.Items) <= v.Max.Items {
		return
	}
	images, items := c.dropImages(), c.dropItems()
	c.dropped.Images += int64(len(images))
	c.dropped.Items += int64(len(items))
	c.node.stats.DroppedImages.Add(int64(len(images)))
	c.node.stats.DroppedItems.Add(int64(len(items)))
	c.emit(realtime.Object{"type": typeDropped, "images": images, "items": items, "dropped": c.dropped})
	c.save()
}

// dropImages drops the data of the oldest images and returns the IDs of their items. What
// is said of an item stays, and that it had an image.
func (c *held) dropImages() []string {
	v, dropped := &c.conv, []string{}
	for _, it := range v.Items {
		if v.Holds.Images <= v.Max.Images && (v.Holds.Images == 0 || v.Holds.All <= v.Max.Bytes) {
			break
		}
		if it.ImageBytes == 0 {
			continue
		}
		it.Imageless = true
		it.Keep(it.Raw)
		c.saveItem(it, nil)
		dropped = append(dropped, it.ID)
	}
	return dropped
}

// dropItems removes the oldest items, a function call together with its output, and
// returns their IDs.
func (c *held) dropItems() []string {
	v, dropped := &c.conv, []string{}
	drop := func(id string) {
		v.Remove(id)
		c.node.journal.Add(session.Change{ID: c.id, Epoch: c.lease.Epoch, Removed: id})
		dropped = append(dropped, id)
	}
	for len(v.Items) > 0 && (v.Holds.All > v.Max.Bytes || len(v.Items) > v.Max.Items) {
		first := v.Items[0]
		v.Gone = first.ID
		drop(first.ID)
		if output := v.OutputOf(first); output != nil {
			drop(output.ID)
		}
	}
	if len(dropped) > 0 {
		v.Version++
	}
	return dropped
}
