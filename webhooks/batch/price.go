package batch

import (
	"errors"
	"strconv"
	"strings"

	"switchboard/session/price"
)

// Price is what a model costs in batches; as text MODEL=IN:OUT, in US dollars per million tokens.
type Price struct {
	Model string
	price.Rates
}

var errPrice = errors.New("a price is MODEL=IN:OUT in dollars per million tokens, for example gpt-6-luna=0.05:0.25")

// UnmarshalText reads MODEL=IN:OUT.
func (p *Price) UnmarshalText(text []byte) error {
	model, prices, ok := strings.Cut(string(text), "=")
	in, out, ok2 := strings.Cut(prices, ":")
	if !ok || !ok2 || model == "" {
		return errPrice
	}
	var err1, err2 error
	p.Model = model
	p.Input, err1 = strconv.ParseFloat(in, 64)
	p.Cached = p.Input
	p.Output, err2 = strconv.ParseFloat(out, 64)
	if err1 != nil || err2 != nil || p.Input < 0 || p.Output < 0 {
		return errPrice
	}
	return nil
}
