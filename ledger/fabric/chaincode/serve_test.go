package chaincode

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	pb "github.com/hyperledger/fabric-protos-go/peer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"manx/ledger/contract"
	"manx/ledger/ledgertest"
	"manx/privacy/notice"
)

// certified writes a certificate that is its own authority, and its key.
func certified(t *testing.T, dir, name string, ends time.Time) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: ends.Add(-48 * time.Hour), NotAfter: ends,
		IsCA: true, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func server(t *testing.T) (s Server, dir string) {
	t.Helper()
	dir = t.TempDir()
	s = Server{ID: "manx:1", Listen: "127.0.0.1:0"}
	s.Cert, s.Key = certified(t, dir, "contract", time.Now().Add(time.Hour))
	s.ClientCA, _ = certified(t, dir, "peer", time.Now().Add(time.Hour))
	return s, dir
}

// A peer that shows its certificate is answered with the package's id; one that
// shows none, or another's, is not. The end of the context ends the server.
func TestServe(t *testing.T) {
	s, dir := server(t)
	g, _ := ledgertest.NewGenesis(3, rand.Reader)
	ctx, stop := context.WithCancel(t.Context())
	at, done := make(chan net.Addr, 1), make(chan error, 1)
	go func() { done <- s.Serve(ctx, New(contract.New(g), nil), func(a net.Addr) { at <- a }) }()
	addr := (<-at).String()
	ca, err := os.ReadFile(s.Cert)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	certified(t, dir, "stranger", time.Now().Add(time.Hour))
	for _, c := range []struct {
		shows string
		right bool
	}{{"peer", true}, {"stranger", false}, {"", false}} {
		conf := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
		if c.shows != "" {
			pair, err := tls.LoadX509KeyPair(filepath.Join(dir, c.shows+".pem"), filepath.Join(dir, c.shows+".key"))
			if err != nil {
				t.Fatal(err)
			}
			conf.Certificates = []tls.Certificate{pair}
		}
		conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(credentials.NewTLS(conf)))
		if err != nil {
			t.Fatal(err)
		}
		stream, err := pb.NewChaincodeClient(conn).Connect(t.Context())
		var m *pb.ChaincodeMessage
		if err == nil {
			m, err = stream.Recv()
		}
		if right := err == nil && m.Type == pb.ChaincodeMessage_REGISTER; right != c.right {
			t.Errorf("a peer that shows %q: %v, %v", c.shows, m, err)
		}
		if c.right {
			defer func() { _ = conn.Close() }() // stays connected while the server stops
		} else if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
	stop()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("a clean stop: %v", err)
		}
	case <-time.After(drain):
		t.Error("it did not stop")
	}
}

func TestServeRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, s *Server, dir string)
		kind  notice.Kind
		says  string
	}{
		"no id":          {func(_ *testing.T, s *Server, _ string) { s.ID = "" }, notice.Invalid, "package id"},
		"no certificate": {func(_ *testing.T, s *Server, _ string) { s.Cert += "x" }, notice.Invalid, "certificate and key"},
		"another's key":  {func(_ *testing.T, s *Server, dir string) { s.Key = filepath.Join(dir, "peer.key") }, notice.Invalid, "certificate and key"},
		"no authority":   {func(_ *testing.T, s *Server, _ string) { s.ClientCA = s.Key }, notice.Invalid, "authority"},
		"expired": {func(t *testing.T, s *Server, dir string) {
			s.Cert, s.Key = certified(t, dir, "old", time.Now().Add(-time.Hour))
		}, notice.Expired, "expired"},
		"taken port": {func(t *testing.T, s *Server, _ string) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = l.Close() })
			s.Listen = l.Addr().String()
		}, notice.Unavailable, "listen"},
	} {
		t.Run(name, func(t *testing.T) {
			s, dir := server(t)
			c.spoil(t, &s, dir)
			err := s.Serve(t.Context(), nil, nil)
			n, ok := errors.AsType[*notice.Error](err)
			if !ok || n.Kind != c.kind || !strings.Contains(n.Text, c.says) || n.Hint == "" {
				t.Errorf("%v", err)
			}
		})
	}
}
