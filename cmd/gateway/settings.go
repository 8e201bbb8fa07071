package main

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"

	"switchboard/gateway"
	"switchboard/session/price"
)

// settings lists what can be set, and to what it is. Of a secret nobody learns more than whether it is set.
func (c config) settings() ([]gateway.Setting, error) {
	p, err := kong.New(&c, options()...)
	if err != nil {
		return nil, fmt.Errorf("list settings: %w", err)
	}
	var list []gateway.Setting
	for _, f := range p.Model.Flags {
		if len(f.Envs) == 0 { // --help and --version
			continue
		}
		s := gateway.Setting{
			Name: "--" + f.Name, Env: f.Envs[0], Help: f.Help, Default: f.Default, Secret: f.Tag.Get("secret") != "",
			Value: strings.Trim(fmt.Sprint(f.Target.Interface()), "[]"),
		}
		if f.Group != nil {
			s.Group = f.Group.Title
		}
		s.Changed = f.Target.IsValid() && s.Value != s.Default
		if f.Tag.Get("secret") != "" && s.Value != "" {
			s.Value = "set"
		}
		list = append(list, s)
	}
	return list, nil
}

// priceViews shows a table of prices.
func priceViews(t price.Table) (list []gateway.PriceView) {
	for _, m := range t.Models() {
		list = append(list, gateway.PriceView{
			Model: m.Name, Text: ratesView(m.Text), Audio: ratesView(m.Audio), Image: ratesView(m.Image), Batch: ratesView(m.Batch), Minute: m.Minute,
		})
	}
	return list
}

func ratesView(r *price.Rates) *gateway.RatesView {
	if r == nil {
		return nil
	}
	v := gateway.RatesView(*r)
	return &v
}
