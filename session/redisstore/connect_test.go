package redisstore_test

import (
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"switchboard/session/redisstore"
)

func TestConnectReadsAddresses(t *testing.T) {
	for address, want := range map[string]redis.UniversalOptions{
		"redis://localhost":                       {Addrs: []string{"localhost:6379"}},
		"redis://localhost:7000/3":                {Addrs: []string{"localhost:7000"}, DB: 3},
		"redis://localhost/":                      {Addrs: []string{"localhost:6379"}},
		"redis://[::1]":                           {Addrs: []string{"[::1]:6379"}},
		"redis://[::1]:7000":                      {Addrs: []string{"[::1]:7000"}},
		"redis://:p%40ss%2Fw@h":                   {Addrs: []string{"h:6379"}, Password: "p@ss/w"},
		"redis://user:p:w@h":                      {Addrs: []string{"h:6379"}, Username: "user", Password: "p:w"},
		"redis://:a@b@h":                          {Addrs: []string{"h:6379"}, Password: "a@b"},
		"redis://a,b:7001":                        {Addrs: []string{"a:6379", "b:7001"}, IsClusterMode: true},
		"redis+cluster://:pw@a":                   {Addrs: []string{"a:6379"}, Password: "pw", IsClusterMode: true},
		"redis+sentinel://:pw@a,b:1/main":         {Addrs: []string{"a:26379", "b:1"}, Password: "pw", MasterName: "main"},
		"redis+sentinel://a/my%20main/2":          {Addrs: []string{"a:26379"}, MasterName: "my main", DB: 2},
		"redis+sentinel://a/m?sentinel_password=": {Addrs: []string{"a:26379"}, MasterName: "m"},
		"redis+sentinel://u:p@a/m?sentinel_password=q%26": {
			Addrs: []string{"a:26379"}, Username: "u", Password: "p", SentinelPassword: "q&", MasterName: "m",
		},
	} {
		for _, secure := range []bool{false, true} {
			if secure {
				address = strings.Replace(address, "redis", "rediss", 1)
			}
			got, err := redisstore.Parse(address)
			if err != nil {
				t.Errorf("%s: %v", address, err)
				continue
			}
			if (got.TLSConfig != nil) != secure || !slices.Equal(got.Addrs, want.Addrs) || got.DB != want.DB ||
				got.Username != want.Username || got.Password != want.Password || got.MasterName != want.MasterName ||
				got.SentinelPassword != want.SentinelPassword || got.IsClusterMode != want.IsClusterMode {
				t.Errorf("%s: got %+v", address, got)
			}
		}
	}
}

func TestConnectRefusesAddressesAndTellsNoSecret(t *testing.T) {
	for _, address := range []string{
		"", "secret", "secret:6379", "http://secret", "redis+secret://h", "redisx://secret@h",
		"redis://", "redis://:secret@", "redis://:secret@/1", "redis://:secret@h:port", "redis://:secret@h:0",
		"redis://:secret@h:70000", "redis://:secret@h/one", "redis://:secret@h/-1", "redis://:secret@h?db=1",
		"redis://:secret@h,", "redis://:secret@a,b/1", "redis+cluster://:secret@h/1", "redis://:secret%zz@h",
		"redis://:secret/x@h", "redis://user:secret#x/y@h", "redis+sentinel://:secret@h", "redis+sentinel://:secret@h/",
		"redis+sentinel://h/m?password=secret", "redis+sentinel://h/m?sentinel_password=secret&x=1", "redis://::1", "redis", "redis:",
	} {
		client, err := redisstore.Connect(address)
		if err == nil {
			client.Close()
			t.Errorf("%s was taken", address)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error tells: %v", address, err)
		}
	}
}

func FuzzConnect(f *testing.F) {
	for _, seed := range []string{
		"redis://u:p@h:1/2", "rediss://[::1]:6379", "redis://a,b:2", "redis+cluster://:p@h",
		"redis+sentinel://:p@h,i:2/main/3?sentinel_password=x", "redis://%zz@h", "://", "redis://@:,/?",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, address string) {
		opts, err := redisstore.Parse(address)
		if err != nil {
			return // which never quotes it: see the test above
		}
		if len(opts.Addrs) == 0 {
			t.Fatalf("%q has no host", address)
		}
		for _, addr := range opts.Addrs {
			if host, port, err := net.SplitHostPort(addr); err != nil || host == "" || port == "" {
				t.Fatalf("%q has the host %q", address, addr)
			}
		}
		if opts.IsClusterMode && (opts.DB != 0 || opts.MasterName != "") {
			t.Fatalf("%q is a cluster with %+v", address, opts)
		}
	})
}
