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
	"strings"
	"time"

	"manx/health/deid"
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
	for _, f := range []func(context.Context) error{s.keys, s.add, s.ask, s.grants, s.revoke, s.destroy, s.later, s.recover} {
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
		"owner":  "the finding, decrypted on her device",
		"worker": "the model, evaluation keys and ciphertexts; it holds no key that opens them",
		"ledger": "that a job ran, and what was paid",
	}, func(say func(string, ...any)) error {
		say("quoted: %s MAN, %d slices, about %.0f s, %.0f MB of keys once, exact to %g", q.Price, q.Slices, q.Seconds, float64(q.Keys)/1e6, q.Precision)
		if d, err = patient.Diagnose(ctx, s.p, s.record, "lung-ct", 3600, s.progress); err != nil {
			return err
		}
		say("finding: %s", d.Finding.English)
		say("         %s", d.Finding.Chinese)
		say("worker process %d computed on %d slices in %.1f s; keys %.1f s, encryption %.1f s, %.1f MB up, %.1f MB down", s.worker, d.Slices, d.Times.Compute, d.Times.Keys, d.Times.Encrypt, float64(d.Up)/1e6, float64(d.Down)/1e6)
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

func (s *scan) grants(ctx context.Context) (err error) {
	if err := s.step("Two hospitals and a research institute join", nil, func(say func(string, ...any)) error {
		for _, j := range []struct {
			name, shown string
			to          **owner.Party
		}{{"hospital", "Aga Demo Hospital", &s.hospital}, {"second-hospital", "Lakeside Demo Hospital", &s.second}, {"researcher", "Demo Research Institute", &s.researcher}} {
			h, err := s.join(ctx, j.name, ledger.Hospital, j.shown, ledger.Health)
			if err != nil {
				return err
			}
			if *j.to, err = h.As(ledger.Health); err != nil {
				return err
			}
			say("%s is %s, admitted by the health organisation", j.shown, (*j.to).ID())
		}
		return nil
	}); err != nil {
		return err
	}
	day := ledger.Time(24 * 3600)
	give := func(r ledger.RecordID, to *owner.Party, purpose ledger.Purpose) (ledger.GrantID, error) {
		info, err := s.p.Info(ctx)
		if err != nil {
			return "", err
		}
		return s.p.Grant(ctx, ledger.GiveGrant{Record: r, To: to.ID(), Purpose: purpose, Access: ledger.Read, Until: info.Now + 30*day})
	}
	if err := s.step("For care, she lets the hospital read the original", map[string]string{
		"hospital":      "the study",
		"organisations": "two parts of three of its key, each sealed to the hospital",
	}, func(say func(string, ...any)) error {
		if _, err := s.refusedOpen(ctx, s.hospital, say); err != nil {
			return err
		}
		if s.care, err = give(s.record, s.hospital, ledger.Care); err != nil {
			return err
		}
		if err := s.opensAs(ctx, s.hospital, s.care, s.folder); err != nil {
			return err
		}
		say("the hospital opens it, byte for byte, under %s", s.care)
		if s.sealedCare, err = give(s.record, s.second, ledger.Care); err != nil {
			return err
		}
		g, err := owner.Get[ledger.Grant](ctx, s.second.Client, s.sealedCare)
		if err != nil {
			return err
		}
		s.kept, err = s.second.TakeOwnPart(ctx, g, 1)
		say("the second hospital fetches shards, header and its own part of the key, and waits")
		return err
	}); err != nil {
		return err
	}
	return s.step("For research, only a de-identified derivative", map[string]string{"researcher": "the derivative, without names, numbers or dates"}, func(say func(string, ...any)) error {
		_, err := give(s.record, s.researcher, ledger.Research)
		text, err := s.refused(err, "an identified study is not granted for research", notice.Denied, notice.Invalid, notice.Conflict)
		if err != nil {
			return err
		}
		say("the identified study: refused: %s", text)
		d, err := patient.Deidentify(ctx, s.p, s.record, deid.Options{}, s.progress)
		if s.Study != "" && notice.Is(err, notice.Denied) {
			say("no derivative of this study: %s", notice.From(err).Text)
			return nil
		}
		if err != nil {
			return err
		}
		s.derived = d.Record
		say("%d instances by the PS3.15 Basic profile, %d elements changed, %d files held for a human look: %s", d.Instances, d.Changes, len(d.Held), d.Record)
		for _, w := range d.Warnings {
			say("warning: %s", w)
		}
		if s.research, err = give(s.derived, s.researcher, ledger.Research); err != nil {
			return err
		}
		r, _, err := s.researcher.OpenGranted(ctx, s.research, 0)
		if err != nil {
			return err
		}
		dir := filepath.Join(s.Dir, "researcher", "study")
		n, _, err := patient.Write(ctx, r, dir)
		if err != nil {
			return err
		}
		say("the institute opens %d files", n)
		return s.silent(say)
	})
}

func (s *scan) refusedOpen(ctx context.Context, p *owner.Party, say func(string, ...any)) (string, error) {
	_, err := p.GrantOn(ctx, s.record)
	text, err := s.refused(err, "without a grant nobody else opens it", notice.Denied)
	if err == nil {
		say("before: refused: %s", text)
	}
	return text, err
}

func (s *scan) revoke(ctx context.Context) error {
	return s.step("She takes all of it back", map[string]string{"organisations": "that the grants ended; they destroyed their parts"}, func(say func(string, ...any)) error {
		for _, g := range []ledger.GrantID{s.care, s.sealedCare, s.research} {
			if g == "" {
				continue // no derivative of this study could be granted
			}
			if err := s.p.Revoke(ctx, g); err != nil {
				return err
			}
		}
		for _, x := range []struct {
			who string
			p   *owner.Party
			g   ledger.GrantID
		}{{"the hospital", s.hospital, s.care}, {"the institute", s.researcher, s.research}, {"the second hospital, which kept shards, header and its own part", s.second, s.sealedCare}} {
			if x.g == "" {
				continue
			}
			_, _, err := x.p.OpenGranted(ctx, x.g, 0)
			text, err := s.refused(err, "after revoking, "+x.who+" opens nothing", notice.Denied)
			if err != nil {
				return err
			}
			say("%s: refused: %s", x.who, text)
		}
		if err := s.keptIsNotEnough(ctx); err != nil {
			return err
		}
		if err := s.partsGone(ctx); err != nil {
			return err
		}
		say("what the hospital had opened before it has seen: no revoking undoes that")
		return nil
	})
}

// keptIsNotEnough tries to open with what the second hospital kept.
func (s *scan) keptIsNotEnough(ctx context.Context) error {
	other, err := seal.Split(seal.NewKey())
	if err != nil {
		return err
	}
	key, err := seal.Join([3]seal.Part{s.kept, other[1], other[2]})
	if err != nil {
		return err
	}
	r, err := owner.Get[ledger.Record](ctx, s.second.Client, s.record)
	if err != nil {
		return err
	}
	v, _ := r.Latest()
	_, err = s.second.Vault.OpenRecord(ctx, v.Manifest, key)
	return s.check(err != nil, "one part of three opens nothing")
}

// partsGone waits until the release services hold no part of a grant.
func (s *scan) partsGone(ctx context.Context) error {
	for try := 0; ; try++ {
		found := 0
		err := filepath.WalkDir(filepath.Join(s.Dir, "node", "release"), func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && strings.Contains(path, "grant") {
				found++
			}
			return nil //nolint:nilerr // a file destroyed while walking is what we wait for
		})
		if err != nil || found == 0 || try == 50 {
			return errors.Join(err, s.check(found == 0, "the organisations destroyed their parts of the key"))
		}
		if err := s.pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

func (s *scan) destroy(ctx context.Context) error {
	return s.step("Two of the six storage nodes are destroyed", nil, func(say func(string, ...any)) error {
		for _, n := range []string{"1", "4"} {
			dir := filepath.Join(s.Dir, "node", "ipfs", n)
			blocks, err := filepath.Glob(filepath.Join(dir, "*", "*.data"))
			if err != nil {
				return err
			}
			for _, b := range blocks {
				if err := os.Remove(b); err != nil {
					return fmt.Errorf("destroy: %w", err)
				}
			}
			if err := s.check(len(blocks) > 0, "the destroyed node held shards"); err != nil {
				return err
			}
			say("node-%s lost all of its %d blocks", n, len(blocks))
		}
		if err := s.opensAs(ctx, s.p, "", s.folder); err != nil {
			return err
		}
		say("the study opens byte for byte from the other four")
		r, err := owner.Get[ledger.Record](ctx, s.p.Client, s.record)
		if err != nil {
			return err
		}
		v, _ := r.Latest()
		h, err := s.second.Vault.Repair(ctx, v.Manifest)
		if err != nil {
			return err
		}
		if h, err = s.p.Vault.Verify(ctx, v.Manifest); err != nil {
			return err
		}
		say("repaired by a party that has no key: %d of %d shards whole", h.Shards-len(h.Faults), h.Shards)
		return s.check(h.Whole() && len(h.Faults) == 0, "lost shards were rebuilt without a key")
	})
}

func (s *scan) later(ctx context.Context) error {
	if s.Study != "" {
		return nil
	}
	return s.step("Two late slices arrive", nil, func(say func(string, ...any)) error {
		added, err := patient.Add(ctx, s.p, s.progress, s.later2)
		if err != nil {
			return err
		}
		a := added[0]
		say("%s is at version %d: %d instances, %d of them new; the others were not sent again", a.Record, a.Version, a.Instances, a.New)
		if err := s.check(a.Record == s.record && a.Version == 2 && a.New == late && a.Instances == slices, "late slices become a new version"); err != nil {
			return err
		}
		return s.opensAs(ctx, s.p, "", s.folder, s.later2)
	})
}

func (s *scan) recover(ctx context.Context) error {
	return s.step("Her device is lost; two of three guardians bring everything back", map[string]string{"organisations": "a sealed backup that names nobody"}, func(say func(string, ...any)) error {
		if err := s.home.Backup(ctx); err != nil {
			return err
		}
		shares, err := s.home.Keys.Kit().Shares(2, 3)
		if err != nil {
			return err
		}
		before, err := s.p.Balance(ctx)
		if err != nil {
			return err
		}
		kit, err := joinShares(shares[0], shares[2])
		if err != nil {
			return err
		}
		pass, err := seal.NewPassphrase("a new passphrase on a new device")
		if err != nil {
			return err
		}
		h, got, err := owner.Recover(ctx, filepath.Join(s.Dir, "patient", "new-device"), pass, kit, s.address)
		if err != nil {
			return err
		}
		s.homes = append(s.homes, h)
		p, err := h.As(ledger.Health)
		if err != nil {
			return err
		}
		folders := []string{s.folder}
		if s.later2 != "" {
			folders = append(folders, s.later2)
		}
		if err := s.opensAs(ctx, p, "", folders...); err != nil {
			return err
		}
		say("%d records, %d grants and %s MAN are hers on the new device", got.Records, got.Grants, got.Balance[p.ID()])
		if err := s.check(got.Balance[p.ID()] == before && p.ID() == s.p.ID(), "records and MAN belong to the PartyID, not to a lost key"); err != nil {
			return err
		}
		_, err = s.p.Send(ctx, s.hospital.ID(), ledger.MAN(1))
		text, err := s.refused(err, "the lost device's key moves nothing any more", notice.Denied)
		say("the lost device tries to pay: refused: %s", text)
		s.p = p
		return err
	})
}
