package fanout

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// ErrAddress says that a subscriber's address is not one that may be called.
var ErrAddress = errors.New("this address is not public")

// unicast6 is all that IPv6 has given out to be routed; the rest is reserved, or not routed.
var unicast6 = netip.MustParsePrefix("2000::/3")

// notPublic are networks that must not be called although they look like others: this host's, private, carrier-grade NAT,
// link-local, protocol assignments, benchmarks, documentation, relays and multicast (RFC 6890, 6598, 7526, 9637, 9602), and
// those of 2000::/3 by which IPv6 reaches IPv4 (RFC 4380, 3056).
var notPublic = prefixes("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
	"192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15",
	"198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20", "5f00::/16")

// clouds are the addresses at which a cloud answers its machines with credentials, or the host does: those among them that
// are not private anyway.
var clouds = prefixes("168.63.129.16/32", "169.254.169.254/32", "100.100.100.200/32", "fd00:ec2::254/128")

// nat64 hold an IPv4 address in their last four bytes (RFC 6052): it is the one that is called.
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, t := range texts {
		list[i] = netip.MustParsePrefix(t)
	}
	return list
}

// ParseNetworks reads CIDRs.
func ParseNetworks(texts []string) ([]netip.Prefix, error) {
	var list []netip.Prefix
	for _, t := range texts {
		p, err := netip.ParsePrefix(t)
		if err != nil {
			return nil, fmt.Errorf("network %q: want an address and a length, like 10.0.0.0/8", t)
		}
		list = append(list, p.Masked())
	}
	return list, nil
}

func within(list []netip.Prefix, a netip.Addr) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// permitted reports whether an address may be called: one in an allowed network, or a public one.
func permitted(a netip.Addr, allowed []netip.Prefix) bool {
	a = a.Unmap().WithZone("")
	if within(allowed, a) {
		return true
	}
	if nat64.Contains(a) {
		bytes := a.As16()
		a = netip.AddrFrom4([4]byte(bytes[12:]))
	}
	if within(notPublic, a) || within(clouds, a) {
		return false
	}
	return a.Is4() || unicast6.Contains(a)
}

// newClient makes a client that connects only to permitted addresses, whatever a name resolves to, and follows nothing.
func newClient(permitted func(netip.Addr) bool, timeout time.Duration) *http.Client {
	dialer := &net.Dialer{
		Timeout: 5 * time.Second,
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(address)
			if err != nil || !permitted(at.Addr()) {
				return ErrAddress
			}
			return nil
		},
	}
	return &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			Proxy: nil, DialContext: dialer.DialContext, ForceAttemptHTTP2: true,
			TLSHandshakeTimeout: 5 * time.Second, ResponseHeaderTimeout: timeout,
			MaxIdleConnsPerHost: 2, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
