package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"switchboard/session/redisstore/redistest"
)

// Sessions per wave and at a time, through the whole program: so many that 5 KiB left of each show.
const (
	waveSessions = 100
	waveAtOnce   = 20
)

// Sessions that come and go leave nothing in the process: no goroutine, no descriptor, no memory.
func TestThreeWavesOfSessionsLeaveNothing(t *testing.T) {
	redis := redistest.Start(t)
	redis.Hurry() // no wave is lost with it
	c, err := parse(t, map[string]string{"REDIS_URL": redis.URL}, "--demo", "--listen", "127.0.0.1:0", "--keep", "1s")
	if err != nil {
		t.Fatal(err)
	}
	url, key, _ := start(t, c)
	wave(t, url, key, 0) // what is made once is made now
	before := settled(t)
	for n := 1; n <= 3; n++ {
		wave(t, url, key, n)
	}
	after := settled(t)
	t.Logf("before %+v, after %+v", before, after)
	if after.goroutines > before.goroutines+10 {
		t.Errorf("%d goroutines, %d before", after.goroutines, before.goroutines)
	}
	if after.descriptors > before.descriptors+10 {
		t.Errorf("%d descriptors, %d before", after.descriptors, before.descriptors)
	}
	if most := before.heap*21/20 + 1<<20; after.heap > most {
		t.Errorf("%d KiB of heap, %d before", after.heap>>10, before.heap>>10)
	}
}

func wave(t *testing.T, url, key string, n int) {
	t.Helper()
	ids := make(chan string)
	var wg sync.WaitGroup
	for range waveAtOnce {
		wg.Go(func() {
			for id := range ids {
				if err := oneSession(t, url, key, id); err != nil {
					t.Errorf("%s: %v", id, err)
				}
			}
		})
	}
	for i := range waveSessions {
		ids <- fmt.Sprintf("w%d-%d", n, i)
	}
	close(ids)
	wg.Wait()
}

// oneSession creates a session, takes a turn in it from a browser's place, and ends it.
func oneSession(t *testing.T, url, key, id string) error {
	status, body := call(t, http.DefaultClient, "POST", url+"/realtime/sessions", key,
		`{"session_id":"`+id+`","config":{"output_modalities":["text"]}}`)
	if status != http.StatusCreated {
		return fmt.Errorf("create: %d %s", status, body)
	}
	var made struct {
		RelayURL string                 `json:"relay_url"`
		Secret   struct{ Value string } `json:"client_secret"`
	}
	if err := json.Unmarshal([]byte(body), &made); err != nil {
		return err
	}
	conn, _, err := websocket.Dial(t.Context(), made.RelayURL, &websocket.DialOptions{
		Subprotocols: []string{"realtime", "openai-insecure-api-key." + made.Secret.Value},
	})
	if err != nil {
		return fmt.Errorf("attach: %w", err)
	}
	defer conn.CloseNow() // it may be closed already
	if err := conn.Write(t.Context(), websocket.MessageText, []byte(`{"type":"response.create"}`)); err != nil {
		return err
	}
	for {
		_, event, err := conn.Read(t.Context())
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		if strings.Contains(string(event), `"response.done"`) {
			break
		}
	}
	if status, body := call(t, http.DefaultClient, "DELETE", url+"/realtime/sessions/"+id, key, ""); status != http.StatusOK {
		return fmt.Errorf("end: %d %s", status, body)
	}
	return nil
}

// left is what a process holds.
type left struct {
	goroutines, descriptors int
	heap                    uint64 // bytes in use after a collection
}

// settled returns what is held once nothing goes away any more.
func settled(t *testing.T) left {
	t.Helper()
	var last left
	for range 50 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		files, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		now := left{runtime.NumGoroutine(), len(files), m.HeapAlloc}
		if now.goroutines == last.goroutines && now.descriptors == last.descriptors && now.heap <= last.heap+64<<10 && last.heap <= now.heap+64<<10 {
			return now
		}
		last = now
		select {
		case <-t.Context().Done():
		case <-time.After(200 * time.Millisecond):
		}
	}
	return last
}
