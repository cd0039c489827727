package e2e

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"manx/health/phantom"
	"manx/ledger"
	"manx/storage/vault"
	"manx/web/owner"
	"manx/web/owner/patient"
)

// series writes a phantom series into a folder made for it.
func series(t testing.TB, dir string, seed uint64) string {
	t.Helper()
	s, err := phantom.New(phantom.Options{Seed: seed, PatientName: "Phantom^Petra", PatientID: "PHANTOM-1", BirthDate: "19610412", Sex: "F",
		StudyDate: "20261103", Nodule: phantom.Nodule{Diameter: 24, HU: 40, X: -70, Y: 10, Z: 5}})
	check(t, err)
	check(t, os.MkdirAll(dir, 0o700))
	check(t, s.WriteFolder(ctxOf(t), dir, 0, s.Slices()))
	return dir
}

// scanned is the folder of the study that scan adds.
func (n *network) scanned() string { return n.path("private", "scan") }

// scan returns a record of the patient's that holds the study in scanned; the
// first call adds it.
func (n *network) scan(t testing.TB) ledger.RecordID {
	t.Helper()
	if id := n.records["scan"]; id != "" {
		return id
	}
	added, err := patient.Add(ctxOf(t), n.patient(t), silent, series(t, n.scanned(), 5))
	check(t, err)
	n.records["scan"] = added[0].Record
	return added[0].Record
}

// settled returns a diagnosis of scan's.
func (n *network) settled(t testing.TB) ledger.Job {
	t.Helper()
	p, record := n.patient(t), n.scan(t)
	n.model(t, p, "lung-ct")
	jobs, err := p.Jobs(ctxOf(t))
	check(t, err)
	for _, j := range jobs {
		if j.Stage == ledger.Settled && j.Record == record {
			return j
		}
	}
	d, err := patient.Diagnose(ctxOf(t), p, record, "lung-ct", 3600, silent)
	check(t, err)
	j, err := owner.Get[ledger.Job](ctxOf(t), p.Client, d.Job)
	check(t, err)
	return j
}

// sums returns the digests of a record's objects.
func sums(ctx context.Context, r *vault.Record) (map[[32]byte]int, error) {
	out := map[[32]byte]int{}
	for _, o := range r.Objects() {
		src, err := r.Open(ctx, o.ID)
		if err != nil {
			return nil, err
		}
		h := sha256.New()
		_, err = io.Copy(h, src)
		if err = errors.Join(err, src.Close()); err != nil {
			return nil, err
		}
		out[[32]byte(h.Sum(nil))]++
	}
	return out, nil
}

// same checks that an opened record is a folder, byte for byte.
func same(t testing.TB, r *vault.Record, dir string) {
	t.Helper()
	got, err := sums(ctxOf(t), r)
	check(t, err)
	want := map[[32]byte]int{}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	check(t, err)
	for _, f := range files {
		b, err := os.ReadFile(f)
		check(t, err)
		want[sha256.Sum256(b)]++
	}
	if len(want) == 0 || !maps.Equal(got, want) {
		t.Errorf("%d objects are not the folder's %d files byte for byte", len(got), len(want))
	}
}
