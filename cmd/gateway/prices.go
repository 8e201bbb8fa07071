package main

import (
	"fmt"
	"os"
	"strings"

	"switchboard/session/price"
	"switchboard/webhooks/batch"
)

// prices is the table of what models cost: the built-in one, and what --prices says. Its prices
// in batches go to the jobs, where --batch-price has the last word.
func (c *config) prices() (price.Table, error) {
	table := price.Default()
	raw := []byte(strings.TrimSpace(c.Prices))
	if len(raw) > 0 && raw[0] != '{' {
		var err error
		if raw, err = os.ReadFile(c.Prices); err != nil {
			return table, fmt.Errorf("--prices: %w", err)
		}
	}
	if len(raw) > 0 {
		var err error
		if table, err = table.Override(raw); err != nil {
			return table, fmt.Errorf("--prices: %w", err)
		}
	}
	for _, m := range table.Batch() {
		c.Jobs.Prices = append(c.Jobs.Prices, batch.Price{Model: m.Name, Rates: *m.Batch})
	}
	return table, nil
}
