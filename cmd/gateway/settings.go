package main

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/alecthomas/kong"

	"switchboard/gateway"
	"switchboard/session/price"
)

// settings lists all settings with their values. A secret shows only whether it is set, an address no
// password.
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
		s.Value = withoutPassword(s.Value)
		list = append(list, s)
	}
	return list, nil
}

// withoutPassword hides the password of an address.
func withoutPassword(value string) string {
	if u, err := url.Parse(value); err == nil && u.User != nil {
		return u.Redacted()
	}
	return value
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
