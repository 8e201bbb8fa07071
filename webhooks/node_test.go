package webhooks_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/openai/openai-go/v3"
	"github.com/redis/go-redis/v9"

	"switchboard/webhooks"
	"switchboard/webhooks/redistest"
)

// handledKey counts, by event, how often its handler ran to its end.
const handledKey = "test:handled"

// runNode is a gateway's webhook side as a process of its own: the test binary started again with WEBHOOKS_NODE set to
// the address of Redis. It prints where it listens.
func runNode() {
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	rdb := redis.NewUniversalClient(&redis.UniversalOptions{Addrs: []string{os.Getenv("WEBHOOKS_NODE")}})
	defer rdb.Close()
	cfg := config()
	cfg.Workers, cfg.HandleTime, cfg.Discover = 16, 2*time.Second, 0
	svc, err := webhooks.New(webhooks.Options{Config: cfg, Redis: rdb, API: openai.NewClient(), Node: fmt.Sprint(os.Getpid()),
		Handlers: func(r *webhooks.Router) {
			r.Handle("response.", func(ctx context.Context, e webhooks.Event) error {
				return rdb.HIncrBy(ctx, handledKey, e.ID, 1).Err()
			})
		}})
	if err != nil {
		panic(err)
	}
	engine := gin.New()
	engine.POST("/webhooks/openai", gin.WrapH(svc.Receiver))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Addr())
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	server := &http.Server{Handler: engine, ReadHeaderTimeout: 5 * time.Second}
	go server.Serve(l)
	svc.Run(ctx)
	server.Close()
}

// process is such a node, seen from the test.
type process struct {
	cmd  *exec.Cmd
	url  string
	dead atomic.Bool
}

func startProcess(t *testing.T, redisAddr string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(os.Args[0], "-test.run=^$")}
	p.cmd.Env = append(os.Environ(), "WEBHOOKS_NODE="+redisAddr)
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	p.url = "http://" + strings.TrimSpace(line) + "/webhooks/openai"
	t.Cleanup(func() {
		p.cmd.Process.Signal(syscall.SIGTERM)
		p.cmd.Wait()
	})
	return p
}

const (
	unique     = 14_000
	deliveries = 20_000 // 30 % are duplicates
	senders    = 32
	inFlight   = 2 * 3 * 16 // claims that a node's death and Redis's may catch between effect and outcome
)

// Three processes on one Redis take 20,000 deliveries, 30 % of them duplicates, while one of them is killed and Redis is
// killed and started again on its append-only file. Whatever was answered 200 is handled.
func TestNoDeliveryIsLostWhenANodeAndRedisDie(t *testing.T) {
	store := redistest.Start(t, t.TempDir(), "--appendonly", "yes", "--appendfsync", "always")
	defer func() { store.Stop() }()
	nodes := []*process{startProcess(t, store.Addr), startProcess(t, store.Addr), startProcess(t, store.Addr)}
	rdb := redis.NewClient(&redis.Options{Addr: store.Addr})
	defer rdb.Close()

	start := time.Now()
	var sent, refused atomic.Int64
	plan := make(chan int)
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: senders}}
	defer client.CloseIdleConnections()
	var senderGroup sync.WaitGroup
	for range senders {
		senderGroup.Go(func() {
			for i := range plan {
				deliverUntilAccepted(t, client, nodes, fmt.Sprintf("wh_%05d", i), &refused)
				sent.Add(1)
			}
		})
	}
	for n, i := range shuffled() {
		switch n {
		case deliveries / 3:
			nodes[0].dead.Store(true)
			nodes[0].cmd.Process.Kill()
		case deliveries * 2 / 3:
			store.Stop()
			store.Restart(t)
		}
		plan <- i
	}
	close(plan)
	senderGroup.Wait()
	taken := time.Since(start)
	if !eventuallyWithin(time.Minute, func() bool { return rdb.HLen(t.Context(), handledKey).Val() == unique }) {
		t.Fatalf("%d of %d events were handled", rdb.HLen(t.Context(), handledKey).Val(), unique)
	}
	// What a lost node had claimed is due again after its lease; only then is it known whether anything ran twice.
	if !eventuallyWithin(time.Minute, func() bool { return rdb.ZCard(t.Context(), "gw:{q:inbox}:due").Val() == 0 }) {
		t.Fatal("the inbox was never empty")
	}
	again := 0
	for _, n := range rdb.HGetAll(t.Context(), handledKey).Val() {
		if n != "1" {
			again++
		}
	}
	t.Logf("%d deliveries of %d events accepted in %v (%d refused or cut off and delivered again); %d handled, %d lost, %d run again because a node or Redis died under them",
		sent.Load(), unique, taken.Round(time.Millisecond), refused.Load(), unique, 0, again)
	if again > inFlight {
		t.Errorf("%d events were handled more than once; at most %d were being handled when a node or Redis died", again, inFlight)
	}
}

// shuffled is a plan of deliveries: every event once, and as many again at random.
func shuffled() []int {
	list := make([]int, deliveries)
	for i := range list {
		if list[i] = i; i >= unique {
			list[i] = rand.IntN(unique)
		}
	}
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

// deliverUntilAccepted does as OpenAI: it delivers until somebody answers 200.
func deliverUntilAccepted(t *testing.T, client *http.Client, nodes []*process, id string, refused *atomic.Int64) {
	body := []byte(fmt.Sprintf(`{"object":"event","id":"evt_%s","type":"response.completed","created_at":1767233035,"data":{"id":"resp_%s"}}`, id, id))
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		n := nodes[rand.IntN(len(nodes))]
		if n.dead.Load() {
			continue
		}
		resp, err := client.Do(signed(t, n.url, testSecret, id, time.Now(), body))
		if err == nil {
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if resp.StatusCode == 200 {
				return
			}
		}
		refused.Add(1)
		pause.Reset(20 * time.Millisecond)
		<-pause.C
	}
}
