package webhooks_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"switchboard/webhooks"
	"switchboard/webhooks/queue"
	"switchboard/webhooks/redistest"
)

const (
	benchClients = 64
	benchRounds  = 7
	benchRound   = 2 * time.Second
)

// BenchmarkIntake compares taking deliveries (verified and kept in redis-server) with the same handler that keeps
// nothing: rounds of two seconds in turn, 64 keep-alive clients on the same machine, medians. Run it alone:
//
//	go test ./webhooks -run '^$' -bench Intake -benchtime 1x
func BenchmarkIntake(b *testing.B) {
	ctx, cancel := context.WithCancel(b.Context())
	q := queue.New(redistest.Redis(b), "bench", queue.Options{})
	put, ended := webhooks.Gather(ctx, q)
	defer func() { cancel(); <-ended; q.Drop(context.Background()) }()
	nothing := func(context.Context, queue.Item) (bool, error) { return true, nil }
	kinds := map[string]*httptest.Server{"none": serveReceiver(nothing), "kept": serveReceiver(put)}
	defer kinds["none"].Close()
	defer kinds["kept"].Close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: benchClients}}
	defer client.CloseIdleConnections()
	body := []byte(`{"object":"event","id":"evt_1","type":"batch.completed","created_at":1767233035,"data":{"id":"batch_1","pad":"` + strings.Repeat("x", 520) + `"}}`)
	for b.Loop() {
		figures := map[string][]figure{}
		for round := range benchRounds {
			order := []string{"none", "kept"}
			if round%2 == 1 {
				slices.Reverse(order)
			}
			for _, kind := range order {
				figures[kind] = append(figures[kind], load(b, client, kinds[kind].URL, fmt.Sprintf("%s_%d", kind, round), body))
			}
		}
		none, kept := median(figures["none"]), median(figures["kept"])
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(none.rate, "none/s")
		b.ReportMetric(kept.rate, "kept/s")
		b.ReportMetric(kept.rate/none.rate, "ratio")
		b.ReportMetric(ms(none.p50), "none-p50-ms")
		b.ReportMetric(ms(kept.p50), "kept-p50-ms")
		b.ReportMetric(ms(none.p99), "none-p99-ms")
		b.ReportMetric(ms(kept.p99), "kept-p99-ms")
	}
}

func serveReceiver(keep func(context.Context, queue.Item) (bool, error)) *httptest.Server {
	engine := gin.New()
	engine.POST("/webhooks/openai", gin.WrapH(webhooks.NewReceiverWith(testSecret, keep)))
	return httptest.NewServer(engine)
}

type figure struct {
	rate     float64
	p50, p99 time.Duration
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// load delivers for one round.
func load(b *testing.B, client *http.Client, url, round string, body []byte) figure {
	var clients sync.WaitGroup
	took := make([][]time.Duration, benchClients)
	end := time.Now().Add(benchRound)
	for c := range benchClients {
		clients.Go(func() {
			for i := 0; ; i++ {
				start := time.Now()
				if start.After(end) {
					return
				}
				resp, err := client.Do(signed(b, url+"/webhooks/openai", testSecret, fmt.Sprintf("wh_%s_%d_%d", round, c, i), start, body))
				if err != nil || resp.StatusCode != 200 {
					b.Errorf("delivery: %v", err)
					return
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				took[c] = append(took[c], time.Since(start))
			}
		})
	}
	clients.Wait()
	all := slices.Concat(took...)
	slices.Sort(all)
	return figure{float64(len(all)) / benchRound.Seconds(), all[len(all)/2], all[len(all)*99/100]}
}

func median(f []figure) figure {
	by := func(value func(figure) float64) float64 {
		values := make([]float64, len(f))
		for i, x := range f {
			values[i] = value(x)
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	return figure{
		rate: by(func(x figure) float64 { return x.rate }),
		p50:  time.Duration(by(func(x figure) float64 { return float64(x.p50) })),
		p99:  time.Duration(by(func(x figure) float64 { return float64(x.p99) })),
	}
}
