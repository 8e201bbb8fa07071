package hub

import (
	"github.com/tidwall/gjson"

	"switchboard/session"
	"switchboard/session/price"
)

// modelLocked is the model of the session's responses or, if it only transcribes, of that.
func (c *Controller) modelLocked() string {
	if c.spec.Intent == "transcription" {
		return c.transcriberLocked()
	}
	if model := gjson.GetBytes(c.up.session, "model").Str; model != "" {
		return model
	}
	return c.spec.Model
}

// transcriberLocked is the model that transcribes what the user says.
func (c *Controller) transcriberLocked() string {
	return gjson.GetBytes(c.up.session, "audio.input.transcription.model").Str
}

// costLocked is what the session has cost. Without a price of its model that is unknown from
// the beginning.
func (c *Controller) costLocked() session.Cost {
	cost := c.cost
	if _, priced := c.node.Prices.Find(c.modelLocked()); !priced {
		cost.Unknown = true
	}
	return cost
}

// spendLocked counts what was used of a model, and ends the session at its limit.
func (c *Controller) spendLocked(model string, use price.Use) {
	m, priced := c.node.Prices.Find(model)
	usd, known := m.Cost(use)
	known = known && priced
	c.cost.USD += usd
	c.cost.Unknown = c.cost.Unknown || !known
	c.unmetered = append(c.unmetered, expense{m.Name, usd, known})
	raise(c.node.spent)
	if limit := c.limits().MaxTokens; limit > 0 && c.usage.Spent() >= limit {
		c.endLocked(&session.LimitError{Limit: "max_tokens", Max: limit})
	}
}
