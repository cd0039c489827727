package fabric

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"text/template"
	"time"

	mb "github.com/hyperledger/fabric-protos-go/msp"
	"github.com/hyperledger/fabric-sdk-go/pkg/fab/chconfig"

	"manx/privacy/notice"
)

// A site is a profile and what it names; nobody listens there.
type site struct {
	Dir                string
	Own, Client, Users string // organisations
	Peer               string // where our own peer listens
	Orderers           bool
	Lanes              bool // health and credit have peers
	key                *ecdsa.PrivateKey
}

const profileText = `
version: 1.0.0
client: {organization: exchange, tlsCerts: {systemCertPool: false}}
channels:
  manx:
    orderers: [{{if .Orderers}}orderer.exchange{{end}}]
    peers:
      peer.exchange: {}
organizations:
  exchange:
    mspid: exchange
    users: { {{.Client}}: {cert: {path: {{.Dir}}/user.pem}, key: {path: {{.Dir}}/user.key}} }
    peers: [{{.Own}}]
{{- if .Lanes}}
  health: {mspid: health, cryptoPath: {{.Dir}}, peers: [peer.health]}
  credit: {mspid: credit, cryptoPath: {{.Dir}}, peers: [peer.credit]}
{{- end}}
orderers:
  orderer.exchange: {url: "grpcs://127.0.0.1:1", tlsCACerts: {path: {{.Dir}}/tls.pem}}
peers:
  peer.exchange: {url: "grpcs://{{.Peer}}", tlsCACerts: {path: {{.Dir}}/tls.pem}}
  peer.health: {url: "grpcs://127.0.0.1:2", tlsCACerts: {path: {{.Dir}}/tls.pem}}
  peer.credit: {url: "grpcs://127.0.0.1:3", tlsCACerts: {path: {{.Dir}}/tls.pem}}
`

// issue writes a certificate that ends at a time.
func (s site) issue(t *testing.T, name string, ends time.Time) {
	t.Helper()
	c := s.root(t, ends, false)
	if err := os.WriteFile(filepath.Join(s.Dir, name), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// root makes a self-signed authority whose signature is in high-S form, or low.
func (s site) root(t *testing.T, ends time.Time, high bool) *x509.Certificate {
	t.Helper()
	for {
		template := &x509.Certificate{
			SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "ca", OrganizationalUnit: []string{"client"}},
			NotBefore: ends.Add(-time.Hour * 48), NotAfter: ends, IsCA: true, BasicConstraintsValid: true,
			KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature | x509.KeyUsageCRLSign, SubjectKeyId: []byte{1, 2, 3}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		}
		der, err := x509.CreateCertificate(rand.Reader, template, template, s.key.Public(), s.key)
		if err != nil {
			t.Fatal(err)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		var sig struct{ R, S *big.Int }
		if _, err := asn1.Unmarshal(c.Signature, &sig); err != nil {
			t.Fatal(err)
		}
		if half := new(big.Int).Rsh(elliptic.P256().Params().N, 1); sig.S.Cmp(half) > 0 == high {
			return c
		}
	}
}

func newSite(t *testing.T) site {
	t.Helper()
	s := site{Dir: t.TempDir(), Peer: "127.0.0.1:1", Own: "peer.exchange", Client: "manx", Orderers: true, Lanes: true}
	var err error
	if s.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(s.key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.Dir, "user.key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	s.issue(t, "user.pem", time.Now().Add(time.Hour))
	s.issue(t, "tls.pem", time.Now().Add(time.Hour))
	return s
}

func (s site) profile(t *testing.T) Config {
	t.Helper()
	var b bytes.Buffer
	if err := template.Must(template.New("").Parse(profileText)).Execute(&b, s); err != nil {
		t.Fatal(err)
	}
	c := Config{Profile: filepath.Join(s.Dir, "connection.yaml"), Organisation: "exchange", User: "manx", Channel: "manx"}
	if err := os.WriteFile(c.Profile, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

// Every profile that cannot work is refused with a notice that names what is
// wrong and what to do.
func TestWrongProfiles(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, s *site, c *Config)
		after func(t *testing.T, s site, c Config) // once the profile is written
		kind  notice.Kind
		says  string
	}{
		"no file":                    {after: func(t *testing.T, _ site, c Config) { remove(t, c.Profile) }, kind: notice.Invalid, says: "cannot be read"},
		"not YAML":                   {after: func(t *testing.T, _ site, c Config) { write(t, c.Profile, "{{{") }, kind: notice.Invalid, says: "not a YAML profile"},
		"not a profile":              {after: func(t *testing.T, _ site, c Config) { write(t, c.Profile, "a: [1, 2]") }, kind: notice.Invalid, says: "profile"},
		"no user":                    {spoil: func(_ *testing.T, s *site, _ *Config) { s.Client = "somebody" }, kind: notice.Invalid, says: "user manx of organisation exchange"},
		"no key":                     {after: func(t *testing.T, s site, _ Config) { remove(t, filepath.Join(s.Dir, "user.key")) }, kind: notice.Invalid, says: "profile"},
		"user's certificate is none": {after: func(t *testing.T, s site, _ Config) { write(t, filepath.Join(s.Dir, "user.pem"), "no") }, kind: notice.Invalid, says: "certificate of user manx"},
		"user's certificate has ended": {
			after: func(t *testing.T, s site, _ Config) { s.issue(t, "user.pem", time.Now().Add(-time.Hour)) },
			kind:  notice.Expired, says: "user manx of organisation exchange ended on",
		},
		"user's certificate has not begun": {
			after: func(t *testing.T, s site, _ Config) { s.issue(t, "user.pem", time.Now().Add(1000*time.Hour)) },
			kind:  notice.Invalid, says: "begins on",
		},
		"TLS authority has ended": {
			after: func(t *testing.T, s site, _ Config) { s.issue(t, "tls.pem", time.Now().Add(-time.Hour)) },
			kind:  notice.Expired, says: "TLS authority of organisation",
		},
		"no orderers":     {spoil: func(_ *testing.T, s *site, _ *Config) { s.Orderers = false }, kind: notice.Invalid, says: "names no orderers"},
		"no peer of ours": {spoil: func(_ *testing.T, s *site, _ *Config) { s.Own = "" }, kind: notice.Invalid, says: "the connection profile is wrong"},
		"no second":       {spoil: func(_ *testing.T, s *site, _ *Config) { s.Lanes = false }, kind: notice.Invalid, says: "no second organisation"},
		"no organisation": {spoil: func(_ *testing.T, _ *site, c *Config) { c.Organisation = "nobody" }, kind: notice.Invalid, says: "organisation nobody"},
		"nobody listens":  {kind: notice.Unavailable, says: "does not answer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			probe := Config{Organisation: "exchange"}
			if c.spoil != nil {
				c.spoil(t, &s, &probe)
			}
			cfg := s.profile(t)
			cfg.Organisation = probe.Organisation
			if c.after != nil {
				c.after(t, s, cfg)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
			defer cancel()
			l, err := New(ctx, cfg)
			if err == nil {
				t.Fatal(errors.Join(errors.New("it was taken"), l.Close()))
			}
			n, ok := errors.AsType[*notice.Error](err)
			if !ok || n.Kind != c.kind || !strings.Contains(n.Text, c.says) || n.Hint == "" {
				t.Errorf("%v; hint %q; want %v that says %q", err, notice.From(err).Hint, c.kind, c.says)
			}
		})
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A channelOf is a channel's configuration with one organisation.
type channelOf struct {
	*chconfig.ChannelCfg
	msps []*mb.MSPConfig
}

func (c channelOf) MSPs() []*mb.MSPConfig { return c.msps }

// The SDK cannot load a root whose signature is in high-S form, which half of
// those made elsewhere are, where the roles of its organisation name it: the
// notice says so.
func TestHighSRoot(t *testing.T) {
	s := newSite(t)
	n := newNetwork(s.profile(t).complete())
	profile, err := os.ReadFile(n.cfg.Profile)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.load(profile); err != nil {
		t.Fatal(err, errors.Unwrap(err))
	}
	defer func() {
		if err := n.close(); err != nil {
			t.Error(err)
		}
	}()
	for _, high := range []bool{false, true} {
		root := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.root(t, time.Now().Add(time.Hour), high).Raw})
		inner := encode(t, &mb.FabricMSPConfig{
			Name: "exchange", RootCerts: [][]byte{root},
			FabricNodeOus: &mb.FabricNodeOUs{Enable: true, AdminOuIdentifier: &mb.FabricOUIdentifier{OrganizationalUnitIdentifier: "admin", Certificate: root}},
			CryptoConfig:  &mb.FabricCryptoConfig{SignatureHashFamily: "SHA2", IdentityIdentifierHashFunction: "SHA256"},
		})
		_, err := trust(n.client, channelOf{chconfig.NewChannelCfg("manx"), []*mb.MSPConfig{{Config: inner}}})
		switch {
		case !high && err != nil:
			t.Errorf("a low-S root: %v (%v)", err, errors.Unwrap(err))
		case high && (!notice.Is(err, notice.Unsupported) || !strings.Contains(notice.From(err).Text, "low-S")):
			t.Errorf("a high-S root: %v (%v)", err, errors.Unwrap(err))
		}
	}
}
