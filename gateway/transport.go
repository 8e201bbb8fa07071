package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"time"
)

// NodeTransport connects nodes with each other: never through a proxy, and giving up soon
// on one that does not take the connection. own is the certificate that this node shows,
// nil if it has none: a node that shows the same is trusted wherever it is reached, because
// certificates name the address of the balancer, not those of the nodes behind it.
func NodeTransport(own *x509.Certificate) *http.Transport {
	dialer := &net.Dialer{Timeout: dialWait, KeepAlive: 15 * time.Second}
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ResponseHeaderTimeout = doWait
	t.Proxy = nil
	t.DisableCompression = true // what a client takes compressed is passed on as it is
	t.DialContext = dialer.DialContext
	t.DialTLSContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		host, _, _ := net.SplitHostPort(addr)
		conn, err := (&tls.Dialer{NetDialer: dialer, Config: &tls.Config{
			ServerName: host, MinVersion: tls.VersionTLS12,
			InsecureSkipVerify: true, // checked here instead
			VerifyConnection:   func(s tls.ConnectionState) error { return checkNode(s.PeerCertificates, host, own) },
		}}).DialContext(ctx, network, addr)
		if err != nil {
			return nil, &net.OpError{Op: "dial", Net: network, Err: err} // nothing was asked yet
		}
		return conn, nil
	}
	t.MaxIdleConnsPerHost = 64
	return t
}

// checkNode accepts the chain of a node with this certificate, or one that is good for host.
func checkNode(chain []*x509.Certificate, host string, own *x509.Certificate) error {
	if own != nil && chain[0].Equal(own) {
		return nil
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{DNSName: host, Intermediates: between})
	return err
}
