package msp

import (
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"manx/privacy/notice"
)

const (
	certFile = "cert.pem"
	keyFile  = "key.pem"
)

// Client is the user that the adapter of an organisation works as.
const Client = "manx"

// A member is a part of an organisation and what it is given.
type member struct {
	name, unit string // no unit: TLS alone
	tls        bool
}

func members() []member {
	return []member{
		{name: "peer", unit: "peer", tls: true},
		{name: "orderer", unit: "orderer", tls: true},
		{name: "admin", unit: "admin"},
		{name: Client, unit: "client"},
		{name: "contract", tls: true},
	}
}

// config makes the unit in a certificate decide the role (NodeOUs).
const config = `NodeOUs:
  Enable: true
  ClientOUIdentifier: {Certificate: cacerts/ca.pem, OrganizationalUnitIdentifier: client}
  PeerOUIdentifier: {Certificate: cacerts/ca.pem, OrganizationalUnitIdentifier: peer}
  AdminOUIdentifier: {Certificate: cacerts/ca.pem, OrganizationalUnitIdentifier: admin}
  OrdererOUIdentifier: {Certificate: cacerts/ca.pem, OrganizationalUnitIdentifier: orderer}
`

// Create makes an organisation in dir, which it makes:
//
//	ca, tlsca                cert.pem and key.pem of the two authorities
//	msp                      what others know the organisation by
//	MEMBER/msp               identity of peer, orderer, admin and client
//	MEMBER/tls               cert.pem, key.pem, ca.pem of peer, orderer and contract
func Create(dir, organisation string) error {
	if err := create(dir, organisation, time.Now()); err != nil {
		return fmt.Errorf("certificates of %s: %w", organisation, err)
	}
	return nil
}

func create(dir, organisation string, now time.Time) error {
	ca, err := root(organisation, "ca", now)
	if err != nil {
		return err
	}
	tlsca, err := root(organisation, "tlsca", now)
	if err != nil {
		return err
	}
	if err := errors.Join(ca.save(filepath.Join(dir, "ca")), tlsca.save(filepath.Join(dir, "tlsca")), folder(filepath.Join(dir, "msp"), ca, tlsca)); err != nil {
		return err
	}
	for _, m := range members() {
		at := filepath.Join(dir, m.name)
		if m.unit != "" {
			cert, key, err := ca.issue(leaf{name: m.name, organisation: organisation, unit: m.unit}, now)
			if err != nil {
				return err
			}
			if err := errors.Join(folder(filepath.Join(at, "msp"), ca, tlsca), identity(filepath.Join(at, "msp"), cert, key)); err != nil {
				return err
			}
		}
		if m.tls {
			cert, key, err := tlsca.issue(leaf{name: m.name, organisation: organisation}, now)
			if err != nil {
				return err
			}
			if err := errors.Join(writeCert(filepath.Join(at, "tls", certFile), cert), writeKey(filepath.Join(at, "tls", keyFile), key),
				writeCert(filepath.Join(at, "tls", "ca.pem"), tlsca.cert)); err != nil {
				return err
			}
		}
	}
	return nil
}

// folder writes the part of a membership folder that is the same for all.
func folder(dir string, ca, tlsca *authority) error {
	if err := errors.Join(writeCert(filepath.Join(dir, "cacerts", "ca.pem"), ca.cert), writeCert(filepath.Join(dir, "tlscacerts", "tlsca.pem"), tlsca.cert)); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "config.yaml"), []byte(config), 0o600)
}

func identity(dir string, cert *x509.Certificate, key *ecdsa.PrivateKey) error {
	return errors.Join(writeCert(filepath.Join(dir, "signcerts", certFile), cert), writeKey(filepath.Join(dir, "keystore", "priv_sk"), key))
}

// Keep checks every certificate of the organisation in dir and renews those that
// end before a time, for the same key, so that a channel that names them is
// content. It returns the files that it renewed, which programs read when they start. One that has ended and cannot be renewed, because
// its authority's key is kept elsewhere or the authority itself has ended, is a
// notice of kind Expired.
func Keep(dir string, until time.Time) ([]string, error) { return keep(dir, time.Now(), until) }

func keep(dir string, now, until time.Time) ([]string, error) {
	var renewed []string
	for _, ca := range []string{"ca", "tlsca"} {
		cert, err := ReadCertificate(filepath.Join(dir, ca, certFile))
		if err != nil {
			return renewed, err
		}
		if !now.Before(cert.NotAfter) {
			return renewed, notice.New(notice.Expired, "the certificate authority in "+filepath.Join(dir, ca)+" ended on "+cert.NotAfter.Format(time.DateOnly),
				"a channel keeps its authorities: set up a new network, or replace the authority with a channel update")
		}
	}
	for _, m := range members() {
		files := map[string]string{}
		if m.unit != "" {
			files[filepath.Join(dir, m.name, "msp", "signcerts", certFile)] = "ca"
		}
		if m.tls {
			files[filepath.Join(dir, m.name, "tls", certFile)] = "tlsca"
		}
		for file, ca := range files {
			again, err := renew(file, filepath.Join(dir, ca), now, until)
			if err != nil {
				return renewed, err
			}
			if again {
				renewed = append(renewed, file)
			}
		}
	}
	return renewed, nil
}

func renew(file, ca string, now, until time.Time) (bool, error) {
	cert, err := ReadCertificate(file)
	if err != nil || until.Before(cert.NotAfter) {
		return false, err
	}
	a, err := open(ca)
	if errors.Is(err, fs.ErrNotExist) && now.Before(cert.NotAfter) {
		return false, nil // it serves yet
	}
	if err != nil {
		return false, notice.Because(err, notice.Expired, "the certificate "+file+" ended on "+cert.NotAfter.Format(time.DateOnly),
			"put its authority's key into "+filepath.Join(ca, keyFile)+" and start again: it is renewed then")
	}
	if !cert.NotAfter.Before(a.cert.NotAfter) {
		return false, nil // it ends with its authority; there is nothing longer to give
	}
	again, err := a.sign(&x509.Certificate{
		Subject: cert.Subject, KeyUsage: cert.KeyUsage, ExtKeyUsage: cert.ExtKeyUsage, DNSNames: cert.DNSNames, IPAddresses: cert.IPAddresses,
	}, cert.PublicKey, now)
	if err != nil {
		return false, fmt.Errorf("renew a certificate: %w", err)
	}
	return true, writeCert(file, again)
}
