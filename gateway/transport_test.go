package gateway_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"switchboard/gateway"
)

// A certificate made for the balancer's name, as people make them for a try, does for nodes
// that all have it, and for nobody else.
func TestNodesShareACertificate(t *testing.T) {
	shown, another := selfSigned(t), selfSigned(t)
	node := httptest.NewUnstartedServer(http.NotFoundHandler())
	node.TLS = &tls.Config{Certificates: []tls.Certificate{shown}}
	node.StartTLS()
	defer node.Close()
	for name, row := range map[string]struct {
		own  *x509.Certificate
		fine bool
	}{
		"the same": {shown.Leaf, true}, "another": {another.Leaf, false}, "none": {nil, false},
	} {
		transport := gateway.NodeTransport(row.own)
		res, err := (&http.Client{Transport: transport}).Get(node.URL)
		if (err == nil) != row.fine {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			res.Body.Close()
		}
		transport.CloseIdleConnections()
	}
}

// selfSigned is a certificate for a name that the test's servers are not reached by.
func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"voice.example"}, NotAfter: time.Now().Add(time.Hour)}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key, Leaf: leaf}
}
