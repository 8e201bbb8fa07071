package trial

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// observed is what the stand-in tells of one upstream (docs/simulator.md).
type observed struct {
	ID       string `json:"id"`
	Key      string `json:"key"`
	OpenedNS int64  `json:"opened_ns"`
	Closed   bool   `json:"closed"`
	Config   struct {
		Instructions string `json:"instructions"`
	} `json:"config"`
	Items    []json.RawMessage `json:"items"`
	Received struct {
		Events      int   `json:"events"`
		LoudSamples int64 `json:"loud_samples"`
		FirstNS     int64 `json:"first_ns"`
		LastNS      int64 `json:"last_ns"`
		UpdateNS    int64 `json:"update_ns"`
	} `json:"received"`
}

// observe asks the stand-in for all upstreams, those that ended first, oldest first.
func (f *fleet) observe(ctx context.Context, ended bool) ([]observed, error) {
	path := "_simulator/sessions"
	if ended {
		path += "?closed=1"
	}
	body, err := f.model.Rest(ctx, http.MethodGet, path, nil)
	var all struct{ Sessions []observed }
	if err == nil {
		err = json.Unmarshal(body, &all)
	}
	if err != nil {
		return nil, fmt.Errorf("ask the stand-in for sessions: %w", err)
	}
	return all.Sessions, nil
}

// of reports whether the upstream is, or was, one of the session's.
func (u observed) of(session string) bool {
	return strings.Contains(u.Config.Instructions, marker(session))
}

// has reports whether a text is in the conversation that the upstream knows.
func (u observed) has(text string) bool {
	for _, it := range u.Items {
		if strings.Contains(string(it), text) {
			return true
		}
	}
	return false
}

func (u observed) first() time.Time { return time.Unix(0, u.Received.FirstNS) }
func (u observed) last() time.Time  { return time.Unix(0, u.Received.LastNS) }

// metric reads a number that a node tells of itself, one without labels.
func (s *server) metric(ctx context.Context, name string) (float64, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url()+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		if value, found := strings.CutPrefix(lines.Text(), name+" "); found {
			return strconv.ParseFloat(value, 64)
		}
	}
	return 0, fmt.Errorf("%s does not tell %s: %w", s.name, name, cmp.Or(lines.Err(), errUntold))
}

var errUntold = errors.New("no such metric")
