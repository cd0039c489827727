package msp

import (
	"crypto/ecdsa"
	"crypto/x509"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"manx/privacy/notice"
)

// certificates returns every certificate under dir, by path.
func certificates(t *testing.T, dir string) map[string]*x509.Certificate {
	found := map[string]*x509.Certificate{}
	err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(file) != ".pem" || d.Name() == keyFile {
			return err
		}
		found[file], err = ReadCertificate(file)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func pool(t *testing.T, dir, ca string) *x509.CertPool {
	c, err := ReadCertificate(filepath.Join(dir, ca, certFile))
	if err != nil {
		t.Fatal(err)
	}
	p := x509.NewCertPool()
	p.AddCert(c)
	return p
}

func TestEverySignatureIsLowAndEveryChainHolds(t *testing.T) {
	for range 8 { // half of all signatures would be high
		dir := t.TempDir()
		if err := Create(dir, "health"); err != nil {
			t.Fatal(err)
		}
		for file, c := range certificates(t, dir) {
			if !LowS(c) {
				t.Errorf("%s: high S", file)
			}
			roots, usage := pool(t, dir, "ca"), x509.ExtKeyUsageAny
			if strings.Contains(file, "tls") {
				roots, usage = pool(t, dir, "tlsca"), x509.ExtKeyUsageServerAuth
				if !c.IsCA && (c.VerifyHostname("127.0.0.1") != nil || c.VerifyHostname("localhost") != nil) {
					t.Errorf("%s is not for this machine", file)
				}
			}
			if _, err := c.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{usage}}); err != nil {
				t.Errorf("%s: %v", file, err)
			}
			if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v, %v", file, info.Mode(), err)
			}
		}
	}
}

func TestAuthoritiesAreApart(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	if err := Create(a, "health"); err != nil {
		t.Fatal(err)
	}
	if err := Create(b, "credit"); err != nil {
		t.Fatal(err)
	}
	for file, c := range certificates(t, a) {
		for _, roots := range []*x509.CertPool{pool(t, b, "ca"), pool(t, b, "tlsca")} {
			if _, err := c.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err == nil {
				t.Errorf("%s of health passes for one of credit", file)
			}
		}
	}
}

func TestRolesFollowTheUnit(t *testing.T) {
	dir := t.TempDir()
	if err := Create(dir, "credit"); err != nil {
		t.Fatal(err)
	}
	for member, unit := range map[string]string{"peer": "peer", "orderer": "orderer", "admin": "admin", Client: "client"} {
		c, err := ReadCertificate(filepath.Join(dir, member, "msp", "signcerts", certFile))
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Subject.OrganizationalUnit; len(got) != 1 || got[0] != unit || c.Subject.Organization[0] != "credit" {
			t.Errorf("%s: %v", member, c.Subject)
		}
	}
}

func TestCertificatesAreRenewedInTime(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	if err := create(dir, "health", now); err != nil {
		t.Fatal(err)
	}
	before := certificates(t, dir)
	if renewed, err := keep(dir, now, now); err != nil || len(renewed) != 0 {
		t.Errorf("new ones: renewed %v, %v", renewed, err)
	}
	later, until := now.Add(LeafLife-24*time.Hour), now.Add(LeafLife+24*time.Hour)
	renewed, err := keep(dir, later, until)
	if err != nil || len(renewed) != 7 {
		t.Fatalf("%d of 7 renewed, %v", len(renewed), err)
	}
	for _, file := range renewed {
		c, err := ReadCertificate(file)
		if err != nil {
			t.Fatal(err)
		}
		old := before[file]
		if !c.NotAfter.After(old.NotAfter) || c.Subject.String() != old.Subject.String() || len(c.IPAddresses) != len(old.IPAddresses) || !LowS(c) {
			t.Errorf("%s: %v until %v", file, c.Subject, c.NotAfter)
		}
		if !old.PublicKey.(*ecdsa.PublicKey).Equal(c.PublicKey) {
			t.Errorf("%s has another key", file)
		}
	}
	if renewed, err := keep(dir, later, until); err != nil || len(renewed) != 0 {
		t.Errorf("once more: renewed %v, %v", renewed, err)
	}
	if _, err := keep(dir, now.Add(RootLife), until); !notice.Is(err, notice.Expired) {
		t.Errorf("after the authority's end: %v", err)
	}
}

// An operator may keep an authority's key elsewhere.
func TestExpiredWithoutItsAuthority(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	if err := create(dir, "health", now); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "tlsca", keyFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := keep(dir, now.Add(LeafLife-time.Hour), now.Add(LeafLife)); err != nil {
		t.Errorf("while it is valid: %v", err)
	}
	_, err := keep(dir, now.Add(LeafLife), now.Add(LeafLife))
	if n := notice.From(err); n.Kind != notice.Expired || !strings.Contains(n.Text, "tls") || !strings.Contains(n.Hint, "tlsca") {
		t.Errorf("%v", err)
	}
}
