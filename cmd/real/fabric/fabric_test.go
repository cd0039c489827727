package fabric

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"manx/cmd/real/fabric/msp"
	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/privacy/notice"
)

func options(t *testing.T) Options {
	g, _ := ledgertest.NewGenesis(3, rand.Reader)
	o := Options{Dir: t.TempDir(), Genesis: g, Contract: filepath.Join(t.TempDir(), "manx-contract")}
	if err := os.WriteFile(o.Contract, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := o.complete(); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestOptionsThatCannotBe(t *testing.T) {
	for name, spoil := range map[string]func(*Options){
		"no contract":        func(o *Options) { o.Contract += "x" },
		"no genesis":         func(o *Options) { o.Genesis = ledger.Genesis{} },
		"a path for YAML":    func(o *Options) { o.Dir += "/a: {b" },
		"a path of commas":   func(o *Options) { o.Dir += "/a,b" },
		"a negative time":    func(o *Options) { o.BatchTimeout = -1 },
		"a batch of nothing": func(o *Options) { o.BatchCount = -1 },
	} {
		o := options(t)
		spoil(&o)
		if _, err := Up(t.Context(), o); !notice.Is(err, notice.Invalid) || notice.From(err).Hint == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The id is known before any peer installs the package, and depends on the
// network alone.
func TestPackage(t *testing.T) {
	a, id, err := pack("0123456789abcdef0123456789abcdef")
	if err != nil {
		t.Fatal(err)
	}
	if want := "manx_1:2f828d11daec51ffc3b5e9df6efc63d7d00a256e5092cea7c70b29820514ab69"; id != want {
		t.Errorf("id %s, want %s", id, want)
	}
	if again, _, _ := pack("0123456789abcdef0123456789abcdef"); string(again) != string(a) {
		t.Error("packed twice, the bytes differ")
	}
	if _, other, _ := pack("1123456789abcdef0123456789abcdef"); other == id {
		t.Error("two networks share a package")
	}
}

// What a peer does with the package, by the builder's scripts and a plain shell.
func TestBuilder(t *testing.T) {
	s := site{dir: t.TempDir(), Package: "manx_1:00", Ports: map[string]ports{}}
	for _, name := range organisations {
		if err := msp.Create(s.organisation(name), name); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.configure(); err != nil {
		t.Fatal(err)
	}
	work := t.TempDir()
	write := func(file, text string) {
		if err := replace(filepath.Join(work, file), []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	script := func(name string, args ...string) error {
		cmd := exec.CommandContext(t.Context(), s.path("builder", "bin", name), args...)
		cmd.Dir, cmd.Env = work, []string{"PATH=" + os.Getenv("PATH"), "MANX_CONNECTION=" + filepath.Join(s.config(Health), "contract.json")}
		return cmd.Run()
	}
	write("metadata/metadata.json", `{"path":"","type":"golang","label":"x"}`)
	if script("detect", "source", "metadata") == nil {
		t.Error("the builder takes a package of another type")
	}
	write("metadata/metadata.json", `{"path":"","type":"manx","label":"x"}`)
	write("source/network.json", "{}")
	write("output/keep", "")
	if err := errors.Join(script("detect", "source", "metadata"), script("build", "source", "metadata", "output"), script("release", "output", "released")); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(work, "released/chaincode/server/connection.json"))
	if err != nil || !strings.Contains(string(got), `"client_auth_required":true`) {
		t.Errorf("%s, %v", got, err)
	}
}

func TestFolderOfAnother(t *testing.T) {
	o := options(t)
	s := site{dir: o.Dir}
	if err := os.MkdirAll(s.data(Health), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := settle(t.Context(), o, "none"); !notice.Is(err, notice.Integrity) {
		t.Errorf("a ledger without its network.json: %v", err)
	}
	for _, text := range []string{"", "{}", "[]", `{"ports":{"health":{}}}`, `{"ports":7}`} {
		if err := os.WriteFile(s.path("network.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(o.Dir); !notice.Is(err, notice.Integrity) {
			t.Errorf("network.json is %q: %v", text, err)
		}
	}
	if _, err := Open(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing there: %v", err)
	}
}

func TestExpiredCertificateIsNamed(t *testing.T) {
	o := options(t)
	s := site{dir: o.Dir, Network: o.Genesis.ID(), Ports: map[string]ports{}}
	for _, name := range organisations {
		s.Ports[name] = ports{}
		if err := msp.Create(s.organisation(name), name); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.save(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(s.organisation(Credit), "peer", "tls", "cert.pem")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	old := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(-time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, old, old, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if err := replace(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(s.organisation(Credit), "tlsca", "key.pem")); err != nil {
		t.Fatal(err)
	}
	_, err = settle(t.Context(), o, "none")
	if n := notice.From(err); n.Kind != notice.Expired || !strings.Contains(n.Text, file) || n.Hint == "" {
		t.Errorf("%v", err)
	}
}

func TestPortsAreFreeAndLow(t *testing.T) {
	got, err := freePorts(15)
	if err != nil || len(got) != 15 {
		t.Fatal(got, err)
	}
	for _, p := range got {
		if p < 20000 || p >= 32000 {
			t.Errorf("port %d", p)
		}
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	port := l.Addr().(*net.TCPAddr).Port
	if isFree(port) {
		t.Error("a port that somebody listens on is free")
	}
	if err := move(t.Context(), &port); err != nil || !isFree(port) {
		t.Errorf("moved to %d: %v", port, err)
	}
}

func TestOneSetUpAtATime(t *testing.T) {
	dir := t.TempDir()
	unlock, err := lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock(dir); !notice.Is(err, notice.Conflict) {
		t.Errorf("%v", err)
	}
	unlock()
	if unlock, err = lock(dir); err != nil {
		t.Fatal(err)
	}
	unlock()
}
