package desk

import (
	"bytes"
	"context"
	"fmt"
	"image/png"
	"slices"

	"manx/health"
	"manx/health/deid"
	"manx/ledger"
	"manx/privacy"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/privacy/seal"
	"manx/web/owner"
	"manx/web/owner/patient"
)

// what names files, folders and archives in the desk's file system.
type what struct {
	Paths []string `json:"paths"`
}

// A Found is one study of what was dropped, for its owner's own screen.
type Found struct {
	Name        string   `json:"name"` // of the patient
	Born        string   `json:"born"`
	Date        string   `json:"date"`
	Description string   `json:"description"`
	Modalities  []string `json:"modalities"`
	Series      int      `json:"series"`
	Instances   int      `json:"instances"`
	Bytes       int64    `json:"bytes"`
}

// A Scan is what a drop holds, before anything is stored.
type Scan struct {
	Studies  []Found       `json:"studies"`
	Ignored  int           `json:"ignored"`
	Rejected []health.Left `json:"rejected"`
	Mixed    string        `json:"mixed,omitempty"` // how many files are of whom, where two patients are in it
}

func (d *Desk) scan(ctx context.Context, a what, show Show) (any, error) {
	show(Progress{Stage: "reading"})
	in, err := health.ReadStudies(ctx, a.Paths...)
	if in != nil {
		defer in.Close()
	}
	if in == nil || err != nil && !notice.Is(err, notice.Conflict) {
		return nil, err
	}
	out := Scan{Studies: []Found{}, Ignored: len(in.Ignored), Rejected: append([]health.Left{}, in.Rejected...)}
	if err != nil {
		out.Mixed = notice.From(err).Text
	}
	for i := range in.Studies {
		s := &in.Studies[i]
		who := s.Patient.Reveal(reveal.Token{})
		out.Studies = append(out.Studies, Found{Name: who.Name, Born: who.BirthDate, Date: s.Date.Reveal(reveal.Token{}), Description: s.Description.Reveal(reveal.Token{}),
			Modalities: s.Modalities, Series: len(s.Series()), Instances: len(s.Instances), Bytes: s.Bytes})
	}
	return out, nil
}

// A Change is one element before and after de-identification.
type Change struct {
	deid.Change
	Before string `json:"before"`
	After  string `json:"after"`
}

// A Preview is what de-identification would do to a study.
type Preview struct {
	Files    int           `json:"files"`
	Changes  []Change      `json:"changes"`       // of the file in the middle
	Held     []health.Left `json:"held"`          // files that would be kept back, and why
	Warnings []string      `json:"warnings"`      // what it does not cure, each once
	Images   int           `json:"images"`        // files that hold a picture
	PNG      []byte        `json:"png,omitempty"` // the file in the middle, whose pixels stay; none where it cannot be drawn
}

// preview shows what de-identification would change, under a key that is thrown
// away: the UIDs and the pseudonym of the derivative will be others.
func (d *Desk) preview(ctx context.Context, a what, show Show) (any, error) {
	in, err := health.ReadStudies(ctx, a.Paths...)
	if in != nil {
		defer in.Close()
	}
	if err != nil {
		return nil, err
	}
	if len(in.Studies) == 0 {
		return nil, notice.New(notice.Invalid, "no study was found in what was given", "choose the folder or ZIP that holds the DICOM files")
	}
	thrown, err := seal.NewKey().Derive("preview", 0)
	if err != nil {
		return nil, err
	}
	key := thrown.Reveal(reveal.Token{})
	profile, err := deid.New(deid.Options{}, privacy.Hide(append(key[:], key[:]...)))
	if err != nil {
		return nil, err
	}
	s := &in.Studies[0]
	out := Preview{Files: len(s.Instances), Changes: []Change{}, Held: []health.Left{}, Warnings: []string{}}
	for i := range s.Instances {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := out.look(profile, &s.Instances[i]); err != nil {
			return nil, err
		}
		show(Progress{"checking", int64(i + 1), int64(len(s.Instances))})
	}
	if all := s.Images(); len(all) > 0 {
		middle := all[len(all)/2]
		if err := out.differences(profile, middle); err != nil {
			return nil, err
		}
		out.Images = len(all)
		if out.PNG, err = Draw(middle, health.Window{Center: 40, Width: 400}); err != nil && notice.Is(err, notice.Internal) {
			return nil, err // or a picture that cannot be drawn, which is no reason to show nothing
		}
	}
	return out, nil
}

// look notes whether a file would be held.
func (v *Preview) look(p *deid.Profile, in *health.Instance) error {
	f, o, err := in.Scan()
	if err != nil {
		return err
	}
	defer o.Close()
	if w := deid.Uncured(f); w != "" && !slices.Contains(v.Warnings, w) {
		v.Warnings = append(v.Warnings, w)
	}
	if why, hold := p.Quarantine(f); hold {
		v.Held = append(v.Held, health.Left{Path: in.Path.Reveal(reveal.Token{}), Reason: why})
	}
	return nil
}

func (v *Preview) differences(p *deid.Profile, in *health.Instance) error {
	f, o, err := in.Scan()
	if err != nil {
		return err
	}
	defer o.Close()
	all, err := p.Preview(f)
	for _, c := range all {
		v.Changes = append(v.Changes, Change{c.Change, c.Before.Reveal(reveal.Token{}), c.After.Reveal(reveal.Token{})})
	}
	return err
}

func (d *Desk) add(ctx context.Context, p *owner.Party, a what, show Show) (any, error) {
	show(Progress{Stage: "reading"})
	return patient.Add(ctx, p, told(show), a.Paths...)
}

type ofRecord struct {
	Record ledger.RecordID `json:"record"`
}

func (d *Desk) deidentify(ctx context.Context, p *owner.Party, a struct {
	ofRecord
	Options deid.Options `json:"options"`
}, show Show) (any, error) {
	show(Progress{Stage: "reading"})
	return patient.Deidentify(ctx, p, a.Record, a.Options, told(show))
}

func (d *Desk) erase(ctx context.Context, p *owner.Party, a ofRecord, _ Show) (any, error) {
	return none{}, patient.Erase(ctx, p, a.Record)
}

// viewing is the record that is open in the viewer: one at a time.
type viewing struct {
	record   ledger.RecordID
	in       *health.Intake
	pictures []Slice
}

// A Slice is one picture of a record.
type Slice struct {
	Number  int `json:"number"`
	Rows    int `json:"rows"`
	Columns int `json:"columns"`
	Frame   int `json:"frame"` // of its file, from 0
	image   *health.Instance
}

// maxPictures bounds the pictures of a record that are listed.
const maxPictures = 20_000

// slices opens a record of the party's own in the viewer and lists its pictures.
func (d *Desk) slices(ctx context.Context, p *owner.Party, a ofRecord, show Show) (any, error) {
	show(Progress{Stage: "reading"})
	// The pictures are fetched after this call has returned: until the desk closes.
	in, err := patient.OpenStudy(context.WithoutCancel(ctx), p, a.Record)
	if err != nil {
		return nil, err
	}
	v := &viewing{record: a.Record, in: in, pictures: []Slice{}}
	for i := range in.Studies {
		for _, im := range in.Studies[i].Images() {
			for frame := range min(im.Frames, maxPictures-len(v.pictures)) {
				v.pictures = append(v.pictures, Slice{im.Number, im.Rows, im.Columns, frame, im})
			}
		}
	}
	d.mu.Lock()
	old := d.view
	d.view = v
	d.mu.Unlock()
	if old != nil {
		err = old.in.Close()
	}
	return v.pictures, err
}

// picture decrypts and decodes one picture of the record that slices opened.
func (d *Desk) picture(_ context.Context, a struct {
	ofRecord
	Index int `json:"index"`
}, _ Show) (any, error) {
	d.mu.Lock()
	v := d.view
	d.mu.Unlock()
	if v == nil || v.record != a.Record || a.Index < 0 || a.Index >= len(v.pictures) {
		return nil, notice.New(notice.Invalid, "there is no such picture in the viewer", "open the study again")
	}
	return v.pictures[a.Index].image.View(v.pictures[a.Index].Frame)
}

// Draw returns a picture of an instance as PNG, for its owner's eyes.
func Draw(in *health.Instance, w health.Window) ([]byte, error) {
	im, err := in.Show(w)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&b, im); err != nil {
		return nil, fmt.Errorf("draw: %w", err)
	}
	return b.Bytes(), nil
}
