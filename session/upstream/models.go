package upstream

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// modelBytes bounds what the API may say about a model.
const modelBytes = 64 << 10

// Shutdown asks the API on which day a model is shut down. The zero time means that no day is
// known, as it is for APIs that do not list their models.
func (d *Dialer) Shutdown(ctx context.Context, model string) (time.Time, error) {
	u := *d.base.JoinPath("models", url.PathEscape(model))
	u.Scheme = map[string]string{"ws": "http", "wss": "https"}[u.Scheme]
	if u.Scheme == "" {
		u.Scheme = d.base.Scheme
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return time.Time{}, fmt.Errorf("look up a model: %w", err)
	}
	r.Header = d.header.Clone()
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return time.Time{}, fmt.Errorf("look up a model: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return time.Time{}, fmt.Errorf("look up a model: the API answered %s", answer.Status)
	}
	var said struct {
		ShutdownDate any `json:"shutdown_date"` // anything but a day is none
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, modelBytes)).Decode(&said); err != nil {
		return time.Time{}, fmt.Errorf("look up a model: %w", err)
	}
	text, _ := said.ShutdownDate.(string)
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return time.Time{}, nil
	}
	return day, nil
}
