package hub

import (
	"github.com/tidwall/gjson"

	"switchboard/session"
	"switchboard/session/price"
)

// model is the model of the session's responses or, if it only transcribes, of that.
func (c *held) model() string {
	if c.spec.Intent == "transcription" {
		return c.transcriber()
	}
	if model := gjson.GetBytes(c.up.session, "model").Str; model != "" {
		return model
	}
	return c.spec.Model
}

// transcriber is the model that transcribes what the user says.
func (c *held) transcriber() string {
	return gjson.GetBytes(c.up.session, "audio.input.transcription.model").Str
}

// costNow is what the session has cost. Without a price of its model that is unknown from
// the beginning.
func (c *held) costNow() session.Cost {
	cost := c.cost
	if _, priced := c.node.Prices.Find(c.model()); !priced {
		cost.Unknown = true
	}
	return cost
}

// spend counts what was used of a model, and ends the session at its limit.
func (c *held) spend(model string, use price.Use) {
	m, priced := c.node.Prices.Find(model)
	usd, known := m.Cost(use)
	known = known && priced
	c.cost.USD += usd
	c.cost.Unknown = c.cost.Unknown || !known
	c.unmetered = append(c.unmetered, expense{m.Name, usd, known})
	raise(c.node.spent)
	if limit := c.own().limits().MaxTokens; limit > 0 && c.usage.Spent() >= limit {
		c.end(&session.LimitError{Limit: "max_tokens", Max: limit})
	}
}
