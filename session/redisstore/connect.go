package redisstore

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Connect returns a client for the Redis at address, which is one of
//
//	redis://[[user]:password@]host[:port][/db]
//	redis+cluster://[[user]:password@]host[:port][,host[:port]…]
//	redis+sentinel://[[user]:password@]host[:port][,host[:port]…]/master[/db][?sentinel_password=…]
//
// With rediss in place of redis the connections are encrypted (TLS 1.2 or later, checked
// against the system's roots). Several hosts after redis:// are a cluster. What is special
// in a user or password is percent-encoded. The default port is 6379, of a Sentinel 26379.
//
// It does not dial: an error is about the address, which it does not quote, as it holds a
// password. The caller closes the client.
func Connect(address string) (redis.UniversalClient, error) {
	opts, err := parse(address)
	if err != nil {
		return nil, fmt.Errorf("parse Redis address: it %w", err)
	}
	// Nothing of a live session waits for Redis, but a request does: it shall fail while
	// its caller still listens.
	opts.DialTimeout = 2 * time.Second
	opts.DialerRetries = 1
	opts.ReadTimeout = 2 * time.Second
	opts.WriteTimeout = 2 * time.Second
	opts.PoolTimeout = 2 * time.Second
	opts.ContextTimeoutEnabled = true
	// One more try gets over a connection that died in the pool; whoever wants more, as
	// the journal, tries again itself.
	opts.MaxRetries = 1
	// Both are for managed services, and cost a round trip for each connection.
	opts.DisableIdentity = true
	opts.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	// Larger values pass them by; go-redis's 32 KiB each way are held by every connection of the pool.
	opts.ReadBufferSize, opts.WriteBufferSize = 16<<10, 16<<10
	if !opts.IsClusterMode {
		return redis.NewUniversalClient(opts), nil
	}
	cluster := opts.Cluster()
	cluster.ClusterStateReloadInterval = clusterReload
	return redis.NewClusterClient(cluster), nil
}

// clusterReload is how old the map of a cluster may be. That a master is gone is not told by
// it: until the map is read again, its slots are asked for where it was.
const clusterReload = time.Second

// parse does by hand what net/url does, which refuses several hosts and quotes the
// password in its errors.
func parse(address string) (opts *redis.UniversalOptions, err error) {
	scheme, rest, _ := strings.Cut(address, "://")
	base, kind, _ := strings.Cut(scheme, "+")
	opts = &redis.UniversalOptions{}
	switch base {
	case "redis":
	case "rediss":
		opts.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	default:
		return nil, errors.New("does not begin with redis:// or rediss://")
	}
	rest, query, _ := strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(rest, "/")
	hosts, err := parseUser(opts, authority)
	if err != nil {
		return nil, err
	}
	port := "6379"
	switch kind {
	case "", "cluster":
		opts.IsClusterMode = kind != "" || strings.Contains(hosts, ",")
		err = parseDB(opts, path, query)
	case "sentinel":
		port = "26379"
		err = parseMaster(opts, path, query)
	default:
		err = errors.New("is of a kind other than redis+cluster and redis+sentinel")
	}
	if err == nil {
		opts.Addrs, err = parseHosts(hosts, port)
	}
	return opts, err
}

func parseUser(opts *redis.UniversalOptions, authority string) (hosts string, err error) {
	at := strings.LastIndexByte(authority, '@')
	if at < 0 {
		return authority, nil
	}
	user, password, _ := strings.Cut(authority[:at], ":")
	if opts.Username, err = url.PathUnescape(user); err == nil {
		opts.Password, err = url.PathUnescape(password)
	}
	if err != nil {
		return "", errors.New("has a user or password that is not percent-encoded")
	}
	return authority[at+1:], nil
}

// parseMaster reads /master[/db][?sentinel_password=…].
func parseMaster(opts *redis.UniversalOptions, path, query string) error {
	name, db, _ := strings.Cut(path, "/")
	name, err := url.PathUnescape(name)
	if err != nil || name == "" {
		return errors.New("has no master name after the Sentinel's hosts")
	}
	opts.MasterName = name
	if query != "" {
		value, ok := strings.CutPrefix(query, "sentinel_password=")
		if opts.SentinelPassword, err = url.QueryUnescape(value); err != nil || !ok || strings.Contains(value, "&") {
			return errors.New("has an option other than sentinel_password")
		}
	}
	return parseDB(opts, db, "")
}

func parseDB(opts *redis.UniversalOptions, path, query string) error {
	if query != "" {
		return errors.New("has options, of which there are none for this kind")
	}
	if path == "" {
		return nil
	}
	db, err := strconv.ParseUint(path, 10, 16)
	if err != nil {
		return errors.New("has a database that is not a number")
	}
	if db > 0 && opts.IsClusterMode {
		return errors.New("has a database, but a cluster has one only")
	}
	opts.DB = int(db)
	return nil
}

func parseHosts(hosts, port string) (addrs []string, err error) {
	for host := range strings.SplitSeq(hosts, ",") {
		if !strings.Contains(host, ":") || strings.HasSuffix(host, "]") {
			host += ":" + port
		}
		name, number, err := net.SplitHostPort(host)
		if err != nil || name == "" || strings.ContainsAny(name, "@/?# ") {
			return nil, errors.New("has no host, or one that is not a host")
		}
		if n, err := strconv.ParseUint(number, 10, 16); err != nil || n == 0 {
			return nil, errors.New("has a port that is not a number from 1 to 65535")
		}
		addrs = append(addrs, net.JoinHostPort(name, number))
	}
	return addrs, nil
}
