package redisstore

import (
	"strconv"
	"strings"
	"time"

	"switchboard/session"
	"switchboard/session/survey"
)

// Facts are texts separated by a character that is escaped in keys, models, nodes and labels.
// Numbers come first; a release may add fields in front of the labels only under another version.
const (
	factsVersion = "1"
	between      = "\x1f"
	escaping     = "\x1e"
	factFields   = 15 // before the labels
)

var (
	escape   = strings.NewReplacer(between, escaping+"1", escaping, escaping+"0")
	unescape = strings.NewReplacer(escaping+"1", between, escaping+"0", escaping)
)

// encoded is the text of facts, as lua/index.lua stores it.
func encoded(f *survey.Facts) string {
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	flags, expires := int64(0), int64(0)
	if !f.ExpiresAt.IsZero() {
		expires = f.ExpiresAt.UnixMilli()
	}
	if f.Responding {
		flags |= responding
	}
	if f.Condition.Lost {
		flags |= lost
	}
	fields := []string{
		factsVersion, string(f.Status), escape.Replace(f.Key), escape.Replace(f.Node), escape.Replace(f.Model),
		number(int64(f.Clients)), strconv.FormatFloat(f.Cost, 'g', -1, 64), number(f.Errors), number(f.Latency), number(expires),
		number(flags), number(int64(f.Condition.Failing)), number(int64(f.Condition.Pending)), number(f.MaxSeconds), "",
	}
	if f.MaxTokens > 0 {
		fields[factFields-1] = number(f.Spent) + "/" + number(f.MaxTokens)
	}
	for _, l := range f.Labels {
		fields = append(fields, escape.Replace(l.Name), escape.Replace(l.Value))
	}
	return strings.Join(fields, between)
}

// What is true of a session.
const (
	responding = 1 << iota
	lost
)

// factsOf reads the text of facts; false if it is of another version.
func factsOf(member, text string) (f survey.Facts, ok bool) {
	var fields [factFields]string
	for i := range fields {
		if fields[i], text, ok = strings.Cut(text, between); !ok && i < factFields-1 {
			return f, false
		}
	}
	if fields[0] != factsVersion {
		return f, false
	}
	number := func(i int) int64 { n, _ := strconv.ParseInt(fields[i], 10, 64); return n }
	created, id, _ := strings.Cut(member, ".")
	micros, _ := strconv.ParseInt(created, 16, 64)
	flags := number(10)
	f = survey.Facts{
		ID: session.ID(id), CreatedAt: time.UnixMicro(micros), Status: session.Status(fields[1]), Key: plain(fields[2]), Node: plain(fields[3]), Model: plain(fields[4]),
		Clients: int(number(5)), Errors: number(7), Latency: number(8), MaxSeconds: number(13), Responding: flags&responding != 0,
		Condition: session.Condition{Lost: flags&lost != 0, Failing: int(number(11)), Pending: int(number(12))},
	}
	f.Cost, _ = strconv.ParseFloat(fields[6], 64)
	if expires := number(9); expires > 0 {
		f.ExpiresAt = time.UnixMilli(expires)
	}
	if spent, most, ok := strings.Cut(fields[14], "/"); ok {
		f.Spent, _ = strconv.ParseInt(spent, 10, 64)
		f.MaxTokens, _ = strconv.ParseInt(most, 10, 64)
	}
	if text != "" {
		f.Labels = make([]survey.Label, 0, (strings.Count(text, between)+1)/2)
	}
	for text != "" {
		var l survey.Label
		l.Name, text, _ = strings.Cut(text, between)
		l.Value, text, _ = strings.Cut(text, between)
		f.Labels = append(f.Labels, survey.Label{Name: plain(l.Name), Value: plain(l.Value)})
	}
	return f, true
}

// plain is a text as it was before it was escaped. Most never were.
func plain(s string) string {
	if !strings.Contains(s, escaping) {
		return s
	}
	return unescape.Replace(s)
}
