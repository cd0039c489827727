package patient

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"slices"

	"manx/health/annotation"
	"manx/ledger"
	"manx/privacy"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/storage/vault"
	"manx/web/owner"
)

const annotationObject = "annotation"

// annotationRead is how long the hospital where an annotation was made may read it: as
// long as a grant lasts.
const annotationRead = ledger.Time(3650 * 24 * 3600)

// A Note is an annotation that is to be written.
type Note struct {
	About      ledger.RecordID // the record it speaks of
	At         ledger.PartyID  // the hospital; "" is the author itself
	To         ledger.RecordID // an annotation of the author's own, of which it is the next version; "" is a new one
	Supersedes ledger.RecordID // another author's, which it corrects; "" is none
	Finding    annotation.Finding
	DryRun     bool // check all that can be, and write nothing
}

// Annotated is an annotation that was stored.
type Annotated struct {
	Record  ledger.RecordID `json:"record,omitempty"` // none of a dry run
	Version int             `json:"version"`
	About   ledger.RecordID `json:"about"`
	Of      int             `json:"of"` // which version of it
	At      ledger.PartyID  `json:"at"`
	Stored  int64           `json:"stored"` // bytes on the nodes
	DryRun  bool            `json:"dry_run,omitempty"`
}

// Annotate signs what the author says of a record, seals it as a record of the author's,
// and lets the hospital where it is said read it. An interrupted Annotate of the same
// goes on when it is repeated.
func Annotate(ctx context.Context, p *owner.Party, n Note) (a Annotated, err error) {
	if err := n.Finding.Check(); err != nil {
		return a, err
	}
	v := vault.Version{Kind: string(ledger.Annotation)}
	a.Version = 1
	if n.To != "" {
		var r ledger.Record
		if v.Prev, r, err = p.OpenOwn(ctx, n.To, 0); err != nil {
			return a, err
		}
		if r.Kind != ledger.Annotation || n.About != "" && r.About != n.About || n.At != "" && r.At != n.At || n.Supersedes != "" && r.Supersedes != n.Supersedes {
			return a, notice.New(notice.Invalid, "the record that the annotation is to be a version of is none, or speaks of another record or at another hospital", "`manx annotate list` shows yours")
		}
		n.About, n.At, n.Supersedes = r.About, r.At, r.Supersedes
		_, latest := r.Latest()
		a.Version = latest + 1
	}
	n.At = cmp.Or(n.At, p.ID())
	about, err := owner.Get[ledger.Record](ctx, p.Client, n.About)
	if err != nil {
		return a, err
	}
	a.About, a.At, a.DryRun = n.About, n.At, n.DryRun
	_, a.Of = about.Latest()
	said := annotation.Annotation{Place: annotation.Place{Network: p.Home.Network.Genesis.ID(), About: n.About, Of: a.Of, At: n.At, By: p.ID(), Supersedes: n.Supersedes}, Finding: privacy.Hide(n.Finding)}
	raw, err := said.Encode(p.Keys.Sign)
	if err != nil || n.DryRun {
		return a, err
	}
	v.Objects = []vault.Object{{ID: annotationObject, Name: "annotation.json", Size: int64(len(raw)), Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil }}}
	reg, found, err := saidBefore(ctx, p, n, said)
	if err != nil {
		return a, err
	}
	if !found {
		var d vault.Deposit
		d, reg, err = store(ctx, p, "annotation-"+string(cmp.Or(n.To, n.About)), ledger.RegisterRecord{Kind: ledger.Annotation, About: n.About, At: n.At, Supersedes: n.Supersedes}, n.To, v, nil, int64(len(raw)))
		if err != nil {
			return a, err
		}
		a.Stored = d.Stored
	}
	a.Record, a.Version = reg.Record, reg.Version
	return a, letRead(ctx, p, a.Record, n.At)
}

// saidBefore looks for what the author says among what it has said: the same again is
// no second annotation, whatever was lost in between.
func saidBefore(ctx context.Context, p *owner.Party, n Note, said annotation.Annotation) (owner.Registered, bool, error) {
	own, err := p.Records(ctx)
	if err != nil {
		return owner.Registered{}, false, err
	}
	for _, r := range own {
		if r.Kind != ledger.Annotation || r.Erased || r.About != n.About || r.At != n.At || r.Supersedes != n.Supersedes || n.To != "" && r.ID != n.To {
			continue
		}
		before, err := OpenAnnotation(ctx, p, r.ID, 0)
		if err != nil {
			return owner.Registered{}, false, err
		}
		if before.Place == said.Place && before.Finding.Reveal(reveal.Token{}).Same(n.Finding) {
			_, version := r.Latest()
			return owner.Registered{Record: r.ID, Version: version}, true, nil
		}
	}
	return owner.Registered{}, false, nil
}

// letRead lets the hospital where an annotation was made read it, unless it may.
func letRead(ctx context.Context, p *owner.Party, id ledger.RecordID, at ledger.PartyID) error {
	if at == p.ID() {
		return nil
	}
	info, err := p.Info(ctx)
	if err != nil {
		return err
	}
	grants, err := p.Grants(ctx)
	if err != nil {
		return err
	}
	under := "letting-read/" + string(id) // a grant may be there, and the key's parts not
	_, interrupted := p.Keys.Kept(under)
	if !interrupted && slices.ContainsFunc(grants, func(g ledger.Grant) bool { return g.Record == id && g.To == at && g.Live(info.Now) }) {
		return nil
	}
	if err := p.Keys.Keep(under, []byte{1}); err != nil {
		return err
	}
	if _, err := p.Grant(ctx, ledger.GiveGrant{Record: id, To: at, Purpose: ledger.Care, Access: ledger.Read, Until: info.Now + annotationRead}); err != nil {
		return err
	}
	return p.Keys.Forget(under)
}

// Annotations returns the annotations that a party wrote, or may read as the hospital
// where they were made, the latest first. Those that were withdrawn, or whose grant has
// ended, are not there. about is what they speak of; "" is any record.
func Annotations(ctx context.Context, p *owner.Party, about ledger.RecordID) (all []ledger.Record, err error) {
	own, err := p.Records(ctx)
	if err != nil {
		return nil, err
	}
	all = own
	info, err := p.Info(ctx)
	if err != nil {
		return nil, err
	}
	grants, err := p.Grants(ctx)
	if err != nil {
		return nil, err
	}
	for _, g := range grants {
		if g.To != p.ID() || g.Access != ledger.Read || g.Purpose != ledger.Care || !g.Live(info.Now) {
			continue
		}
		r, err := owner.Get[ledger.Record](ctx, p.Client, g.Record)
		if err != nil {
			return nil, err
		}
		if r.At == p.ID() {
			all = append(all, r)
		}
	}
	all = slices.DeleteFunc(all, func(r ledger.Record) bool {
		return r.Kind != ledger.Annotation || r.Erased || about != "" && r.About != about
	})
	corrects := map[ledger.RecordID]ledger.RecordID{}
	for _, r := range all {
		corrects[r.ID] = r.Supersedes
	}
	depth := func(id ledger.RecordID) (n int) { // of corrections; the ledger's clock may stand between two
		for ; n < len(all) && corrects[id] != ""; n++ {
			id = corrects[id]
		}
		return n
	}
	slices.SortFunc(all, func(a, b ledger.Record) int {
		x, _ := a.Latest()
		y, _ := b.Latest()
		return cmp.Or(cmp.Compare(y.At, x.At), cmp.Compare(depth(b.ID), depth(a.ID)), cmp.Compare(b.ID, a.ID))
	})
	return slices.CompactFunc(all, func(a, b ledger.Record) bool { return a.ID == b.ID }), nil
}

// OpenAnnotation opens a version of an annotation that the party wrote or may read; 0 is
// the latest. What it says must be what the ledger says of it, and signed by its author,
// whatever the node shows.
func OpenAnnotation(ctx context.Context, p *owner.Party, id ledger.RecordID, version int) (a annotation.Annotation, err error) {
	r, err := owner.Get[ledger.Record](ctx, p.Client, id)
	if err != nil {
		return a, err
	}
	var opened *vault.Record
	if r.Owner == p.ID() {
		opened, r, err = p.OpenOwn(ctx, id, version)
	} else {
		var g ledger.GrantID
		if g, err = p.GrantOn(ctx, id); err == nil {
			opened, r, err = p.OpenGranted(ctx, g, version)
		}
	}
	if err != nil {
		return a, err
	}
	if r.Kind != ledger.Annotation {
		return a, notice.New(notice.Invalid, "the record is no annotation", "`manx annotate list` shows those that you may read")
	}
	o, err := opened.Open(ctx, annotationObject)
	if err != nil {
		return a, err
	}
	defer o.Close()
	a, signed, err := annotation.Decode(io.NewSectionReader(o, 0, annotation.MaxFile+1))
	if err != nil {
		return a, err
	}
	if a.Network != p.Home.Network.Genesis.ID() || a.About != r.About || a.At != r.At || a.By != r.Owner || a.Supersedes != r.Supersedes {
		return annotation.Annotation{}, notice.New(notice.Integrity, "the annotation says another record, author or hospital than the ledger does", "do not use it; ask its author")
	}
	return a, p.SignedBy(ctx, a.By, signed)
}
