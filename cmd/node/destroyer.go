package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/storage"
	"manx/storage/vault"
	"manx/web/index"
)

// A destroyer deletes the ciphertexts and evaluation keys of jobs whose grant
// was revoked or whose record was erased, what a committee could open under a
// grant that has ended, the messages of comparisons that are over, and the shares
// that sites joined sums with which are over, or which they have left. Release
// services destroy wraps and parts by themselves.
type destroyer struct {
	ledger ledger.Ledger
	index  *index.Index
	stores []storage.Blobs
	log    *slog.Logger
	mark   mark
}

// packsOf returns the storage nodes as the vault of one party, which deletes
// nothing that the party has not put there: what a job names is its author's
// word.
func (d *destroyer) packsOf(p ledger.PartyID) (*vault.Vault, error) {
	its := make([]storage.Blobs, len(d.stores))
	for i, s := range d.stores {
		its[i] = owned{s, i, p, d.index}
	}
	return vault.Over(its)
}

// owned deletes a blob only where it is a party's.
type owned struct {
	storage.Blobs
	node  int
	party ledger.PartyID
	index *index.Index
}

func (o owned) Delete(ctx context.Context, r storage.Ref) error {
	_, err := o.index.Remove(ctx, o.node, o.Blobs, r, o.party)
	return err
}

// run follows the ledger from its mark until ctx ends: a node that was down
// makes up for it. After a failure the mark stays, so that the next start tries
// again; what is gone already is passed over.
func (d *destroyer) run(ctx context.Context) error {
	from, err := d.mark.read()
	if err != nil {
		return err
	}
	failed := false
	for e, err := range d.ledger.Events(ctx, from) {
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("destroyer: %w", err)
		}
		if err := d.see(ctx, e); err != nil && ctx.Err() == nil {
			failed = true
			d.log.ErrorContext(ctx, "destroying what was revoked failed", slog.Uint64("height", uint64(e.Height)), slog.Any("error", err))
		}
		if e.Name != ledger.TimeTicked || failed || ctx.Err() != nil {
			continue
		}
		if err := d.mark.keep(e.Height); err != nil {
			return err
		}
	}
	return nil
}

func (d *destroyer) see(ctx context.Context, e ledger.Event) error {
	switch e.Name {
	case ledger.GrantRevoked:
		var g ledger.Grant
		if err := json.Unmarshal(e.Body, &g); err != nil {
			return err
		}
		if g.Job == "" {
			return d.joint(ctx, g)
		}
		return d.jobs(ctx, e.Height, g.Owner, func(j ledger.Job) bool { return j.ID == g.Job })
	case ledger.SharesDestroyed: // its grant permits nothing more, however it ended
		var said ledger.Destroyed
		if err := json.Unmarshal(e.Body, &said); err != nil {
			return err
		}
		g, err := read[ledger.Grant](ctx, d.ledger, said.Grant)
		if err != nil {
			return err
		}
		return d.joint(ctx, g)
	case ledger.RecordErased:
		var r ledger.Record
		if err := json.Unmarshal(e.Body, &r); err != nil {
			return err
		}
		return d.jobs(ctx, e.Height, r.Owner, func(j ledger.Job) bool { return j.Record == r.ID })
	case ledger.OverlapChanged:
		var o ledger.Overlap
		if err := json.Unmarshal(e.Body, &o); err != nil || !o.Stage.Over() {
			return err
		}
		return d.messages(ctx, o)
	case ledger.SumChanged:
		var s ledger.Sum
		if err := json.Unmarshal(e.Body, &s); err != nil {
			return err
		}
		return d.shares(ctx, s)
	}
	return nil
}

// shares destroys what sites have joined a sum with that needs it no more.
func (d *destroyer) shares(ctx context.Context, s ledger.Sum) error {
	var errs []error
	for _, in := range s.Joined {
		if !in.Withdrawn && !s.Stage.Over() {
			continue
		}
		packs, err := d.packsOf(in.Site)
		if err != nil {
			return err
		}
		for _, r := range in.Shares {
			if err := packs.Erase(ctx, r); err != nil && !notice.Is(err, notice.NotFound) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// joint destroys what a committee could still open under a grant that has ended:
// the encrypted input, and what workers made of it.
func (d *destroyer) joint(ctx context.Context, g ledger.Grant) error {
	if g.Input.IsZero() {
		return nil
	}
	errs := []error{d.erase(ctx, g.Owner, g.Input)}
	for _, id := range g.Jobs {
		j, err := read[ledger.Job](ctx, d.ledger, id)
		if err == nil && j.Committee != "" && !j.Result.IsZero() {
			err = d.erase(ctx, j.Worker, j.Result)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// erase destroys a party's pack. One that is gone is passed over.
func (d *destroyer) erase(ctx context.Context, p ledger.PartyID, r storage.Ref) error {
	packs, err := d.packsOf(p)
	if err != nil {
		return err
	}
	if err := packs.Erase(ctx, r); err != nil && !notice.Is(err, notice.NotFound) {
		return err
	}
	return nil
}

func read[T any, ID ~string](ctx context.Context, l ledger.Ledger, id ID) (v T, err error) {
	b, err := l.Read(ctx, ledger.KeyOf(id))
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	return v, err
}

// messages destroys what two holders sent while they compared lists.
func (d *destroyer) messages(ctx context.Context, o ledger.Overlap) error {
	var errs []error
	for side, p := range []ledger.PartyID{o.First, o.Second} {
		for _, r := range []storage.Ref{o.Blinded[side], o.Tags[side]} {
			if !r.IsZero() {
				errs = append(errs, d.erase(ctx, p, r))
			}
		}
	}
	return errors.Join(errs...)
}

// jobs destroys what the subject's jobs that match were given. Evaluation keys
// that another of her running jobs needs stay until that one ends by itself.
func (d *destroyer) jobs(ctx context.Context, at ledger.Height, subject ledger.PartyID, match func(ledger.Job) bool) error {
	if err := d.index.Await(ctx, at); err != nil {
		return err
	}
	var ended []ledger.Job
	needed := map[storage.Ref]bool{}
	for before := ledger.Height(0); ; {
		rows, next, err := d.index.List(ctx, subject, "job", before, 500)
		if err != nil {
			return err
		}
		for _, row := range rows {
			var j ledger.Job
			if err := json.Unmarshal(row, &j); err != nil {
				return fmt.Errorf("job: %w", err)
			}
			if match(j) {
				ended = append(ended, j)
			} else if !j.Stage.Over() {
				needed[j.EvalKeys] = true
			}
		}
		if next == 0 {
			break
		}
		before = next
	}
	packsOf, err := d.packsOf(subject)
	if err != nil {
		return err
	}
	var errs []error
	for _, j := range ended {
		packs := j.Inputs
		if !j.EvalKeys.IsZero() && !needed[j.EvalKeys] {
			packs = append(packs, j.EvalKeys)
		}
		for _, r := range packs {
			if err := packsOf.Erase(ctx, r); err != nil && !notice.Is(err, notice.NotFound) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}
