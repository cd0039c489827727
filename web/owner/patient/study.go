// Package patient is what a patient, and a hospital that she lets read, do with
// studies on their own device: add, open, de-identify, erase, and ask for a
// diagnosis. It knows nothing of credit.
package patient

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"manx/health"
	"manx/ledger"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/storage"
	"manx/storage/vault"
	"manx/web/owner"
)

// Added is what became of one study.
type Added struct {
	Record    ledger.RecordID `json:"record"`
	Version   int             `json:"version"`
	Manifest  storage.Ref     `json:"manifest"`
	Instances int             `json:"instances"` // in this version, all told
	New       int             `json:"new"`       // stored now
	Bytes     int64           `json:"bytes"`     // of plaintext, stored now
	Stored    int64           `json:"stored"`    // on the nodes for that
	Ignored   []health.Left   `json:"ignored,omitempty"`
	Rejected  []health.Left   `json:"rejected"`
}

var stages = map[vault.Stage]string{vault.Sealed: "sealing", vault.Stored: "storing"}

// Progress tells how far long work is: bytes of a stage's total, 0 where the
// total is not known. Who takes one takes nil too.
type Progress func(stage string, done, total int64)

// Add reads files, folders and archives, and stores each study it finds as a
// record: a new one, or a new version of the record that already holds the
// study. Files it cannot use are listed with the first; two patients in one
// upload are refused. Beside an error, an Added without a record holds the files
// that were left out. An interrupted Add goes on when it is repeated.
func Add(ctx context.Context, p *owner.Party, show Progress, paths ...string) ([]Added, error) {
	in, err := health.ReadStudies(ctx, paths...)
	if in != nil {
		defer in.Close()
	}
	if err == nil && len(in.Studies) == 0 {
		err = notice.New(notice.Invalid, "no study was found in what was given",
			"name the folder or ZIP that holds the DICOM files; `--json` lists why each file was left out")
	}
	if err != nil {
		if in == nil || len(in.Ignored)+len(in.Rejected) == 0 {
			return nil, err
		}
		return []Added{{Ignored: in.Ignored, Rejected: in.Rejected}}, err
	}
	var out []Added
	for i := range in.Studies {
		a, err := addStudy(ctx, p, &in.Studies[i], show)
		if i == 0 {
			a.Ignored, a.Rejected = in.Ignored, append(in.Rejected, a.Rejected...)
		}
		if a.Rejected == nil {
			a.Rejected = []health.Left{}
		}
		if err == nil || len(a.Ignored)+len(a.Rejected) > 0 {
			out = append(out, a)
		}
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

// nameOf is how the keyring knows a study: by a digest of its UID.
func nameOf(s *health.Study) string {
	h := sha256.Sum256([]byte("manx/study/v1\x00" + s.UID.Reveal(reveal.Token{})))
	return "study/" + hex.EncodeToString(h[:16])
}

func addStudy(ctx context.Context, p *owner.Party, s *health.Study, show Progress) (a Added, err error) {
	prev, id, err := known(ctx, p, s)
	if err != nil {
		return a, err
	}
	have := map[string][32]byte{}
	if prev != nil {
		for _, o := range prev.Objects() {
			var sum [32]byte
			if _, err := hex.Decode(sum[:], []byte(o.SHA256)); err != nil {
				return a, fmt.Errorf("digest in manifest: %w", err)
			}
			have[o.ID] = sum
		}
	}
	added, amended, _, err := s.Against(ctx, have)
	if err != nil {
		return a, err
	}
	if prev != nil && len(added)+len(amended) == 0 {
		r, err := owner.Get[ledger.Record](ctx, p.Client, id)
		v, n := r.Latest()
		return Added{Record: id, Version: n, Manifest: v.Manifest, Instances: len(have)}, err
	}
	var total int64
	var objects []vault.Object
	for _, in := range append(added, amended...) {
		total += in.Size
		objects = append(objects, vault.Object{
			ID: in.UID.Reveal(reveal.Token{}), Name: in.Path.Reveal(reveal.Token{}), Size: in.Size, Open: func() (io.ReadCloser, error) { return content(in) }})
	}
	d, reg, err := store(ctx, p, nameOf(s), ledger.RegisterRecord{Kind: ledger.Study}, id, vault.Version{
		Kind: string(ledger.Study), Prev: prev, Objects: objects}, show, total)
	a.Instances = len(have) + len(added)
	for _, r := range d.Rejected {
		a.Rejected = append(a.Rejected, health.Left{Path: r.Name, Reason: r.Reason})
		if _, had := have[r.ID]; !had {
			a.Instances--
		}
	}
	if err != nil {
		return a, err
	}
	a.Record, a.Version, a.Manifest = reg.Record, reg.Version, d.Manifest
	a.New, a.Bytes, a.Stored = d.Objects, d.Bytes, d.Stored
	return a, p.Keys.Keep(nameOf(s), []byte(reg.Record))
}

// store deposits a version and registers it, resuming either.
func store(ctx context.Context, p *owner.Party, name string, as ledger.RegisterRecord, prev ledger.RecordID, v vault.Version, show Progress, total int64) (d vault.Deposit, reg owner.Registered, err error) {
	file, err := p.Home.Path("journal", filepath.Base(name))
	if err != nil {
		return d, reg, fmt.Errorf("journal: %w", err)
	}
	if v.Owner, err = p.Keys.Identity(); err != nil {
		return d, reg, err
	}
	j := vault.NewFileJournal(file)
	v.Journal = j
	if show != nil {
		done := map[vault.Stage]int64{}
		v.Progress = func(stage vault.Stage, n int64) {
			done[stage] += n
			show(stages[stage], done[stage], total)
		}
	}
	if d, err = p.Vault.Add(ctx, v); err != nil {
		return d, reg, err
	}
	if reg, err = p.RegisterDeposit(ctx, d, prev, as); err != nil {
		return d, reg, err
	}
	return d, reg, j.Clear(ctx)
}

// known opens the record that already holds the study, or returns "".
func known(ctx context.Context, p *owner.Party, s *health.Study) (*vault.Record, ledger.RecordID, error) {
	kept, ok := p.Keys.Kept(nameOf(s))
	if !ok {
		return nil, "", nil
	}
	id := ledger.RecordID(kept.Reveal(reveal.Token{}))
	r, ledgers, err := p.OpenOwn(ctx, id, 0)
	if ledgers.Erased {
		return nil, "", p.Keys.Forget(nameOf(s))
	}
	return r, id, err
}

// OpenStudy opens the latest version of a study of the party's own: its files are
// fetched and decrypted as they are read, which ctx ends. The Intake must be closed.
func OpenStudy(ctx context.Context, p *owner.Party, id ledger.RecordID) (*health.Intake, error) {
	in, _, err := openStudy(ctx, p, id)
	return in, err
}

func openStudy(ctx context.Context, p *owner.Party, id ledger.RecordID) (in *health.Intake, version int, err error) {
	record, r, err := p.OpenOwn(ctx, id, 0)
	if err != nil {
		return nil, 0, err
	}
	_, version = r.Latest()
	in, err = health.ReadFS(ctx, newFolder(ctx, record))
	return in, version, err
}

// content reads an instance from its beginning.
func content(in *health.Instance) (io.ReadCloser, error) {
	o, err := in.Open()
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.NewSectionReader(o, 0, o.Size()), o}, nil
}

// Write writes every object of an opened record into a folder, under the
// names the owner gave them, and returns how many and how many bytes. It
// overwrites nothing.
func Write(ctx context.Context, r *vault.Record, dir string) (files int, size int64, err error) {
	root, err := openRoot(dir)
	if err != nil {
		return 0, 0, err
	}
	defer root.Close()
	err = r.Each(ctx, func(o *vault.Opened) error {
		n, err := writeObject(o, root)
		if err == nil {
			files, size = files+1, size+n
		}
		return err
	})
	return files, size, err
}

func openRoot(dir string) (*os.Root, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	return os.OpenRoot(dir)
}

func writeObject(o *vault.Opened, root *os.Root) (n int64, err error) {
	name := filepath.FromSlash(o.Name)
	if err := root.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return 0, fmt.Errorf("make folder: %w", err)
	}
	f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, os.ErrExist) {
		return 0, notice.Because(err, notice.Conflict, "a file that would be written is there already", "name an empty folder with --out")
	}
	if err != nil {
		return 0, fmt.Errorf("write object: %w", err)
	}
	n, err = io.Copy(f, o)
	return n, errors.Join(err, f.Close())
}
