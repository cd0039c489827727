package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"bytes"

	"manx/cmd/node"
	"manx/credit"
	"manx/health/phantom"
	"manx/ledger"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/privacy/seal/sealtest"
	"manx/web/owner"
	"manx/web/owner/patient"
	"manx/web/owner/score"
)

// exchange is a node with one worker process, for a benchmark.
type exchange struct {
	b    *testing.B
	node *node.Node
	dir  string
}

func start(b *testing.B) *exchange {
	b.Helper()
	dir := b.TempDir()
	manx := filepath.Join(dir, "manx")
	build := exec.Command("go", "build", "-o", manx, "../../cmd/manx")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("build: %v\n%s", err, out)
	}
	n, err := node.Start(b.Context(), node.Options{Dir: filepath.Join(dir, "node"), Addr: "127.0.0.1:0", Manx: manx, NoParties: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := n.Close(); err != nil {
			b.Error(err)
		}
	})
	if err := n.PublishModels(b.Context(), func(string) {}); err != nil {
		b.Fatal(err)
	}
	return &exchange{b, n, dir}
}

func (x *exchange) join(name string, role ledger.Role, v ledger.Vertical) *owner.Party {
	x.b.Helper()
	shown := name
	if role == ledger.Person {
		shown = ""
	}
	h, err := owner.Join(x.b.Context(), filepath.Join(x.dir, name), sealtest.Passphrase(x.b, name), x.node.Address, string(v))
	if err != nil {
		x.b.Fatal(err)
	}
	x.b.Cleanup(func() { _ = h.Close() })
	p, err := h.As(v)
	if err != nil {
		x.b.Fatal(err)
	}
	x.b.Cleanup(p.Close)
	if err := p.Register(x.b.Context(), role, shown); err != nil {
		x.b.Fatal(err)
	}
	if _, err := p.Faucet(x.b.Context()); err != nil && !notice.Is(err, notice.Conflict) {
		x.b.Fatal(err)
	}
	return p
}

// cpu returns the CPU seconds a process has used.
func cpu(b *testing.B, pid int) float64 {
	b.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	f := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+2:]))
	user, _ := strconv.ParseFloat(f[11], 64)
	system, _ := strconv.ParseFloat(f[12], 64)
	return (user + system) / 100
}

// own returns the CPU seconds of this process, which plays owner and node.
func own() float64 {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return float64(r.Utime.Nano()+r.Stime.Nano()) / 1e9
}

func quiet(string, int64, int64) {}

// BenchmarkDiagnosis is a whole diagnosis: 8 slices of a study under lung-ct,
// from the stored study to the receipt. The first makes and sends evaluation
// keys; the following ones find them.
func BenchmarkDiagnosis(b *testing.B) {
	x := start(b)
	p := x.join("patient", ledger.Person, ledger.Health)
	dir := filepath.Join(x.dir, "ct")
	series, err := phantom.New(phantom.Options{Seed: 7, PatientName: "Bench^Mark", PatientID: "1", BirthDate: "19700101", Sex: "O", StudyDate: "20260101"})
	if err != nil {
		b.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		b.Fatal(err)
	}
	if err := series.WriteFolder(b.Context(), dir, 0, series.Slices()); err != nil {
		b.Fatal(err)
	}
	added, err := patient.Add(b.Context(), p, quiet, dir)
	if err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	first, err := patient.Diagnose(b.Context(), p, added[0].Record, "lung-ct", 3600, quiet)
	if err != nil {
		b.Fatal(err)
	}
	took := time.Since(began)
	b.Run("first", func(b *testing.B) { // it made and sent the evaluation keys; measured once
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(took.Seconds(), "s")
		b.ReportMetric(first.Times.Keys, "keys-s")
	})
	b.Run("again", func(b *testing.B) {
		worker, mine := cpu(b, x.node.Workers[0]), own()
		var d patient.Diagnosis
		for b.Loop() {
			if d, err = patient.Diagnose(b.Context(), p, added[0].Record, "lung-ct", 3600, quiet); err != nil {
				b.Fatal(err)
			}
		}
		n := float64(b.N)
		b.ReportMetric((cpu(b, x.node.Workers[0])-worker)/n, "worker-cpu-s")
		b.ReportMetric((own()-mine)/n, "owner+node-cpu-s")
		b.ReportMetric(d.Times.Encrypt, "encrypt-s")
		b.ReportMetric(d.Times.Compute, "compute-s")
		b.ReportMetric(float64(d.Up)/1e6, "up-MB")
		b.ReportMetric(float64(d.Down)/1e6, "down-MB")
		b.ReportMetric(float64(d.Keys)/1e6, "keys-MB")
	})
}

// BenchmarkScore is a whole score: request, consent, encrypted points, proof,
// verification, payment.
func BenchmarkScore(b *testing.B) {
	x := start(b)
	borrower, lender, furnisher := x.join("borrower", ledger.Person, ledger.Credit), x.join("lender", ledger.Lender, ledger.Credit), x.join("furnisher", ledger.Furnisher, ledger.Credit)
	var csv bytes.Buffer
	if err := credit.Write(&csv, credit.Sample(3), reveal.Token{}); err != nil {
		b.Fatal(err)
	}
	sealed, _, err := score.Furnish(b.Context(), furnisher, borrower.ID(), &csv, time.Now())
	if err != nil {
		b.Fatal(err)
	}
	if _, err := score.Add(b.Context(), borrower, sealed); err != nil {
		b.Fatal(err)
	}
	once := func(ctx context.Context) (score.Consented, time.Duration) {
		id, err := score.Request(ctx, lender, borrower.ID(), score.DefaultModel, ledger.CreditTransaction, ledger.Amount{}, 3600)
		if err != nil {
			b.Fatal(err)
		}
		c, err := score.Consent(ctx, borrower, id, quiet)
		if err != nil {
			b.Fatal(err)
		}
		began := time.Now()
		if _, err := score.Score(ctx, lender, id); err != nil {
			b.Fatal(err)
		}
		return c, time.Since(began)
	}
	once(b.Context()) // makes and sends the evaluation keys
	worker, mine := cpu(b, x.node.Workers[0]), own()
	var c score.Consented
	var verified time.Duration
	for b.Loop() {
		c, verified = once(b.Context())
	}
	n := float64(b.N)
	b.ReportMetric((cpu(b, x.node.Workers[0])-worker)/n, "worker-cpu-s")
	b.ReportMetric((own()-mine)/n, "owners+node-cpu-s")
	b.ReportMetric(verified.Seconds(), "lender-s")
	b.ReportMetric(float64(c.Up)/1e3, "up-kB")
	b.ReportMetric(float64(c.Keys)/1e6, "keys-MB")
	b.ReportMetric(float64(c.Proof), "proof-bytes")
}
