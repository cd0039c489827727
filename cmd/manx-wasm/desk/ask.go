package desk

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"

	"manx/ledger"
	"manx/ml"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/web/owner"
	"manx/web/owner/patient"
)

// life is how long a job's fee waits for a result before it comes back.
const life ledger.Time = 3600

// An Offer is a model that a record can be shown to.
type Offer struct {
	ID      ledger.ModelID `json:"id"`
	Name    string         `json:"name"`
	Version string         `json:"version"`
	Price   ledger.Amount  `json:"price"`
	Accepts []ledger.Kind  `json:"accepts"`
	Card    ml.Card        `json:"card"`
}

// models lists those on offer that read a record of the party's own.
func (d *Desk) models(ctx context.Context, p *owner.Party, a ofRecord, _ Show) (any, error) {
	r, err := owner.Get[ledger.Record](ctx, p.Client, a.Record)
	if err != nil {
		return nil, err
	}
	all, err := p.Models(ctx)
	if err != nil {
		return nil, err
	}
	offers := []Offer{}
	seen := map[string]bool{}
	for _, m := range all {
		if named, ok := owner.Named(all, m.Name, ledger.Health); !ok || named.ID != m.ID || seen[m.Name] || !slices.Contains(m.Accepts, r.Kind) {
			continue
		}
		seen[m.Name] = true
		pub, err := p.Card(ctx, m)
		if err != nil {
			return nil, err
		}
		card, err := ml.ReadCard(bytes.NewReader(pub.Card))
		if err != nil || patient.Reads(card) != nil {
			continue // not for this version of the page
		}
		if ok, err := d.reads(ctx, p, card, r); err != nil {
			return nil, err
		} else if ok {
			offers = append(offers, Offer{m.ID, m.Name, m.Version, m.Price, m.Accepts, card})
		}
	}
	return offers, nil
}

// reads reports whether a record holds pictures of the sort that a model reads.
func (d *Desk) reads(ctx context.Context, p *owner.Party, c ml.Card, r ledger.Record) (bool, error) {
	if c.Input == nil {
		return true, nil // the kind of record says it
	}
	d.mu.Lock()
	holds, ok := d.holds[r.ID]
	d.mu.Unlock()
	if !ok {
		in, err := patient.OpenStudy(ctx, p, r.ID)
		if err != nil {
			return false, err
		}
		for _, s := range in.Studies {
			holds = append(holds, s.Modalities...)
		}
		if err := in.Close(); err != nil {
			return false, err
		}
		d.mu.Lock()
		d.holds[r.ID] = holds
		d.mu.Unlock()
	}
	// A model of plain radiographs reads "CR/DX".
	return slices.ContainsFunc(strings.Split(c.Input.Modality, "/"), func(m string) bool { return slices.Contains(holds, m) }), nil
}

type asked struct {
	Record ledger.RecordID `json:"record"`
	Model  string          `json:"model"`
}

func (d *Desk) quote(ctx context.Context, p *owner.Party, a asked, _ Show) (any, error) {
	return patient.UntimedQuoteFor(ctx, p, a.Record, a.Model)
}

// A Finding is a diagnosis with its pictures, as it is kept at home.
type Finding struct {
	patient.Diagnosis
	At       ledger.Time     `json:"at"`
	Pictures []Drawn         `json:"pictures"`
	Moved    []patient.Moved `json:"moved,omitempty"`
	Without  string          `json:"without,omitempty"` // why there are no pictures
	Hint     string          `json:"hint,omitempty"`    // what to do about it
}

// Drawn is a picture of what moved the model.
type Drawn struct {
	Name string `json:"name"`
	PNG  []byte `json:"png"`
}

// diagnose asks a model, draws, and keeps the finding sealed at home. Interrupted,
// the same call goes on with the same job.
func (d *Desk) diagnose(ctx context.Context, p *owner.Party, a asked, show Show) (any, error) {
	got, err := patient.DiagnoseWith(ctx, p, a.Record, a.Model, patient.Terms{Life: life}, told(show))
	if err != nil {
		return nil, err
	}
	info, err := p.Info(ctx)
	if err != nil {
		return nil, err
	}
	f := Finding{Diagnosis: got, At: info.Now, Pictures: []Drawn{}}
	if err := keep(p, f); err != nil { // it is paid for: a tab that is closed now loses pictures only
		return nil, err
	}
	show(Progress{Stage: "drawing"})
	all, err := got.Pictures(ctx)
	if err == nil {
		f.Moved, err = got.Moved(ctx)
	}
	if err != nil {
		n := notice.From(err) // the finding stands all the same
		f.Without, f.Hint = n.Text, n.Hint
	}
	for _, x := range all {
		f.Pictures = append(f.Pictures, Drawn{x.Name, x.PNG.Reveal(reveal.Token{})})
	}
	return f, keep(p, f)
}

// keep seals a finding into the home.
func keep(p *owner.Party, f Finding) error { return putAway(p, "finding", f.Job, f) }

type ofJob struct {
	Job ledger.JobID `json:"job"`
}

// finding opens one that was kept.
func (d *Desk) finding(_ context.Context, p *owner.Party, a ofJob, _ Show) (any, error) {
	if err := ledger.CheckID(a.Job, "job"); err != nil {
		return nil, notice.Because(err, notice.Invalid, "that is not the id of a job", "open it from the list")
	}
	return takeOut(p, "finding", a.Job)
}

// receipt fetches a job's receipt and verifies it against the pinned network.
func (d *Desk) receipt(ctx context.Context, p *owner.Party, a ofJob, _ Show) (any, error) {
	r, bundle, err := p.VerifiedReceipt(ctx, a.Job)
	if err != nil {
		return nil, err
	}
	return struct {
		Receipt ledger.Receipt  `json:"receipt"`
		Bundle  json.RawMessage `json:"bundle"`
	}{r, bundle}, nil
}

// told passes on the progress of long work.
func told(show Show) patient.Progress {
	return func(stage string, done, total int64) { show(Progress{stage, done, total}) }
}
