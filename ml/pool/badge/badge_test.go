package badge

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"testing"
	"time"

	"manx/ledger"
	"manx/ledger/ledgertest"
)

func TestAnOrganisationIsOneAuthority(t *testing.T) {
	k := ledgertest.NewKey(ledger.Common, rand.Reader)
	o := ledger.Organisation{ID: k.Party(), Key: k.Public()}
	a, err := Of(o, k)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Of(o, k)
	if err != nil || !bytes.Equal(a.Certificate(), b.Certificate()) {
		t.Errorf("two processes of one organisation are two authorities: %v", err)
	}
	if got := fmt.Sprintf("%v %+v %#v %s", a, a, a, struct{ A Authority }{a}); bytes.ContainsAny([]byte(got), "0123456789") {
		t.Errorf("an authority prints %s", got)
	}
	if _, err := Of(o, ledgertest.NewKey(ledger.Common, rand.Reader)); err == nil {
		t.Error("who signs with another key is an organisation")
	}
}

func TestRead(t *testing.T) {
	make := func(ca bool) (cert, key []byte) {
		pub, secret, err := ed25519.GenerateKey(rand.Reader)
		check(t, err)
		k := ledgertest.NewKey(ledger.Common, bytes.NewReader(secret.Seed()))
		a, err := Of(ledger.Organisation{ID: k.Party(), Key: k.Public()}, k)
		check(t, err)
		der, err := x509.MarshalPKCS8PrivateKey(secret)
		check(t, err)
		cert = a.Certificate()
		if !ca {
			leaf, err := a.Issue("x", pub, time.Now())
			check(t, err)
			cert = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf})
		}
		return cert, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	}
	cert, key := make(true)
	other, _ := make(true)
	leaf, leafKey := make(false)
	for what, c := range map[string]struct {
		text []byte
		good bool
	}{
		"both":                {append(bytes.Clone(cert), key...), true},
		"the other way round": {append(bytes.Clone(key), cert...), true},
		"nothing":             {nil, false},
		"a certificate":       {cert, false},
		"a key":               {key, false},
		"another's key":       {append(bytes.Clone(other), key...), false},
		"no authority":        {append(bytes.Clone(leaf), leafKey...), false},
		"no key":              {append(bytes.Clone(cert), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")})...), false},
	} {
		if _, err := Read(c.text); (err == nil) != c.good {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestBadges(t *testing.T) {
	org, worker, other := ledgertest.NewKey(ledger.Common, rand.Reader), ledgertest.NewKey(ledger.Common, rand.Reader), ledgertest.NewKey(ledger.Common, rand.Reader)
	a, err := Of(ledger.Organisation{ID: org.Party(), Key: org.Public()}, org)
	check(t, err)
	now := time.Now()
	der, err := a.Issue(string(worker.Party()), worker.Public(), now)
	check(t, err)
	if _, err := With(der, other); err == nil {
		t.Error("another shows a worker's badge")
	}
	if _, err := With([]byte("x"), worker); err == nil {
		t.Error("anything is a badge")
	}
	if Stale(der, now) || !Stale(der, now.Add(Life*2/3)) || !Stale([]byte("x"), now) {
		t.Error("a badge is stale when half its life is over")
	}
	for _, c := range []struct {
		name string
		key  ed25519.PublicKey
	}{{"", worker.Public()}, {string(make([]byte, 65)), worker.Public()}, {"x", nil}} {
		if _, err := a.Issue(c.name, c.key, now); err == nil {
			t.Errorf("a badge for a name of %d bytes and a key of %d", len(c.name), len(c.key))
		}
	}
	if _, _, _, err := Holder(nil); err == nil {
		t.Error("nobody holds a badge")
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
