package index

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/storage"
	"manx/storage/vault"
)

// Whose a blob is follows from ledger and storage: a manifest that a command
// names on the ledger, as a record's version, a job's input, keys, result or
// answer, a grant's input, a model's plans, card or proving keys, or a committee's
// keys, names its shards in turn; all
// of them belong to the party whose they are on the ledger, the first where
// several name the same. Uploads tell the same earlier, and what nobody has named
// yet stands by them alone: lost with the index it belongs to nobody, counts
// against no quota, and is its sender's again once it is sent again or named.

// Claim follows the ledger until ctx ends and gives each blob that it names and
// that is nobody's to whom it belongs. On a node whose index was never lost that
// changes nothing: what somebody has uploaded stays hers when another names it, or
// who learns of an upload before its owner's command could name it first and delete
// it. Storage that does not answer is waited for.
func (x *Index) Claim(ctx context.Context, l ledger.Ledger, stores []storage.Blobs) error {
	c, err := x.claimer(l, stores)
	if err != nil {
		return err
	}
	var from uint64
	err = x.insist(ctx, func(db *gorm.DB) error {
		return db.Table("cursors").Where("id = ?", claimsCursor).Select("height").Take(&from).Error
	})
	if err == nil {
		err = c.follow(ctx, ledger.Height(from), c.patiently)
	}
	if ctx.Err() != nil {
		return nil //nolint:nilerr // it was told to end
	}
	return err
}

type claimer struct {
	*Index
	ledger ledger.Ledger
	stores []storage.Blobs
	packs  *vault.Vault
	unread []storage.Ref // manifests that could not be read
}

func (x *Index) claimer(l ledger.Ledger, stores []storage.Blobs) (*claimer, error) {
	v, err := vault.Over(stores)
	return &claimer{Index: x, ledger: l, stores: stores, packs: v}, err
}

// claimsAtOnce is after how many events the cursor is kept.
const claimsAtOnce = 256

func (c *claimer) follow(ctx context.Context, from ledger.Height, see func(context.Context, ledger.Event) error) error {
	n := 0
	for e, err := range c.ledger.Events(ctx, max(from, 1)) {
		if err != nil {
			return fmt.Errorf("follow events: %w", err)
		}
		named := naming(e)
		if named {
			if err := see(ctx, e); err != nil {
				return err
			}
		}
		// A height that is read again claims nothing twice.
		if n++; named || n%claimsAtOnce == 0 {
			if err := c.keep(ctx, e.Height); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *claimer) keep(ctx context.Context, h ledger.Height) error {
	return c.insist(ctx, func(db *gorm.DB) error {
		return db.Exec("UPDATE cursors SET height = ? WHERE id = ? AND height < ?", uint64(h), claimsCursor, uint64(h)).Error
	})
}

// naming reports whether an event names manifests.
func naming(e ledger.Event) bool {
	switch e.Name {
	case ledger.RecordRegistered, ledger.RecordAmended, ledger.ModelPublished, ledger.JobAsked, ledger.JobReady, ledger.JobDone, ledger.JobAnswered,
		ledger.OverlapChanged, ledger.SumChanged, ledger.GrantGiven, ledger.CommitteeChanged, ledger.CommitteeKeyed:
		return true
	}
	return false
}

// patiently claims what an event names, as often as it takes storage to answer.
// A manifest that stays unreadable for a minute holds up no other.
func (c *claimer) patiently(ctx context.Context, e ledger.Event) error {
	for wait := 100 * time.Millisecond; ; wait *= 2 {
		err := c.event(ctx, e)
		if err == nil || ctx.Err() != nil {
			return err
		}
		if wait > time.Minute {
			c.log.ErrorContext(ctx, "blobs that the ledger names could not be claimed; rebuild the index when storage is whole",
				slog.Uint64("height", uint64(e.Height)), slog.Any("error", err))
			return nil
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// event claims what an event names.
func (c *claimer) event(ctx context.Context, e ledger.Event) error {
	switch e.Name {
	case ledger.RecordRegistered, ledger.RecordAmended:
		var r ledger.Record
		if err := json.Unmarshal(e.Body, &r); err != nil {
			return fmt.Errorf("record: %w", err)
		}
		v, _ := r.Latest()
		return c.claim(ctx, r.Owner, func() (bool, error) { return c.kept(ctx, r.ID) }, v.Manifest)
	case ledger.ModelPublished:
		var m ledger.Model
		if err := json.Unmarshal(e.Body, &m); err != nil {
			return fmt.Errorf("model: %w", err)
		}
		return c.claim(ctx, m.Owner, always, m.Plan, m.Joint.Plan, m.Card, m.KeysRef)
	case ledger.OverlapChanged:
		return c.overlap(ctx, e)
	case ledger.SumChanged:
		return c.sum(ctx, e)
	case ledger.GrantGiven:
		return c.granted(ctx, e)
	case ledger.CommitteeChanged, ledger.CommitteeKeyed:
		return c.committee(ctx, e)
	}
	var j ledger.Job
	if err := json.Unmarshal(e.Body, &j); err != nil {
		return fmt.Errorf("job: %w", err)
	}
	switch e.Name {
	case ledger.JobDone:
		return c.claim(ctx, j.Worker, always, j.Result)
	case ledger.JobAnswered:
		return c.claim(ctx, j.Subject, always, j.Answer)
	}
	return c.claim(ctx, j.Subject, func() (bool, error) { return c.entrusted(ctx, j) }, append(slices.Clone(j.Inputs), j.EvalKeys)...)
}

// granted claims the encrypted input that goes with a grant given beforehand.
func (c *claimer) granted(ctx context.Context, e ledger.Event) error {
	var g ledger.Grant
	if err := json.Unmarshal(e.Body, &g); err != nil {
		return fmt.Errorf("grant: %w", err)
	}
	return c.claim(ctx, g.Owner, func() (bool, error) { return c.entrusted(ctx, ledger.Job{Grant: g.ID, Record: g.Record}) }, g.Input)
}

// committee claims a committee's public key, or evaluation keys, for the member
// that stored them.
func (c *claimer) committee(ctx context.Context, e ledger.Event) error {
	if e.Name == ledger.CommitteeKeyed {
		var k ledger.CommitteeKeys
		if err := json.Unmarshal(e.Body, &k); err != nil || len(k.Serve) == 0 {
			return err
		}
		return c.claim(ctx, k.Serve[0], always, k.Keys)
	}
	var k ledger.Committee
	if err := json.Unmarshal(e.Body, &k); err != nil || len(k.Holders) == 0 {
		return err
	}
	return c.claim(ctx, k.Holders[0], always, k.Public)
}

// overlap claims the messages of a comparison for who sent them. Those of the
// holders are destroyed when it is over.
func (c *claimer) overlap(ctx context.Context, e ledger.Event) error {
	var o ledger.Overlap
	if err := json.Unmarshal(e.Body, &o); err != nil {
		return fmt.Errorf("overlap: %w", err)
	}
	running := func() (bool, error) {
		now, err := read[ledger.Overlap](ctx, c.ledger, ledger.KeyOf(o.ID))
		return err == nil && !now.Stage.Over(), ignoreAbsent(err)
	}
	for side, p := range []ledger.PartyID{o.First, o.Second} {
		if err := c.claim(ctx, p, running, o.Blinded[side], o.Tags[side]); err != nil {
			return err
		}
	}
	return c.claim(ctx, o.Counter, always, o.Answers[:]...)
}

// sum claims the shares of a sum for the sites that joined with them, which are
// destroyed when it is over, and those of the result for who computed it.
func (c *claimer) sum(ctx context.Context, e ledger.Event) error {
	var s ledger.Sum
	if err := json.Unmarshal(e.Body, &s); err != nil {
		return fmt.Errorf("sum: %w", err)
	}
	for _, in := range s.Joined {
		counts := func() (bool, error) {
			now, err := read[ledger.Sum](ctx, c.ledger, ledger.KeyOf(s.ID))
			_, joined := now.Input(in.Site)
			return err == nil && joined && !now.Stage.Over(), ignoreAbsent(err)
		}
		if err := c.claim(ctx, in.Site, counts, in.Shares[:]...); err != nil {
			return err
		}
	}
	for i, out := range s.Shares {
		if err := c.claim(ctx, s.Holders[i], always, out.Output); err != nil {
			return err
		}
	}
	return nil
}

func always() (bool, error) { return true, nil }

// kept reports whether a record is not erased.
func (c *claimer) kept(ctx context.Context, id ledger.RecordID) (bool, error) {
	r, err := read[ledger.Record](ctx, c.ledger, ledger.KeyOf(id))
	return err == nil && !r.Erased, ignoreAbsent(err)
}

// entrusted reports whether what a job was given is not to be destroyed: its
// grant is not revoked and its record not erased.
func (c *claimer) entrusted(ctx context.Context, j ledger.Job) (bool, error) {
	if j.Grant != "" {
		g, err := read[ledger.Grant](ctx, c.ledger, ledger.KeyOf(j.Grant))
		if err != nil || g.Revoked != 0 {
			return false, ignoreAbsent(err)
		}
	}
	if j.Record == "" {
		return true, nil
	}
	return c.kept(ctx, j.Record)
}

func read[T any](ctx context.Context, l ledger.Ledger, k ledger.Key) (v T, err error) {
	b, err := l.Read(ctx, k)
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	return v, err
}

func ignoreAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// claim gives the blobs of packs to a party. Those of what is kept are hers
// whether a node still holds them or has lost them and will get them again; those
// of what is being destroyed are hers where they are left, so that destroying
// them can go on.
func (c *claimer) claim(ctx context.Context, p ledger.PartyID, kept func() (bool, error), packs ...storage.Ref) error {
	if known := ledger.CheckID(p, "p") == nil; !known {
		return nil
	}
	whole, err := kept()
	if err != nil {
		return err
	}
	if err := c.each(ctx, packs, func(places []vault.Place) error {
		if whole {
			return c.give(ctx, p, places)
		}
		left, _, err := c.held(ctx, places)
		if err != nil {
			return err
		}
		return c.give(ctx, p, left)
	}); err != nil || !whole {
		return err
	}
	if still, err := kept(); err != nil || still {
		return err
	}
	return c.each(ctx, packs, func(places []vault.Place) error { // destroyed meanwhile
		_, gone, err := c.held(ctx, places)
		if err != nil {
			return err
		}
		return c.take(ctx, p, gone)
	})
}

// each visits the places of packs. What is gone is nobody's, and what is no
// manifest names no shards: a name on the ledger is whatever its author wrote.
func (c *claimer) each(ctx context.Context, packs []storage.Ref, visit func([]vault.Place) error) error {
	var errs []error
	for _, r := range packs {
		if r.IsZero() {
			continue
		}
		err := c.packs.Places(ctx, r, visit)
		if err == nil || notice.Is(err, notice.NotFound) || notice.Is(err, notice.Integrity) {
			continue
		}
		errs = append(errs, err)
		if !slices.Contains(c.unread, r) {
			c.unread = append(c.unread, r)
		}
	}
	return errors.Join(errs...)
}

// held tells the places where a blob still is from those where it is not.
func (c *claimer) held(ctx context.Context, places []vault.Place) (left, gone []vault.Place, err error) {
	for _, at := range places {
		switch ok, err := c.stores[at.Node].Has(ctx, at.Ref); {
		case err != nil:
			return nil, nil, err
		case ok:
			left = append(left, at)
		default:
			gone = append(gone, at)
		}
	}
	return left, gone, nil
}

func (c *claimer) give(ctx context.Context, p ledger.PartyID, places []vault.Place) error {
	for some := range slices.Chunk(places, rows) {
		mine := make([]blob, len(some))
		for i, at := range some {
			mine[i] = blob{at.Node, at.Ref.String(), string(p), int64(at.Size)}
		}
		if err := c.insist(ctx, func(db *gorm.DB) error {
			return db.Clauses(clause.OnConflict{DoNothing: true}).Create(&mine).Error
		}); err != nil {
			return err
		}
	}
	return nil
}

func (c *claimer) take(ctx context.Context, p ledger.PartyID, places []vault.Place) error {
	for _, at := range places {
		if err := c.Deleted(ctx, at.Node, at.Ref.String(), p); err != nil {
			return err
		}
	}
	return nil
}
