package fanout

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"switchboard/webhooks/seal"
)

func TestOnlyPublicAddressesArePermitted(t *testing.T) {
	for _, bad := range []string{"127.0.0.1", "127.1.2.3", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
		"169.254.169.254", "100.64.0.1", "192.0.2.1", "198.18.0.1", "203.0.113.9", "224.0.0.1", "240.0.0.1", "255.255.255.255",
		"::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
		"64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1", "2001::1", "fec0::1",
		"::127.0.0.1", "::ffff:0:127.0.0.1", "::ffff:0:8.8.8.8", "192.88.99.1", "168.63.129.16", "100.100.100.200", "fd00:ec2::254", "3fff::1", "5f00::1",
		"64:ff9b::a00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "4000::1", "100::1"} {
		if permitted(netip.MustParseAddr(bad), nil) {
			t.Errorf("%s is permitted", bad)
		}
	}
	for _, good := range []string{"8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"} {
		if !permitted(netip.MustParseAddr(good), nil) {
			t.Errorf("%s is refused", good)
		}
	}
	allowed, err := ParseNetworks([]string{"127.0.0.0/8", "fd00::/8"})
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]bool{"127.0.0.1": true, "::ffff:127.0.0.1": true, "fd12::1": true, "10.0.0.1": false, "::1": false} {
		if permitted(netip.MustParseAddr(address), allowed) != want {
			t.Errorf("%s with networks allowed: %v", address, !want)
		}
	}
	if _, err := ParseNetworks([]string{"10.0.0.1"}); err == nil {
		t.Error("an address passes as a network")
	}
}

// Plain http leads to networks that the operator allowed, and to no others.
func TestPlainHTTPIsForAllowedNetworks(t *testing.T) {
	allowed, _ := ParseNetworks([]string{"127.0.0.0/8"})
	for address, want := range map[string]bool{
		"http://127.0.0.1:1/x": true, "https://127.0.0.1/x": true, "http://8.8.8.8/": false, "https://8.8.8.8/": true, "https://10.0.0.1/": false,
		"https://[::ffff:0:127.0.0.1]/": false, "http://[::ffff:127.0.0.1]/": true, "https://168.63.129.16/": false, "http://example.com/": true,
	} {
		s := Subscription{URL: address, Types: []string{"*"}}
		if err := s.check(allowed); (err == nil) != want {
			t.Errorf("%s: %v", address, err)
		}
	}
	f := New(nil, seal.Box{}, nil, Options{Allowed: allowed})
	if _, err := f.plain.Get("http://8.8.8.8:1/"); !errors.Is(err, ErrAddress) {
		t.Errorf("a public address by http: %v", err)
	}
}

func TestRetryAfterIsReadAndBounded(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-7": 0, "soon": 0, "999999999": longestWait,
		"Thu, 01 Jan 2026 00:01:00 GMT": time.Minute, "Wed, 31 Dec 2025 00:00:00 GMT": 0,
	} {
		if got := retryAfter(header, now); got != want {
			t.Errorf("%q: %v, want %v", header, got, want)
		}
	}
}
