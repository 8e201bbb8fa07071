package embedded_test

import (
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"switchboard/session/redisstore"
	"switchboard/session/redisstore/embedded"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestKeysExpireByThemselves(t *testing.T) {
	s, err := embedded.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	client, err := redisstore.Connect(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.Set(t.Context(), "a", "1", time.Millisecond).Err(); err != nil {
		t.Fatal(err)
	}
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for range poll.C {
		if err := client.Get(t.Context(), "a").Err(); errors.Is(err, redis.Nil) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestCloseEndsIt(t *testing.T) {
	s, err := embedded.Start()
	if err != nil {
		t.Fatal(err)
	}
	client, err := redisstore.Connect(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	s.Close()
	s.Close()
	if err := client.Ping(t.Context()).Err(); err == nil {
		t.Fatal("it still answers")
	}
}

// The port is open to every user of the machine.
func TestStrangersAreTurnedAway(t *testing.T) {
	s, err := embedded.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	o, err := redis.ParseURL(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(&redis.Options{Addr: o.Addr})
	defer client.Close()
	if err := client.Get(t.Context(), "a").Err(); err == nil || errors.Is(err, redis.Nil) {
		t.Fatalf("without the password: %v", err)
	}
}
