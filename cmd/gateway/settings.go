package main

import (
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"time"

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
			Value: valueOf(f.Target.Interface()),
		}
		if f.Group != nil {
			s.Group = f.Group.Title
		}
		s.Changed = !sameValue(f.Target, f.Default)
		if f.Tag.Get("secret") != "" && s.Value != "" {
			s.Value = "set"
		}
		s.Value = withoutPassword(s.Value)
		list = append(list, s)
	}
	return list, nil
}

// valueOf is a value as a flag takes it: 24h, not 24h0m0s.
func valueOf(v any) string {
	text := strings.Trim(fmt.Sprint(v), "[]")
	if _, ok := v.(time.Duration); !ok {
		return text
	}
	if short, ok := strings.CutSuffix(text, "m0s"); ok {
		text = short + "m"
	}
	if short, ok := strings.CutSuffix(text, "h0m"); ok {
		text = short + "h"
	}
	return text
}

// sameValue reports whether a value is the default, however that is written; "" is the zero value.
func sameValue(v reflect.Value, standard string) bool {
	if standard == "" {
		return v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0
	}
	if d, ok := v.Interface().(time.Duration); ok {
		want, err := time.ParseDuration(standard)
		return err == nil && d == want
	}
	return strings.EqualFold(valueOf(v.Interface()), standard) // INFO is info
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
