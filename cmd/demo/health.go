package demo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"manx/health/phantom"
	"manx/ledger"
	"manx/privacy/notice"
	"manx/privacy/seal"
	"manx/web/owner"
	"manx/web/owner/patient"
)

const (
	slices = 44
	late   = 2
)

// The phantom's patient. The name occurs nowhere outside the owner's folder; the
// demo looks for it.
const patientName = "Wanjiru^Amina"

// health tells the first story.
func (t *teller) health(ctx context.Context) error {
	t.story = "health"
	if !t.JSON {
		fmt.Fprintf(t.Out, "Story 1: a patient's scan\n")
	}
	s := &scan{teller: t}
	for _, f := range []func(context.Context) error{s.keys, s.add, s.ask, s.chart, s.grants, s.sum, s.revoke, s.destroy, s.later, s.recover} {
		if err := f(ctx); err != nil {
			return err
		}
	}
	return nil
}

// scan is the state of the first story.
type scan struct {
	*teller
	home             *owner.Home
	p                *owner.Party // the patient
	hospital, second *owner.Party
	researcher       *owner.Party
	folder           string // the study's files
	later2           string // the late slices
	record, derived  ledger.RecordID
	care, sealedCare ledger.GrantID
	research         ledger.GrantID
	kept             seal.Part // what the second hospital kept
	wallet           ledger.Amount
}

func (s *scan) keys(ctx context.Context) error {
	return s.step("The patient makes a keyring", map[string]string{
		"ledger":   "two ids, one for health and one for credit, that nothing joins",
		"exchange": "public keys",
	}, func(say func(string, ...any)) (err error) {
		if s.home, err = s.join(ctx, "patient", ledger.Person, "", ledger.Health, ledger.Credit); err != nil {
			return err
		}
		if s.p, err = s.home.As(ledger.Health); err != nil {
			return err
		}
		if _, err := s.p.Faucet(ctx); err != nil {
			return err
		}
		if s.wallet, err = s.p.Balance(ctx); err != nil {
			return err
		}
		say("%s, keys under a passphrase, %s test MAN", s.p.ID(), s.wallet)
		return nil
	})
}

// phantom writes the made-up study, or points at the given one.
func (s *scan) phantom(ctx context.Context) error {
	if s.Study != "" {
		s.folder = s.Study
		return nil
	}
	series, err := phantom.New(phantom.Options{Seed: 7, Slices: slices - late, PatientName: patientName, PatientID: "KE-55-0917", BirthDate: "19610412", Sex: "F",
		StudyDate: "20261103", Nodule: phantom.Nodule{Diameter: 24, HU: 40, X: -70, Y: 10, Z: 5}})
	if err != nil {
		return err
	}
	s.folder, s.later2 = filepath.Join(s.Dir, "patient", "ct"), filepath.Join(s.Dir, "patient", "ct-late")
	for _, dir := range []string{s.folder, s.later2} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make folder: %w", err)
		}
	}
	return errors.Join(series.WriteFolder(ctx, s.folder, 0, slices-late), series.WriteFolder(ctx, s.later2, slices-late, late))
}

func (s *scan) add(ctx context.Context) error {
	if err := s.step("A chest CT is ready on her device", nil, func(say func(string, ...any)) error {
		if err := s.phantom(ctx); err != nil {
			return err
		}
		if s.Study != "" {
			say("your own study, in %s", s.folder)
		} else {
			say("a phantom series: %d slices of 512 x 512, 16 bit, real DICOM, with a nodule; %d more will come late", slices-late, late)
		}
		return nil
	}); err != nil {
		return err
	}
	return s.step("She adds it: scanned, sealed, cut into shards, placed on six IPFS nodes, registered", map[string]string{
		"owner":    "everything",
		"exchange": "sealed bytes, their number and the time",
		"storage":  "one shard of six each; any four rebuild the sealed bytes, none open them",
		"ledger":   "a manifest's CID and a salted digest",
	}, func(say func(string, ...any)) error {
		added, err := patient.Add(ctx, s.p, s.progress, s.folder)
		if err != nil {
			return err
		}
		if err := s.check(len(added) > 0 && added[0].Record != "", "a study became a record"); err != nil {
			return err
		}
		a := added[0]
		s.record = a.Record
		say("%d instances, %.1f MB, are %s version %d; %.1f MB on six nodes", a.Instances, float64(a.Bytes)/1e6, a.Record, a.Version, float64(a.Stored)/1e6)
		for _, r := range a.Rejected {
			say("rejected %s: %s", r.Path, r.Reason)
		}
		if err := s.opensAs(ctx, s.p, "", s.folder); err != nil {
			return err
		}
		say("it opens again byte for byte")
		return s.silent(say)
	})
}

// silent looks for what must not be there: the patient's name, number and birth
// date, in every file that is not the owner's.
func (s *scan) silent(say func(string, ...any)) error {
	if s.Study != "" {
		return nil
	}
	needles := [][]byte{[]byte("Wanjiru"), []byte("KE-55-0917"), []byte("19610412")}
	files := 0
	err := filepath.WalkDir(s.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && path == filepath.Join(s.Dir, "patient") {
			return errors.Join(err, fs.SkipDir)
		}
		if d.IsDir() || !d.Type().IsRegular() {
			return nil
		}
		b, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // a temporary file of the running node
		}
		if err != nil {
			return err
		}
		files++
		for _, n := range needles {
			if bytes.Contains(b, n) {
				return s.check(false, "no identifier of the patient is in "+path)
			}
		}
		return nil
	})
	if errors.Is(err, fs.SkipDir) {
		err = nil
	}
	say("her name, number and birth date are in none of the %d files of the node, the stores, the ledger and the logs", files)
	return errors.Join(err, s.check(files > 0, "the exchange's files were searched"))
}

// digests returns the SHA-256 of every file of a folder, however named.
func digests(dir string) (map[string]int, error) {
	out := map[string]int{}
	return out, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(b)
		out[hex.EncodeToString(sum[:])]++
		return nil
	})
}

// opensAs checks that a record opens byte for byte as the files of folders.
func (s *scan) opensAs(ctx context.Context, p *owner.Party, g ledger.GrantID, folders ...string) error {
	want := map[string]int{}
	for _, dir := range folders {
		sums, err := digests(dir)
		if err != nil {
			return fmt.Errorf("read files: %w", err)
		}
		for k, n := range sums {
			want[k] += n
		}
	}
	var err error
	got := map[string]int{}
	open := func() error {
		if g == "" {
			r, _, err := p.OpenOwn(ctx, s.record, 0)
			if err != nil {
				return err
			}
			return into(ctx, got, r)
		}
		r, _, err := p.OpenGranted(ctx, g, 0)
		if err != nil {
			return err
		}
		return into(ctx, got, r)
	}
	if err = open(); err != nil {
		return err
	}
	same := len(got) > 0
	for k := range got {
		if want[k] == 0 {
			same = false
		}
	}
	if s.Study == "" && len(got) != len(want) {
		same = false
	}
	return s.check(same, "the study opens byte for byte")
}

func (s *scan) ask(ctx context.Context) error {
	m, err := s.model(ctx, s.p, "lung-ct")
	if err != nil {
		return err
	}
	q, err := patient.QuoteFor(ctx, s.p, s.record, "lung-ct")
	if s.Study != "" && notice.Is(err, notice.Unsupported) {
		return s.step("lung-ct does not read this study: nothing is sent, nothing paid", nil, func(say func(string, ...any)) error {
			n := notice.From(err)
			say("%s (%s)", n.Text, n.Hint)
			return nil
		})
	}
	if err != nil {
		return err
	}
	var d patient.Diagnosis
	if err := s.step("She asks lung-ct for a diagnosis; the fee waits in escrow", map[string]string{
		"owner":  "the finding, decrypted on her device, and pictures of what moved the model",
		"worker": "the model, evaluation keys and ciphertexts; it holds no key that opens them",
		"ledger": "that a job ran, and what was paid",
	}, func(say func(string, ...any)) error {
		say("quoted: %s MAN, %d slices, about %.1f s of a worker, %.0f MB of keys once, exact to %g", q.Price, q.Slices, q.Seconds, float64(q.Keys)/1e6, q.Precision)
		if d, err = patient.Diagnose(ctx, s.p, s.record, "lung-ct", 3600, s.progress); err != nil {
			return err
		}
		say("finding: %s", d.Finding.English)
		say("         %s", d.Finding.Chinese)
		say("worker process %d computed on %d slices in %.1f s; keys %.1f s, encryption %.1f s, %.1f MB up, %.1f MB down", s.worker, d.Slices, d.Times.Compute, d.Times.Keys, d.Times.Encrypt, float64(d.Up)/1e6, float64(d.Down)/1e6)
		files, err := patient.KeepPictures(ctx, s.p, d)
		if err = errors.Join(err, s.check(len(files) == d.Slices && d.Slices > 0, "each slice that was read has a picture")); err != nil {
			return err
		}
		say("what moved the model, not where disease is: %d pictures drawn on her device, in %s", len(files), filepath.Dir(files[0]))
		return s.check(d.Fee == ledger.MAN(3), "lung-ct costs 3 MAN")
	}); err != nil {
		return err
	}
	return s.step("The contract pays; the receipt verifies offline", map[string]string{"ledger": "who was paid how much, for which model"}, func(say func(string, ...any)) error {
		r, bundle, err := s.p.VerifiedReceipt(ctx, d.Job)
		if err != nil {
			return err
		}
		var sum ledger.Amount
		for _, o := range r.Payments {
			say("%s MAN to %s", o.Amount, s.who(r, m, o.To))
			if sum, err = sum.Add(o.Amount); err != nil {
				return err
			}
		}
		if err := s.check(sum == d.Fee && len(r.Payments) == 3, "worker, model owner and exchange share the whole fee"); err != nil {
			return err
		}
		left, err := s.p.Balance(ctx)
		if err != nil {
			return err
		}
		after, err := s.wallet.Sub(d.Fee)
		if err := errors.Join(err, s.check(left == after, "her wallet paid the fee and no more")); err != nil {
			return err
		}
		how, err := s.keep(ctx, d.Job, bundle)
		say("receipt verified %s; altered by one letter it does not verify", how)
		return err
	})
}

func (t *teller) who(r ledger.Receipt, m ledger.Model, p ledger.PartyID) string {
	switch p {
	case r.Worker:
		return "the worker"
	case m.Owner:
		return "the model's owner"
	case r.Subject:
		return "the data's owner"
	}
	return "the exchange"
}

// keptIsNotEnough tries to open with what the second hospital kept.
// partsGone waits until the release services hold no part of a grant.
