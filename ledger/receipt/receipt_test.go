package receipt_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"manx/ledger"
	"manx/ledger/contract"
	"manx/ledger/embedded"
	"manx/ledger/ledgertest"
	"manx/ledger/receipt"
	"manx/privacy/notice"
)

// golden is a bundle made once by this test (run with MANX_WRITE_GOLDEN=1): the
// format of receipts must go on verifying.
const golden = "testdata/bundle.json"

func story(t testing.TB) *ledgertest.Story {
	t.Helper()
	g, orgs := ledgertest.NewGenesis(3, rand.Reader)
	now := time.Unix(1_780_000_000, 0)
	l, err := embedded.New(embedded.Config{Dir: t.TempDir(), Genesis: g, Node: orgs[0], Contract: contract.New(g), Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return ledgertest.Begin(t, l, ledgertest.World{Genesis: g, Organisations: orgs, Now: func() ledger.Time { return ledger.Time(now.Unix()) }})
}

func bundle(t *testing.T, s *ledgertest.Story, j ledger.JobID) receipt.Bundle {
	t.Helper()
	b, err := receipt.Prove(t.Context(), s.Ledger, s.World.Genesis, j)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Receipts of a growing tree: each is provable under every later checkpoint,
// and under no earlier one.
func TestReceiptsOfAGrowingTree(t *testing.T) {
	s := story(t)
	d := s.Diagnosis(3600)
	if _, err := receipt.Head(t.Context(), s.Ledger); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the head of an empty tree: %v", err)
	}
	finish := func(j ledger.JobID) {
		s.Compute(d.Worker, j)
		s.Do(d.Patient, ledger.AcceptJob{Job: j})
	}
	finish(d.Job)
	if _, err := receipt.Prove(t.Context(), s.Ledger, s.World.Genesis, d.Job); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a proof without a checkpoint: %v", err)
	}
	s.Proved(d.Job)
	jobs := []ledger.JobID{d.Job}
	for range 10 {
		j := s.Diagnose(d.Patient, d.Model, d.Record, s.Fund(d.Patient, ledger.MAN(3)), 3600)
		if _, err := receipt.Prove(t.Context(), s.Ledger, s.World.Genesis, j); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the receipt of a running job: %v", err)
		}
		finish(j)
		if _, err := receipt.Prove(t.Context(), s.Ledger, s.World.Genesis, j); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a receipt later than the checkpoint: %v", err)
		}
		s.Proved(j)
		jobs = append(jobs, j)
		for i, j := range jobs {
			b := bundle(t, s, j)
			r, err := receipt.Verify(b, s.World.Genesis.ID())
			if err != nil || r.Job != j || b.Leaf.Index != int64(i) {
				t.Fatalf("receipt %d of %d: %v", i, len(jobs), err)
			}
		}
	}
	stale, err := receipt.Head(t.Context(), s.Ledger)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Try(s.World.Organisations[0], stale, s.World.Organisations[1]); !notice.Is(err, notice.Conflict) {
		t.Errorf("a checkpoint again: %v", err)
	}
	finish(s.Diagnose(d.Patient, d.Model, d.Record, s.Fund(d.Patient, ledger.MAN(3)), 3600))
	forged, err := receipt.Head(t.Context(), s.Ledger)
	if err != nil {
		t.Fatal(err)
	}
	forged.Root[0] ^= 1
	if err := s.Try(s.World.Organisations[0], forged, s.World.Organisations[1]); !notice.Is(err, notice.Integrity) {
		t.Errorf("a checkpoint of another root: %v", err)
	}
}

func TestInvariant2_AlteredBundlesDoNotVerify(t *testing.T) {
	if os.Getenv("MANX_WRITE_GOLDEN") != "" {
		writeGolden(t)
	}
	raw, err := os.ReadFile(filepath.FromSlash(golden))
	if err != nil {
		t.Fatal(err)
	}
	good, err := receipt.Read(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	pinned := good.Genesis.ID()
	want, err := receipt.Verify(good, pinned)
	if err != nil || want.Outcome != ledger.Settled || len(good.Proof) < 2 {
		t.Fatalf("the golden bundle: %v", err)
	}
	for i := range raw {
		for _, flip := range []byte{0x01, 0x80} {
			b := bytes.Clone(raw)
			b[i] ^= flip
			got, err := receipt.Read(bytes.NewReader(b))
			if err != nil {
				continue
			}
			if _, err := receipt.Verify(got, pinned); err == nil && !bytes.Equal(got.Leaf.Receipt, good.Leaf.Receipt) {
				t.Fatalf("byte %d flipped by %#x verifies as another receipt", i, flip)
			}
		}
	}
	for name, change := range map[string]func(*receipt.Bundle){
		"another index":    func(b *receipt.Bundle) { b.Leaf.Index++ },
		"a negative index": func(b *receipt.Bundle) { b.Leaf.Index = -1 },
		"no proof":         func(b *receipt.Bundle) { b.Proof = nil },
		"a longer proof":   func(b *receipt.Bundle) { b.Proof = append(b.Proof, ledger.Hash{}) },
		"one signature":    func(b *receipt.Bundle) { b.Checkpoint.Cosigns = nil },
		"its signature twice": func(b *receipt.Bundle) {
			b.Checkpoint.Cosigns = []ledger.Cosignature{{Party: b.Checkpoint.Author, Sig: b.Checkpoint.Sig}}
		},
		"another command":      func(b *receipt.Bundle) { b.Checkpoint.Name = "time.tick" },
		"another network":      func(b *receipt.Bundle) { b.Checkpoint.Network = "x" },
		"a genesis of its own": func(b *receipt.Bundle) { b.Genesis.Organisations = b.Genesis.Organisations[:1] },
		"no genesis":           func(b *receipt.Bundle) { b.Genesis = ledger.Genesis{} },
		"another receipt":      func(b *receipt.Bundle) { b.Leaf.Receipt = []byte("{}") },
	} {
		b, err := receipt.Read(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		change(&b)
		if _, err := receipt.Verify(b, pinned); !notice.Is(err, notice.Integrity) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := receipt.Verify(good, "00000000000000000000000000000000"); !notice.Is(err, notice.Integrity) {
		t.Errorf("pinned to another network: %v", err)
	}
}

func writeGolden(t *testing.T) {
	t.Helper()
	s := story(t)
	d := s.Diagnosis(3600)
	for _, j := range []ledger.JobID{d.Job, s.Diagnose(d.Patient, d.Model, d.Record, s.Fund(d.Patient, ledger.MAN(3)), 3600),
		s.Diagnose(d.Patient, d.Model, d.Record, s.Fund(d.Patient, ledger.MAN(3)), 3600)} {
		s.Compute(d.Worker, j)
		s.Do(d.Patient, ledger.AcceptJob{Job: j})
	}
	s.Proved(d.Job)
	b, err := json.Marshal(bundle(t, s, d.Job))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.FromSlash(golden), b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestReadIsBounded(t *testing.T) {
	for name, in := range map[string]string{
		"too long":      `{"proof":["` + strings.Repeat("0", receipt.MaxBundle) + `"]}`,
		"a long proof":  `{"proof":[` + strings.Repeat(`"",`, 64) + `""]}`,
		"unknown field": `{"colour":1}`,
		"two values":    `{}{}`,
		"nothing":       ``,
	} {
		if _, err := receipt.Read(strings.NewReader(in)); !notice.Is(err, notice.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzBundle reads any bytes as a bundle: nothing but the golden receipt ever
// verifies for its network, and nothing panics.
func FuzzBundle(f *testing.F) {
	raw, err := os.ReadFile(filepath.FromSlash(golden))
	if err != nil {
		f.Fatal(err)
	}
	good, err := receipt.Read(bytes.NewReader(raw))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Fuzz(func(t *testing.T, in []byte) {
		b, err := receipt.Read(bytes.NewReader(in))
		if err != nil {
			return
		}
		for _, pinned := range []ledger.NetworkID{good.Genesis.ID(), b.Genesis.ID()} {
			if _, err := receipt.Verify(b, pinned); err == nil && pinned == good.Genesis.ID() && !bytes.Equal(b.Leaf.Receipt, good.Leaf.Receipt) {
				t.Fatal("a forged receipt verifies")
			}
		}
	})
}
