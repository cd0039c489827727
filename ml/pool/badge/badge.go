// Package badge makes the certificates by which the queue of jobs and its workers know
// each other on mutual TLS (RFC 8446, RFC 5280, RFC 8410): the queue shows one that the
// exchange signed, and a worker one that is bound to its account's key, so that only who
// has that key can use it. Badges live an hour.
//
// It knows no queue and no ledger: whether a key is still a worker's is for who asks
// Holder to look up.
package badge

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"sync"
	"time"

	"manx/ledger"
)

// Life is how long a badge is good for. Who holds one asks for the next when Stale.
const Life = time.Hour

// skew is by how much clocks may differ.
const skew = 2 * time.Minute

// An Authority signs badges and the queue's own certificates. It never prints.
type Authority struct {
	cert *x509.Certificate
	key  func() crypto.Signer
}

// signs is a key of the ledger's as one that signs certificates and handshakes. What TLS
// and X.509 sign begins with 64 spaces or with a DER sequence, which no command does.
type signs struct {
	key ed25519.PublicKey
	by  ledger.Signer
}

func (s signs) Public() crypto.PublicKey { return s.key }

func (s signs) Sign(_ io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	if opts.HashFunc() != 0 {
		return nil, errors.New("badge: Ed25519 signs messages, not hashes")
	}
	return s.by.Sign(message), nil
}

// Of returns the authority that an organisation is: the same in every process.
func Of(o ledger.Organisation, by ledger.Signer) (Authority, error) {
	key := signs{o.Key, by}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: string(o.ID)}, IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		NotBefore: time.Unix(0, 0), NotAfter: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), // RFC 5280, 4.1.2.5: it ends with the network
		KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, o.Key, key)
	if err != nil {
		return Authority{}, fmt.Errorf("badge: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	return Authority{cert, func() crypto.Signer { return key }}, err
}

// Read reads an authority's certificate and private key (PKCS 8), both in PEM, in either
// order: the one that a NATS cluster's operator made for its workers.
func Read(text []byte) (a Authority, err error) {
	for len(text) > 0 {
		var b *pem.Block
		if b, text = pem.Decode(text); b == nil {
			break
		}
		switch b.Type {
		case "CERTIFICATE":
			if a.cert, err = x509.ParseCertificate(b.Bytes); err != nil {
				return a, fmt.Errorf("badge: certificate: %w", err)
			}
		case "PRIVATE KEY":
			k, err := x509.ParsePKCS8PrivateKey(b.Bytes)
			if err != nil {
				return a, errors.New("badge: the private key is not one in PKCS 8") // what it is stays unsaid
			}
			s, ok := k.(crypto.Signer)
			if !ok {
				return a, errors.New("badge: the private key does not sign")
			}
			a.key = func() crypto.Signer { return s }
		}
	}
	if a.cert == nil || a.key == nil {
		return a, errors.New("badge: a certificate and a private key are needed, in PEM")
	}
	mine, ok := a.key().Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !mine.Equal(a.cert.PublicKey) || !a.cert.IsCA {
		return a, errors.New("badge: the certificate is not an authority's, or not of that key")
	}
	return a, nil
}

// Format implements fmt.Formatter: it prints "[authority]".
func (Authority) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, "[authority]") }

// Certificate returns the authority's certificate in PEM.
func (a Authority) Certificate() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

// Issue returns the badge of who has a key, in DER. A worker's name is its party id.
func (a Authority) Issue(name string, key ed25519.PublicKey, now time.Time) ([]byte, error) {
	if name == "" || len(name) > 64 || len(key) != ed25519.PublicKeySize {
		return nil, errors.New("badge: a badge has a name of 1 to 64 bytes and an Ed25519 key")
	}
	return a.sign(&x509.Certificate{Subject: pkix.Name{CommonName: name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, key, now)
}

func (a Authority) sign(c *x509.Certificate, key ed25519.PublicKey, now time.Time) ([]byte, error) {
	serial := make([]byte, 16)
	_, _ = rand.Read(serial)
	serial[0] &= 0x7f // positive
	c.SerialNumber = new(big.Int).SetBytes(serial)
	c.NotBefore, c.NotAfter, c.KeyUsage = now.Add(-skew), now.Add(Life), x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, c, a.cert, key, a.key())
	if err != nil {
		return nil, fmt.Errorf("badge: %w", err)
	}
	return der, nil
}

// Own returns a badge with a key of its own, made anew: the node's towards a cluster.
func (a Authority) Own(name string) (tls.Certificate, error) {
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("badge: %w", err)
	}
	der, err := a.Issue(name, pub, time.Now())
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// Server returns what a queue on a loopback address of this machine serves with: it shows
// certificates of the authority and asks for badges of it.
func (a Authority) Server() *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	var mu sync.Mutex
	var last *tls.Certificate
	return &tls.Config{
		MinVersion: tls.VersionTLS13, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool, SessionTicketsDisabled: true,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			mu.Lock()
			defer mu.Unlock()
			if last != nil && !Stale(last.Certificate[0], time.Now()) {
				return last, nil
			}
			pub, key, err := ed25519.GenerateKey(rand.Reader)
			if err != nil {
				return nil, fmt.Errorf("badge: %w", err)
			}
			der, err := a.sign(&x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
				ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, pub, time.Now())
			if err != nil {
				return nil, err
			}
			last = &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
			return last, nil
		},
	}
}

// Client returns what dials a queue: it checks the queue's certificate by roots in PEM,
// or by the system's where there are none, and shows what mine gives at each handshake.
func Client(roots []byte, mine func() (tls.Certificate, error)) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS13, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		m, err := mine()
		return &m, err
	}}
	if len(roots) > 0 {
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(roots) {
			return nil, errors.New("badge: no certificate among the roots")
		}
	}
	return c, nil
}

// With returns a badge as who signs for its account shows it.
func With(der []byte, by ledger.Signer) (tls.Certificate, error) {
	name, key, _, err := read(der)
	if err == nil && name != string(by.Party()) {
		err = errors.New("badge: it is another's")
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: signs{key, by}}, err
}

// Stale reports whether less than half of a badge's life is left, or it cannot be read.
func Stale(der []byte, now time.Time) bool {
	_, _, until, err := read(der)
	return err != nil || now.Add(Life/2).After(until)
}

func read(der []byte) (name string, key ed25519.PublicKey, until time.Time, err error) {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return "", nil, until, fmt.Errorf("badge: %w", err)
	}
	key, ok := c.PublicKey.(ed25519.PublicKey)
	if !ok {
		return "", nil, until, errors.New("badge: its key is not Ed25519")
	}
	return c.Subject.CommonName, key, c.NotAfter, nil
}

// Holder returns who came through a handshake with Server: the name and key of the badge,
// which was verified there, and until when it is good.
func Holder(s *tls.ConnectionState) (name string, key ed25519.PublicKey, until time.Time, err error) {
	if s == nil || len(s.VerifiedChains) == 0 || len(s.PeerCertificates) == 0 {
		return "", nil, until, errors.New("badge: none was shown")
	}
	return read(s.PeerCertificates[0].Raw)
}
