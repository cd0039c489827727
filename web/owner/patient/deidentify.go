package patient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"manx/health"
	"manx/health/deid"
	"manx/health/dicom"
	"manx/ledger"
	"manx/privacy"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/storage/vault"
	"manx/web/owner"
)

// Derived is what became of a de-identification.
type Derived struct {
	Added
	Held     []health.Left `json:"held"`     // kept back for a human look, and why
	Warnings []string      `json:"warnings"` // of the whole study, each once
	Changes  int           `json:"changes"`  // elements removed, emptied, replaced or moved
	Sample   []deid.Change `json:"sample"`   // those of the first file

	Patient   string   `json:"patient,omitempty"` // the pseudonym in it
	ForReview []OnHold `json:"-"`                 // of Held, where a person's look may release one
}

// OnHold is a file that was held back.
type OnHold struct {
	ID     string // of the object in the record: its SOP instance UID
	Reason string
	May    bool // a person who sees no text in it may release it
}

// Deidentify makes a de-identified derivative of a study of the patient's own,
// on this device, and registers it as a record with lineage. Repeated after
// late slices, it adds them to the same derivative under the same new UIDs.
func Deidentify(ctx context.Context, p *owner.Party, id ledger.RecordID, opts deid.Options, show Progress) (d Derived, err error) {
	return DeidentifyReviewed(ctx, p, id, opts, nil, show)
}

// DeidentifyReviewed is Deidentify after a person has looked at files that were held
// and released some, by their ids. What a look cannot release stays held.
func DeidentifyReviewed(ctx context.Context, p *owner.Party, id ledger.RecordID, opts deid.Options, released []string, show Progress) (d Derived, err error) {
	d.Held, d.Warnings, d.Rejected = []health.Left{}, []string{}, []health.Left{}
	study, r, err := p.OpenOwn(ctx, id, 0)
	if err != nil {
		return d, err
	}
	if r.Kind != ledger.Study {
		return d, notice.New(notice.Invalid, "only an identified study can be de-identified", "`manx study list` shows what each record is")
	}
	salt, err := p.Keys.Salt("deid/" + string(id))
	if err != nil {
		return d, err
	}
	key := salt.Reveal(reveal.Token{})
	profile, err := deid.New(opts, privacy.Hide(key[:]))
	if err != nil {
		return d, err
	}
	name := "derived/" + string(id)
	var prev *vault.Record
	var prevID ledger.RecordID
	have := map[string]bool{}
	if kept, ok := p.Keys.Kept(name); ok {
		prevID = ledger.RecordID(kept.Reveal(reveal.Token{}))
		var r ledger.Record
		if prev, r, err = p.OpenOwn(ctx, prevID, 0); r.Erased {
			prev, prevID, err = nil, "", p.Keys.Forget(name)
		}
		if err != nil {
			return d, err
		}
		if prev != nil {
			for _, o := range prev.Objects() {
				have[o.ID] = true
			}
		}
	}
	var objects []vault.Object
	var total int64
	for _, o := range study.Objects() {
		write := profile.File
		if slices.Contains(released, o.ID) {
			write = profile.Reviewed
		}
		size, rep, hold, err := measure(ctx, study, o, profile, write)
		switch {
		case err != nil:
			return d, err
		case hold.Reason != "":
			d.Held = append(d.Held, health.Left{Path: o.Name, Reason: hold.Reason})
			d.ForReview = append(d.ForReview, hold)
			continue
		}
		d.Patient = rep.Patient
		if len(d.Sample) == 0 {
			d.Sample = rep.Changes
		}
		d.Changes += len(rep.Changes) + rep.More
		if w := rep.Uncured; w != "" && !slices.Contains(d.Warnings, w) {
			d.Warnings = append(d.Warnings, w)
		}
		if have[rep.SOPInstanceUID] {
			continue
		}
		total += size
		objects = append(objects, vault.Object{ID: rep.SOPInstanceUID, Name: rep.SOPInstanceUID + ".dcm", Size: size,
			Open: func() (io.ReadCloser, error) { return derive(ctx, study, o, write) }})
	}
	if len(objects) == 0 && prev == nil {
		return d, notice.New(notice.Denied, fmt.Sprintf("all %d files of the study are held back for a human look", len(d.Held)),
			"look at their pixels; `--json` gives the reason for each")
	}
	if len(objects) == 0 {
		r, err := owner.Get[ledger.Record](ctx, p.Client, prevID)
		v, n := r.Latest()
		d.Record, d.Version, d.Manifest, d.Instances = prevID, n, v.Manifest, len(have)
		return d, err
	}
	dep, reg, err := store(ctx, p, "derived-"+string(id), ledger.RegisterRecord{Kind: ledger.Deidentified, Derived: id}, prevID,
		vault.Version{Kind: string(ledger.Deidentified), Prev: prev, Objects: objects}, show, total)
	if err != nil {
		return d, err
	}
	d.Record, d.Version, d.Manifest, d.Instances = reg.Record, reg.Version, dep.Manifest, len(have)+dep.Objects
	d.New, d.Bytes, d.Stored = dep.Objects, dep.Bytes, dep.Stored
	return d, p.Keys.Keep(name, []byte(reg.Record))
}

// scan opens an object of a record as DICOM.
func scan(ctx context.Context, r *vault.Record, o vault.Info) (*dicom.File, *vault.Opened, error) {
	src, err := r.Open(ctx, o.ID)
	if err != nil {
		return nil, nil, err
	}
	f, err := dicom.Scan(src, o.Size)
	if err != nil {
		return nil, nil, errors.Join(err, src.Close())
	}
	return f, src, nil
}

// measure de-identifies an object without keeping the output: how long it is,
// and what changed; or why it is held.
func measure(ctx context.Context, r *vault.Record, o vault.Info, p *deid.Profile, write writing) (size int64, rep deid.Report, held OnHold, err error) {
	f, src, err := scan(ctx, r, o)
	if err != nil {
		return 0, rep, held, err
	}
	defer src.Close()
	var n counter
	rep, err = write(&n, f)
	if why, hold := p.Quarantine(f); hold && notice.Is(err, notice.Denied) {
		return 0, rep, OnHold{o.ID, why, p.Reviewable(f)}, nil
	}
	return int64(n), rep, held, err
}

// writing writes a file's de-identified copy: Profile.File or Profile.Reviewed.
type writing = func(w io.Writer, f *dicom.File) (deid.Report, error)

type counter int64

func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}

// derive streams an object's de-identified copy; nothing of it touches a disk.
func derive(ctx context.Context, r *vault.Record, o vault.Info, write writing) (io.ReadCloser, error) {
	f, src, err := scan(ctx, r, o)
	if err != nil {
		return nil, err
	}
	out, in := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, err := write(in, f)
		_ = in.CloseWithError(err)
	}()
	return struct {
		io.Reader
		io.Closer
	}{out, closer(func() error {
		err := out.Close()
		<-done
		return errors.Join(err, src.Close())
	})}, nil
}

type closer func() error

func (c closer) Close() error { return c() }
