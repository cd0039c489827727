package test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// layers lists the packages, lowest first. A package imports only from layers
// below its own, or from its own top folder. The longest listed prefix of an
// import path decides its layer.
var layers = [][]string{
	{"privacy/notice", "privacy/reveal"},
	{"privacy", "storage"},
	{"ledger"},
	{"escrow", "health", "credit", "ml", "storage/vault", "storage/wraps"},
	{"ledger/contract", "ledger/embedded", "ledger/faulty", "ledger/ledgertest", "ml/ckks", "ml/pool", "ml/lungct", "ml/train", "ml/scorecard"},
	{"web"},
	{"cmd", "test"},
}

// doors says which package alone may import an outside library (test code
// aside): its one door.
var doors = map[string][]string{
	"filippo.io/age":                    {"privacy/seal"},
	"github.com/tuneinsight/lattigo":    {"privacy/ckks"},
	"github.com/consensys/gnark":        {"credit/scoreproof"},
	"github.com/suyashkumar/dicom":      {"health/dicom"},
	"github.com/jpfielding/jpegs":       {"health/dicom"},
	"github.com/ipfs/":                  {"storage/ipfs"},
	"go.etcd.io/bbolt":                  {"ledger/embedded"},
	"github.com/hyperledger":            {"ledger/fabric"},
	"github.com/gin-gonic/gin":          {"web"},
	"gorm.io/":                          {"web/index"},
	"github.com/nats-io/":               {"ml/pool"},
	"github.com/spf13/cobra":            {"cmd/manx"},
	"github.com/klauspost/reedsolomon":  {"storage/vault"},
	"github.com/tyler-smith/go-bip39":   {"privacy/keyring"},
	"google.golang.org/protobuf":        {"ml/onnx"},
	"golang.org/x/mod/sumdb":            {"ledger/receipt"},
	"github.com/hyperledger/fabric-sdk": {"ledger/fabric"},
}

// revealers may read clear personal data.
var revealers = []string{"privacy", "health", "credit", "ml/ckks", "web/owner", "cmd/manx", "cmd/demo"}

// apart are siblings that never meet, neither directly nor through others:
// invariant 5's wall in code.
var apart = [][2]string{{"health", "credit"}, {"web/owner/patient", "web/owner/score"}, {"web/owner/patient", "credit"}, {"web/owner/score", "health"}}

type pkg struct {
	ImportPath, Name, Doc string
	Imports               []string
	Deps                  []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Name,Imports,Deps,Doc", "./...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		p.ImportPath = strings.TrimPrefix(p.ImportPath, mod)
		all = append(all, p)
	}
}

const mod = "manx/"

func level(p string) int {
	best, n := -1, -1
	for i, l := range layers {
		for _, name := range l {
			if under(p, name) && len(name) > n {
				best, n = i, len(name)
			}
		}
	}
	return best
}

func under(p, folder string) bool { return p == folder || strings.HasPrefix(p, folder+"/") }

func TestImportsRunOneWay(t *testing.T) {
	for _, p := range packages(t) {
		from := p.ImportPath
		if level(from) < 0 {
			t.Errorf("%s stands in no layer: add it to test/arch_test.go, or move it", from)
		}
		top, _, _ := strings.Cut(from, "/")
		for _, imp := range p.Imports {
			to, ok := strings.CutPrefix(imp, mod)
			if !ok {
				continue
			}
			if level(from) <= level(to) && !under(to, top) {
				t.Errorf("%s (layer %d) imports %s (layer %d)", from, level(from), to, level(to))
			}
			if to == "privacy/reveal" && !slices.ContainsFunc(revealers, func(r string) bool { return under(from, r) }) {
				t.Errorf("%s opens privacy.Secrets: it is not on the list of those that may", from)
			}
		}
	}
}

func TestOutsideLibrariesHaveOneDoor(t *testing.T) {
	for _, p := range packages(t) {
		for _, imp := range p.Imports {
			for lib, allowed := range doors {
				if strings.HasPrefix(imp, lib) && !slices.ContainsFunc(allowed, func(a string) bool { return under(p.ImportPath, a) }) {
					t.Errorf("%s imports %s: only %v may", p.ImportPath, imp, allowed)
				}
			}
		}
	}
}

func TestInvariant5_HealthAndCreditCodeNeverMeet(t *testing.T) {
	for _, p := range packages(t) {
		for _, pair := range apart {
			for i := range pair {
				if !under(p.ImportPath, pair[i]) {
					continue
				}
				for _, dep := range p.Deps {
					if to, ok := strings.CutPrefix(dep, mod); ok && under(to, pair[1-i]) {
						t.Errorf("%s depends on %s", p.ImportPath, to)
					}
				}
			}
		}
	}
}

func TestPackagesAreNamedAndDescribed(t *testing.T) {
	vague := []string{"util", "utils", "common", "helpers", "types", "models", "mocks", "shared", "base", "core", "misc"}
	for _, p := range packages(t) {
		if p.Doc == "" && p.ImportPath != "test" {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
		for _, part := range strings.Split(p.ImportPath, "/") {
			if slices.Contains(vague, part) {
				t.Errorf("%s: name it for what it holds", p.ImportPath)
			}
		}
	}
}
