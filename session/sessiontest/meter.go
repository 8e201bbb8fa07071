package sessiontest

import (
	"context"
	"time"

	"switchboard/session"
	"switchboard/session/access"
)

// meterDay is the sums of an API key on one day: its own, and by label and value.
type meterDay struct {
	sums   access.Sums
	labels map[string]map[string]access.Sums
}

// meterKey is what Memory knows of an API key.
type meterKey struct {
	open    map[session.ID]time.Time // until when they count
	counted map[session.ID]access.Spent
	days    map[string]*meterDay
}

func (m *Memory) meterLocked(key string) *meterKey {
	k := m.meters[key]
	if k == nil {
		k = &meterKey{map[session.ID]time.Time{}, map[session.ID]access.Spent{}, map[string]*meterDay{}}
		m.meters[key] = k
	}
	return k
}

func (k *meterKey) day(at time.Time) *meterDay {
	name := at.UTC().Format(time.DateOnly)
	if k.days[name] == nil {
		k.days[name] = &meterDay{labels: map[string]map[string]access.Sums{}}
	}
	return k.days[name]
}

// Open implements [session.Meter].
func (m *Memory) Open(_ context.Context, key string, id session.ID, limits access.KeyLimits, ttl time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return m.down
	}
	now, k := time.Now(), m.meterLocked(key)
	others := 0
	for other, until := range k.open {
		switch {
		case !now.Before(until):
			delete(k.open, other)
		case other != id:
			others++
		}
	}
	if err := limits.Admits(k.day(now).sums, others); err != nil {
		return err
	}
	k.open[id] = now.Add(ttl)
	return nil
}

// Count implements [session.Meter].
func (m *Memory) Count(_ context.Context, key string, sessions []access.Spent, ttl time.Duration) (access.Sums, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down != nil {
		return access.Sums{}, m.down
	}
	now, k := time.Now(), m.meterLocked(key)
	today := k.day(now)
	for _, s := range sessions {
		was, known := k.counted[s.ID]
		used := access.Sums{
			Tokens: max(0, s.Tokens-was.Tokens), Seconds: max(0, s.Seconds-was.Seconds),
			CostUSD: max(0, s.Cost.USD-was.Cost.USD),
		}
		if !known && (s.Tokens > 0 || s.Seconds > 0) {
			used.Sessions = 1
		}
		if s.Cost.Unknown && !was.Cost.Unknown {
			used.Unpriced = 1
		}
		k.counted[s.ID] = access.Spent{
			Tokens: max(s.Tokens, was.Tokens), Seconds: max(s.Seconds, was.Seconds),
			Cost: session.Cost{USD: max(s.Cost.USD, was.Cost.USD), Unknown: s.Cost.Unknown || was.Cost.Unknown},
		}
		today.add(s.Labels, used)
		k.open[s.ID] = now.Add(ttl)
		if s.Ended {
			delete(k.open, s.ID)
		}
	}
	return today.sums, nil
}

func (d *meterDay) add(labels map[string]string, used access.Sums) {
	d.sums = d.sums.Add(used)
	for name, value := range labels {
		values := d.labels[name]
		if values == nil {
			values = map[string]access.Sums{}
			d.labels[name] = values
		}
		if _, known := values[value]; !known && len(values) >= access.LabelValues {
			value = access.OtherLabels
		}
		values[value] = values[value].Add(used)
	}
}

// Spending implements [session.Meter].
func (m *Memory) Spending(_ context.Context, day time.Time, key, label string) (map[string]access.Sums, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	rows := map[string]access.Sums{}
	for name, k := range m.meters {
		if key != "" && name != key {
			continue
		}
		d := k.day(day)
		if label == "" {
			if d.sums != (access.Sums{}) {
				rows[name] = d.sums
			}
			continue
		}
		for value, sums := range d.labels[label] {
			rows[value] = rows[value].Add(sums)
		}
	}
	return rows, m.down
}
