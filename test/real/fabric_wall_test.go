package real

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	network "manx/cmd/real/fabric"
	"manx/ledger"
	"manx/ledger/ledgertest"
)

// apart tells both stories and then looks for each side's state where it must
// not be: in the files of the other organisation's peer, in every orderer's, in
// every log, and in what that peer answers its own organisation.
func (c channel) apart(t *testing.T) {
	l := c.connect(t, "")
	s := ledgertest.Begin(t, l, c.world)
	d := s.Diagnosis(3600)
	s.Compute(d.Worker, d.Job)
	s.Do(d.Patient, ledger.AcceptJob{Job: d.Job})
	k := s.Scoring(3600)
	g := s.Consent(k.Borrower, k.Job, k.Record)
	s.Compute(k.Worker, k.Job)
	s.Answer(k.Borrower, k.Job)
	s.Do(k.Lender, ledger.AcceptJob{Job: k.Job})

	sides := []struct {
		member, other string
		keys          []ledger.Key
		words         [][]byte
	}{
		{network.Health, network.Credit, []ledger.Key{ledger.KeyOf(d.Record), ledger.KeyOf(d.Job), ledger.KeyOf(d.Model), ledger.KeyOf(d.Patient.Party())}, sayings("health")},
		{network.Credit, network.Health, []ledger.Key{ledger.KeyOf(k.Record), ledger.KeyOf(k.Job), ledger.KeyOf(g), ledger.KeyOf(k.Borrower.Party())}, sayings("credit")},
	}
	data := func(organisation string) string { return filepath.Join(c.dir, "data", organisation) }
	for _, side := range sides {
		// The search finds what is there: with the members of the lane.
		for _, member := range []string{side.member, network.Exchange} {
			if found := search(t, data(member), side.words); len(found) == 0 {
				t.Errorf("nothing of %s is found with its member %s: the search is blind", side.member, member)
			}
		}
		for file, word := range search(t, data(side.other), side.words) {
			t.Errorf("%s, kept by the %s organisation, holds %q", file, side.other, word)
		}
		for file, word := range search(t, filepath.Join(c.dir, "run"), side.words) {
			t.Errorf("the log %s holds %q", file, word)
		}
		theirs, ours := c.connect(t, side.other), c.connect(t, side.member)
		for _, key := range side.keys {
			if _, err := ours.Read(t.Context(), key); err != nil {
				t.Errorf("a member of the lane reads %s: %v", key, err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			if b, err := theirs.Read(ctx, key); err == nil || len(b) != 0 {
				t.Errorf("the %s organisation's peer answers %s with %s", side.other, key, b)
			}
			cancel()
		}
	}
	for _, organisation := range []string{network.Health, network.Credit, network.Exchange} {
		for file, word := range search(t, filepath.Join(data(organisation), "orderer"), append(sayings("health"), sayings("credit")...)) {
			t.Errorf("the orderer's %s holds %q", file, word)
		}
	}
}

// sayings are how ids and keys of a vertical begin.
func sayings(vertical string) (out [][]byte) {
	for _, word := range []string{"p", "rec", "grant", "model", "job"} {
		out = append(out, []byte(vertical+"-"+word+"-"), []byte(vertical+"/"+word+"/"))
	}
	return out
}

// search returns the files under a folder that hold one of the words.
func search(t testing.TB, dir string, words [][]byte) map[string]string {
	t.Helper()
	found, files := map[string]string{}, 0
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		files++
		b, err := os.ReadFile(path)
		for _, w := range words {
			if bytes.Contains(b, w) {
				found[path] = string(w)
			}
		}
		return err
	})
	if err != nil || files == 0 {
		t.Fatalf("search %s: %d files, %v", dir, files, err)
	}
	return found
}
