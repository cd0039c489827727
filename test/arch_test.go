package test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
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
	{"privacy/notice", "privacy/reveal", "storage/durable", "deploy"},
	{"privacy", "storage"},
	{"ledger"},
	{"escrow", "health", "credit", "ml", "storage/vault", "storage/wraps"},
	{
		"ledger/contract", "ledger/embedded", "ledger/fabric", "ledger/faulty", "ledger/ledgertest",
		"ml/approximate", "ml/boost", "ml/bundle", "ml/ckks", "ml/clear", "ml/consumerrisk", "ml/consumertrees", "ml/federated", "ml/heart", "ml/logistic", "ml/lungct", "ml/lungsurvival", "ml/membership", "ml/mpc", "ml/onnx", "ml/pneumonia", "ml/pool",
		"ml/saliency", "ml/samples", "ml/scorecard", "ml/sharedscore", "ml/train", "ml/tree", "ml/validation", "ml/workbench",
	},
	{"web"},
	{"cmd", "test"},
}

// doors says which packages may import an outside library: one, where it is an
// adapter's; nil is any. A library that no entry covers is refused until it has
// a door.
var doors = map[string][]string{
	"filippo.io/age":                        {"privacy/seal"},
	"github.com/consensys/gnark":            {"credit/scoreproof"},
	"github.com/consensys/gnark-crypto":     {"credit/scoreproof"},
	"github.com/ebitengine/purego":          {"privacy/ckks/gpu/cuda"},
	"github.com/gin-gonic/gin":              {"web"},
	"github.com/hyperledger":                {"ledger/fabric"},
	"github.com/ipfs":                       {"storage/ipfs"},
	"github.com/klauspost/reedsolomon":      {"storage/vault"},
	"github.com/nats-io":                    {"ml/pool"},
	"github.com/spf13/cobra":                {"cmd/manx"},
	"github.com/suyashkumar/dicom":          {"health/dicom"},
	"github.com/tuneinsight/lattigo":        {"privacy/ckks"},
	"go.etcd.io/bbolt":                      {"ledger/embedded"},
	"golang.org/x/crypto":                   {"privacy/seal"},
	"golang.org/x/mod/sumdb":                {"ledger/receipt"},
	"golang.org/x/sys":                      {"ml/train", "privacy/ckks/rns", "privacy/internal/curve", "privacy/internal/kernel", "privacy/mpc/ring"},
	"golang.org/x/term":                     {"cmd/manx"},
	"golang.org/x/text":                     {"health/dicom"},
	"google.golang.org/grpc":                {"ledger/fabric"},
	"google.golang.org/protobuf":            {"ledger/fabric", "ml/onnx"},
	"github.com/jackc/pgx":                  {"web/index"},
	"github.com/pressly/goose":              {"web/index"},
	"gorm.io":                               {"web/index"},
	"modernc.org/sqlite":                    {"web/index"},
	"github.com/coreos/go-oidc":             {"web/oidc"},
	"github.com/santhosh-tekuri/jsonschema": {"test/apicheck"},
	"go.yaml.in/yaml":                       {"web/api/generate"},
	"golang.org/x/oauth2":                   {"web/oidc"},

	// No adapters: a wait group that returns errors, and linear algebra.
	"golang.org/x/sync/errgroup":  nil,
	"golang.org/x/sync/semaphore": {"ledger/fabric"},
	"gonum.org/v1/gonum":          {"credit/scorecard", "ml/train"},
}

// revealers may read clear personal data: who owns it or works on the owner's
// device, and what they call. cmd/node opens the keyrings of the organisations
// it runs; storage/vault the keys in a manifest; test/encrypted compares results.
var revealers = []string{
	"privacy", "storage/vault", "health", "credit", "ml/ckks", "web/owner", "cmd/demo", "cmd/manx", "cmd/manx-wasm", "cmd/node",
	"test/encrypted",
}

// adapters are chosen in cmd alone: nothing else imports them.
var adapters = []string{"storage/disk", "storage/ipfs", "storage/memory", "ledger/embedded", "ledger/fabric"}

// sides are Invariant 5's wall in code: nothing on one side reaches the other,
// neither directly nor through others.
var sides = [2][]string{
	{"health", "ml/heart", "ml/lungct", "ml/lungsurvival", "ml/pneumonia", "web/owner/gateway", "web/owner/patient", "web/owner/training"},
	{"credit", "ml/consumerrisk", "ml/consumertrees", "ml/scorecard", "ml/sharedscore", "web/owner/score"},
}

// never lists what else a package must not reach: four edges that no layer draws.
var never = []struct{ from, to, why string }{
	{"web/owner", "github.com/gin-gonic/gin", "the owner's side runs in a browser and on the command line"},
	{"ledger/contract", "net/http", "the contract does no I/O"},
	{"ml/pool/engine", "privacy/keyring", "a worker holds no key of an owner"},
	{"cmd/manx", "github.com/ebitengine/purego", "manx is a static binary; cmd/manx-gpu loads the driver"},
}

// rooms are the packages of web/owner/training, lowest first: each imports from those
// before it alone.
var rooms = []string{
	"web/owner/training/local", "web/owner/training/house", "web/owner/training/evaluation", "web/owner/training/recipe", "web/owner/training/stream", "web/owner/training/masked",
	"web/owner/training/measured", "web/owner/training/shares", "web/owner/training/policy", "web/owner/training/cover", "web/owner/training/site", "web/owner/training/coordinator",
	"web/owner/training/release", "web/owner/training",
}

const mod = "manx/"

// A pkg is one package of the tree, as go list tells it, without its tests.
type pkg struct {
	ImportPath, Doc string
	Imports, Deps   []string // the tree's own without "manx/"
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Doc,Imports,Deps", "./...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		p.ImportPath = strings.TrimPrefix(p.ImportPath, mod)
		for _, names := range [][]string{p.Imports, p.Deps} {
			for i := range names {
				names[i] = strings.TrimPrefix(names[i], mod)
			}
		}
		all = append(all, p)
	}
	if len(all) < 40 {
		t.Fatalf("go list names %d packages: the tree has more", len(all))
	}
	return all
}

func under(p, folder string) bool { return p == folder || strings.HasPrefix(p, folder+"/") }

func underAny(p string, folders []string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return under(p, f) })
}

// level returns the layer of a package, -1 for none: the longest prefix wins.
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

// outside returns whether an import is of another module.
func outside(imp string) bool {
	host, _, _ := strings.Cut(imp, "/")
	return strings.Contains(host, ".")
}

// The rules. Each returns what it has against a package, nothing if it is right.

func oneWay(p pkg) (wrong []string) {
	from, top := p.ImportPath, strings.Split(p.ImportPath, "/")[0]
	if level(from) < 0 {
		return []string{from + " stands in no layer: add it to test/arch_test.go, or move it"}
	}
	for _, to := range p.Imports {
		l := level(to)
		if l < 0 || under(to, top) && l <= level(from) {
			continue
		}
		if level(from) <= l {
			wrong = append(wrong, fmt.Sprintf("%s (layer %d) imports %s (layer %d)", from, level(from), to, l))
		}
	}
	return wrong
}

// room returns the place of a package in rooms, -1 for none.
func room(p string) int { return slices.IndexFunc(rooms, func(r string) bool { return under(p, r) }) }

func inLine(p pkg) (wrong []string) {
	from := room(p.ImportPath)
	if from == len(rooms)-1 && p.ImportPath != rooms[from] {
		return []string{p.ImportPath + " is no room of training's: give it a place in test/arch_test.go"}
	}
	for _, to := range p.Imports {
		if l := room(to); from >= 0 && l > from {
			wrong = append(wrong, fmt.Sprintf("%s imports %s, which stands above it", p.ImportPath, to))
		}
	}
	return wrong
}

func onlyRevealers(p pkg) (wrong []string) {
	if slices.Contains(p.Imports, "privacy/reveal") && !underAny(p.ImportPath, revealers) {
		wrong = append(wrong, p.ImportPath+" opens privacy.Secrets: it is not on the list of those that may")
	}
	return wrong
}

func adaptersInCmd(p pkg) (wrong []string) {
	if strings.HasSuffix(p.ImportPath, "test") {
		return nil // a suite, which runs in tests alone
	}
	for _, to := range p.Imports {
		for _, a := range adapters {
			if under(to, a) && !under(p.ImportPath, a) && !underAny(p.ImportPath, []string{"cmd", "test"}) {
				wrong = append(wrong, fmt.Sprintf("%s imports %s: adapters are chosen in cmd", p.ImportPath, to))
			}
		}
	}
	return wrong
}

func oneDoor(p pkg) (wrong []string) {
	for _, imp := range p.Imports {
		if !outside(imp) {
			continue
		}
		known := false
		for lib, allowed := range doors {
			if !under(imp, lib) {
				continue
			}
			known = true
			if allowed != nil && !underAny(p.ImportPath, allowed) {
				wrong = append(wrong, fmt.Sprintf("%s imports %s: only %v may", p.ImportPath, imp, allowed))
			}
		}
		if !known {
			wrong = append(wrong, fmt.Sprintf("%s imports %s: it has no door in test/arch_test.go", p.ImportPath, imp))
		}
	}
	return wrong
}

func apart(p pkg) (wrong []string) {
	for i, side := range sides {
		if !underAny(p.ImportPath, side) {
			continue
		}
		for _, to := range p.Deps {
			if underAny(to, sides[1-i]) {
				wrong = append(wrong, fmt.Sprintf("%s reaches %s: health and credit never meet", p.ImportPath, to))
			}
		}
	}
	for _, n := range never {
		if !under(p.ImportPath, n.from) {
			continue
		}
		for _, to := range p.Deps {
			if under(to, n.to) {
				wrong = append(wrong, fmt.Sprintf("%s reaches %s: %s", p.ImportPath, to, n.why))
			}
		}
	}
	return wrong
}

func described(p pkg) (wrong []string) {
	if p.Doc == "" && p.ImportPath != "test" {
		wrong = append(wrong, p.ImportPath+" has no package comment")
	}
	vague := []string{"util", "utils", "common", "helpers", "types", "models", "mocks", "shared", "base", "core", "misc"}
	for _, part := range strings.Split(p.ImportPath, "/") {
		if slices.Contains(vague, part) {
			wrong = append(wrong, p.ImportPath+": name it for what it holds")
		}
	}
	return wrong
}

func hold(t *testing.T, rules ...func(pkg) []string) {
	t.Helper()
	for _, p := range packages(t) {
		for _, rule := range rules {
			for _, wrong := range rule(p) {
				t.Error(wrong)
			}
		}
	}
}

func TestImportsRunOneWay(t *testing.T) { hold(t, oneWay, inLine, onlyRevealers, adaptersInCmd) }

func TestOutsideLibrariesHaveOneDoor(t *testing.T) { hold(t, oneDoor) }

func TestInvariant5_HealthAndCreditCodeNeverMeet(t *testing.T) { hold(t, apart) }

func TestPackagesAreNamedAndDescribed(t *testing.T) { hold(t, described) }

// Every entry of the lists above is used, so that none outlives its reason.
func TestListsAreOfUse(t *testing.T) {
	all := packages(t)
	imports := func(from, what string) bool {
		return slices.ContainsFunc(all, func(p pkg) bool {
			return under(p.ImportPath, from) && slices.ContainsFunc(p.Imports, func(i string) bool { return under(i, what) })
		})
	}
	exists := func(name string) bool {
		return slices.ContainsFunc(all, func(p pkg) bool { return under(p.ImportPath, name) })
	}
	for lib, allowed := range doors {
		for _, a := range allowed {
			if !imports(a, lib) {
				t.Errorf("doors: %s does not import %s", a, lib)
			}
		}
	}
	for _, r := range revealers {
		if !imports(r, "privacy/reveal") {
			t.Errorf("revealers: %s does not import privacy/reveal", r)
		}
	}
	for _, name := range slices.Concat(slices.Concat(layers...), adapters, sides[0], sides[1], rooms) {
		if !exists(name) {
			t.Errorf("there is no package %s", name)
		}
	}
	for _, n := range never {
		if !exists(n.from) || !outside(n.to) && n.to != "net/http" && !exists(n.to) {
			t.Errorf("never: there is no %s, or no %s", n.from, n.to)
		}
	}
}

// The rules can fail: each refuses the wrong package and passes the right one.
func TestRulesBite(t *testing.T) {
	for _, c := range []struct {
		name         string
		rule         func(pkg) []string
		right, wrong pkg
	}{
		{"up", oneWay, pkg{ImportPath: "ledger", Imports: []string{"privacy/notice", "storage", "fmt"}}, pkg{ImportPath: "ledger", Imports: []string{"ledger/contract"}}},
		{"leaf", oneWay, pkg{ImportPath: "privacy/notice"}, pkg{ImportPath: "privacy/notice", Imports: []string{"privacy"}}},
		{"siblings", oneWay, pkg{ImportPath: "storage/vault", Imports: []string{"storage/wraps"}}, pkg{ImportPath: "escrow", Imports: []string{"storage/vault"}}},
		{"no layer", oneWay, pkg{ImportPath: "cmd/new"}, pkg{ImportPath: "newfolder"}},
		{"prefix", oneWay, pkg{ImportPath: "health/new"}, pkg{ImportPath: "healthy"}},
		{"rooms", inLine, pkg{ImportPath: "web/owner/training/site", Imports: []string{"web/owner/training/cover"}}, pkg{ImportPath: "web/owner/training/cover", Imports: []string{"web/owner/training"}}},
		{"no room", inLine, pkg{ImportPath: "web/owner/training/recipe/recipetest"}, pkg{ImportPath: "web/owner/training/new"}},
		{"reveal", onlyRevealers, pkg{ImportPath: "web/owner", Imports: []string{"privacy/reveal"}}, pkg{ImportPath: "web", Imports: []string{"privacy/reveal"}}},
		{"adapter", adaptersInCmd, pkg{ImportPath: "cmd/node", Imports: []string{"storage/ipfs"}}, pkg{ImportPath: "web", Imports: []string{"storage/ipfs"}}},
		{"door", oneDoor, pkg{ImportPath: "privacy/seal", Imports: []string{"filippo.io/age"}}, pkg{ImportPath: "privacy/keyring", Imports: []string{"filippo.io/age/agessh"}}},
		{"door's neighbour", oneDoor, pkg{ImportPath: "storage/ipfs", Imports: []string{"github.com/ipfs/boxo"}}, pkg{ImportPath: "storage/ipfs", Imports: []string{"github.com/ipfsx"}}},
		{"no door", oneDoor, pkg{ImportPath: "web", Imports: []string{"net/http"}}, pkg{ImportPath: "web", Imports: []string{"example.org/new"}}},
		{"wall", apart, pkg{ImportPath: "health", Deps: []string{"ledger"}}, pkg{ImportPath: "web/owner/patient", Deps: []string{"credit/scorecard"}}},
		{"wall of models", apart, pkg{ImportPath: "ml/scorecard", Deps: []string{"credit"}}, pkg{ImportPath: "ml/heart", Deps: []string{"ml/scorecard"}}},
		{"browser", apart, pkg{ImportPath: "web", Deps: []string{"github.com/gin-gonic/gin"}}, pkg{ImportPath: "web/owner", Deps: []string{"github.com/gin-gonic/gin/binding"}}},
		{"comment", described, pkg{ImportPath: "web", Doc: "Package web …"}, pkg{ImportPath: "web"}},
		{"vague", described, pkg{ImportPath: "web/core1", Doc: "…"}, pkg{ImportPath: "web/util", Doc: "…"}},
	} {
		if got := c.rule(c.right); len(got) != 0 {
			t.Errorf("%s: the right package is refused: %v", c.name, got)
		}
		if got := c.rule(c.wrong); len(got) != 1 {
			t.Errorf("%s: the wrong package has %d complaints, want one: %v", c.name, len(got), got)
		}
	}
}
