// Package msp makes the certificates and the membership folders (MSP) of the
// organisations of a Fabric network: an authority for identities and one for TLS
// each, on P-256. Every signature has a low S, since Fabric's clients refuse to
// load an authority whose own signature has a high one. It knows no network and
// revokes nothing.
package msp

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"manx/privacy/notice"
)

// How long the certificates of authorities and of others are valid.
const (
	RootLife = 10 * 365 * 24 * time.Hour
	LeafLife = 2 * 365 * 24 * time.Hour

	early = time.Hour // clocks differ: valid since an hour ago
)

// lowS signs as the key does, with the smaller of the two values of S that
// verify.
type lowS struct{ key *ecdsa.PrivateKey }

func (s lowS) Public() crypto.PublicKey { return &s.key.PublicKey }

type signature struct{ R, S *big.Int }

func (s lowS) Sign(r io.Reader, digest []byte, o crypto.SignerOpts) ([]byte, error) {
	b, err := s.key.Sign(r, digest, o)
	if err != nil {
		return nil, err
	}
	var sig signature
	if _, err := asn1.Unmarshal(b, &sig); err != nil {
		return nil, err
	}
	n := s.key.Params().N
	if high(sig.S, n) {
		sig.S.Sub(n, sig.S)
	}
	return asn1.Marshal(sig)
}

func high(s, n *big.Int) bool { return s.Cmp(new(big.Int).Rsh(n, 1)) > 0 }

// LowS reports whether the signature on an ECDSA certificate has a low S under
// the curve P-256.
func LowS(c *x509.Certificate) bool {
	var sig signature
	rest, err := asn1.Unmarshal(c.Signature, &sig)
	return err == nil && len(rest) == 0 && !high(sig.S, elliptic.P256().Params().N)
}

// An authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// root makes an authority that signs itself.
func root(organisation, name string, now time.Time) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{
		Subject:   pkix.Name{CommonName: name + "." + organisation, Organization: []string{organisation}},
		NotBefore: now.Add(-early), NotAfter: now.Add(RootLife),
		IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, lowS{key})
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return &authority{cert: cert, key: key}, err
}

// A leaf is what a certificate says of who holds it.
type leaf struct {
	name, organisation string
	unit               string // role for Fabric: peer, orderer, admin, client; "" for TLS
}

func (l leaf) template() *x509.Certificate {
	t := &x509.Certificate{
		Subject:  pkix.Name{CommonName: l.name + "." + l.organisation, Organization: []string{l.organisation}},
		KeyUsage: x509.KeyUsageDigitalSignature,
	}
	if l.unit != "" {
		t.Subject.OrganizationalUnit = []string{l.unit}
		return t
	}
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	t.DNSNames, t.IPAddresses = []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)}
	return t
}

// sign issues a certificate like t for a key.
func (a *authority) sign(t *x509.Certificate, pub crypto.PublicKey, now time.Time) (*x509.Certificate, error) {
	t.NotBefore, t.NotAfter = now.Add(-early), now.Add(LeafLife)
	if t.NotAfter.After(a.cert.NotAfter) {
		t.NotAfter = a.cert.NotAfter
	}
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, pub, lowS{a.key})
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// issue makes a key and a certificate for it.
func (a *authority) issue(l leaf, now time.Time) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	cert, err := a.sign(l.template(), &key.PublicKey, now)
	return cert, key, err
}

func (a *authority) save(dir string) error {
	return errors.Join(writeCert(filepath.Join(dir, certFile), a.cert), writeKey(filepath.Join(dir, keyFile), a.key))
}

func open(dir string) (*authority, error) {
	cert, err := ReadCertificate(filepath.Join(dir, certFile))
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(filepath.Join(dir, keyFile))
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, errors.New("the authority's key is not PEM")
	}
	k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, ok := k.(*ecdsa.PrivateKey)
	if !ok || !key.PublicKey.Equal(cert.PublicKey) {
		return nil, errors.New("the authority's key is not that of its certificate")
	}
	return &authority{cert: cert, key: key}, nil
}

func writeCert(file string, c *x509.Certificate) error {
	return writePEM(file, "CERTIFICATE", c.Raw)
}

func writeKey(file string, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return writePEM(file, "PRIVATE KEY", der)
}

// writePEM replaces a file as a whole.
func writePEM(file, kind string, der []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(file+".new", pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// ReadCertificate reads the first certificate of a PEM file.
func ReadCertificate(file string) (*x509.Certificate, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	block, _ := pem.Decode(b)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, notice.New(notice.Invalid, "there is no certificate in "+file, "put the PEM file back from a copy")
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, notice.Because(err, notice.Invalid, "the certificate in "+file+" cannot be read", "put the PEM file back from a copy")
	}
	return c, nil
}
