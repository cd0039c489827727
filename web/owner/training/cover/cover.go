// Package cover is which of a site's rows take part in a round: the list, made of live
// grants and of annotations whose labels count, that the site covers the round with, and
// the rows of its table that the list names. It trains on none.
package cover

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"manx/health/annotation"
	"manx/ledger"
	"manx/ml/federated"
	"manx/privacy/notice"
	"manx/storage/durable"
	"manx/web/owner"
	"manx/web/owner/training/house"
	"manx/web/owner/training/local"
	"manx/web/owner/training/policy"
	"manx/web/owner/training/recipe"
)

// Lists are a site's lists of rounds, and what it reads them from.
type Lists struct {
	*house.House

	mu    sync.Mutex // guards what follows
	kept  map[ledger.TrainingID]*local.Kept
	notes map[string]annotation.Annotation // that were opened, by record and version
}

// A List is what a site covers a round with. It stays in the site's folder,
// so that the site can be asked to account for the digest on the ledger.
type List struct {
	Salt   []byte           `json:"salt"` // 32 bytes
	Grants []ledger.GrantID `json:"grants"`
	Mark   ledger.Hash      `json:"mark"`
	Notes  []string         `json:"notes,omitempty"` // annotations whose labels count: "RECORD/VERSION"
}

// Digest is what the ledger has of it.
func (c List) Digest() ledger.Hash {
	h := sha256.New()
	fmt.Fprintf(h, "manx/training-cover/v1\x00%x\x00", c.Salt)
	for _, g := range c.Grants {
		fmt.Fprintf(h, "%s\x00", g)
	}
	for _, n := range c.Notes {
		fmt.Fprintf(h, "note %s\x00", n)
	}
	return ledger.Hash(h.Sum(nil))
}

// Cover signs the list of the round. The same again while the same grants live has
// the same digest.
func (l *Lists) Cover(ctx context.Context, on owner.SignedTraining, r recipe.Recipe, d policy.Decision) error {
	mark, err := l.Party.TrainingMark(ctx, on.ID)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	c, err := Of(l.Folder, on.ID, on.Round)
	if err != nil || c.Mark != mark || mark.IsZero() {
		if c, err = l.Make(ctx, on, r, d); err != nil {
			return err
		}
	}
	_, err = l.Party.Do(ctx, ledger.CoverRound{Training: on.ID, Round: on.Round, Digest: c.Digest(), Mark: c.Mark})
	return err
}

// Make makes the list of a round, and writes it down before the ledger has its
// digest. The mark is read first, so that a grant that ends meanwhile makes the
// command stale.
func (l *Lists) Make(ctx context.Context, on owner.SignedTraining, r recipe.Recipe, d policy.Decision) (c List, err error) {
	if c.Mark, err = l.Party.TrainingMark(ctx, on.ID); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = notice.New(notice.Denied, "no patient has given this site a grant for this training", "patients give them: `manx grant add RECORD "+string(l.Party.ID())+" --training "+string(on.ID)+"`")
		}
		return c, err
	}
	granted, err := l.Granted(ctx, on.ID)
	if err != nil {
		return c, err
	}
	notes, err := l.annotated(ctx, r, granted)
	if err != nil {
		return c, err
	}
	if c.Grants, _, _, err = l.rows(ctx, on, r, d, granted, notes.labels()); err != nil {
		return c, err
	}
	c.Notes = notes.names()
	c.Salt = make([]byte, 32)
	_, _ = rand.Read(c.Salt) // never fails since Go 1.24
	slices.Sort(c.Grants)
	return c, keep(l.Folder, on.ID, on.Round, c)
}

// Rows returns the rows of the list that a round was covered with, and which record each
// is of. Those of a record whose grant has ended since, or whose
// annotation was withdrawn, are left out even now.
func (l *Lists) Rows(ctx context.Context, on owner.SignedTraining, r recipe.Recipe, d policy.Decision) (rows federated.Table, of []ledger.RecordID, err error) {
	c, err := Of(l.Folder, on.ID, on.Round)
	if err != nil {
		return rows, of, notice.Because(err, notice.Conflict, "the list that this site covered the round with is lost", "it takes part in the next round again")
	}
	granted, err := l.Granted(ctx, on.ID)
	if err != nil {
		return rows, of, err
	}
	for rec, g := range granted {
		if _, listed := slices.BinarySearch(c.Grants, g); !listed {
			delete(granted, rec)
		}
	}
	notes, err := l.noted(ctx, r, c.Notes, granted)
	if err != nil {
		return rows, of, err
	}
	_, rows, of, err = l.rows(ctx, on, r, d, granted, notes.labels())
	return rows, of, err
}

// rows reads a site's table: the examples of rows whose record is in granted, which
// record each is of, and by which grants. Fewer records than the minimum are refused.
func (l *Lists) rows(ctx context.Context, on owner.SignedTraining, r recipe.Recipe, d policy.Decision, granted map[ledger.RecordID]ledger.GrantID, labels map[ledger.RecordID]local.Label) (by []ledger.GrantID, rows federated.Table, of []ledger.RecordID, err error) {
	seen, named, twice := map[ledger.RecordID]bool{}, false, false
	var at []ledger.RecordID // of each line
	place := l.place(on.ID, d)
	place.Labels = labels
	rows, err = r.Source().Read(ctx, place, func(cell func(string) string) bool {
		id := ledger.RecordID(strings.TrimSpace(cell(local.RecordColumn)))
		named = named || id != ""
		at = append(at, id)
		g, ok := granted[id]
		if !ok {
			return false
		}
		twice = twice || seen[id]
		seen[id] = true
		by = append(by, g)
		return true
	})
	switch {
	case err != nil && !named:
		err = notice.Because(err, notice.Invalid, "no row of the site's table says which record it is", "give the table a column named "+local.RecordColumn+" with the records' ids")
	case err == nil && twice:
		err = notice.New(notice.Invalid, "two rows of the site's table are of one record", "keep one row a record: what it costs is counted so")
	case err == nil && local.Rows(rows) < on.Minimum:
		err = notice.New(notice.Denied, "this site has fewer records with a live grant than the training's minimum", "it takes part in a round once there are enough; the others learn only that it does not")
	}
	for _, line := range rows.Line {
		of = append(of, at[line-1])
	}
	return by, rows, of, err
}

// Fits reads what a site takes part with as a round would, for every record that has a
// grant now, so that a site hears of another schema, or of a trainer that there is no
// place for, before it votes. Without a grant the whole table is read, and none of it
// is used.
func (l *Lists) Fits(ctx context.Context, on owner.SignedTraining, d policy.Decision) error {
	r, err := recipe.Read(on.ProposeTraining)
	if err != nil {
		return err
	}
	if _, err := policy.Trainer(l.House, r, d.Trainer); err != nil {
		return err
	}
	rows, err := r.Source().Read(ctx, l.place(on.ID, d), nil)
	if err == nil && local.Rows(rows) < on.Minimum {
		err = notice.New(notice.Denied, "the site's table has fewer rows than the training's minimum of records", "take no part, or add records")
	}
	return err
}

// place is where what takes part in a training lies.
func (l *Lists) place(id ledger.TrainingID, d policy.Decision) local.Place {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.kept == nil {
		l.kept = map[ledger.TrainingID]*local.Kept{}
	}
	if l.kept[id] == nil {
		l.kept[id] = &local.Kept{}
	}
	return local.Place{Table: l.Folder.Table(d.Table), Studies: l.Folder.Studies(), Kept: l.kept[id]}
}

// Granted returns the live grants to this site for a training, by record.
func (l *Lists) Granted(ctx context.Context, id ledger.TrainingID) (map[ledger.RecordID]ledger.GrantID, error) {
	info, err := l.Party.Info(ctx)
	if err != nil {
		return nil, err
	}
	all, err := l.Party.Grants(ctx)
	if err != nil {
		return nil, err
	}
	out := map[ledger.RecordID]ledger.GrantID{}
	for _, g := range all {
		if g.Training == id && g.To == l.Party.ID() && g.Access == ledger.Train && g.Live(info.Now) {
			out[g.Record] = g.ID
		}
	}
	return out, nil
}

// keep writes a list down before the ledger has its digest.
func keep(f house.Folder, t ledger.TrainingID, round int, c List) error {
	dir, err := house.Made(filepath.Join(f.Of(t), "covers"))
	if err != nil {
		return err
	}
	b, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encode cover: %w", err)
	}
	return durable.WriteFile(filepath.Join(dir, strconv.Itoa(round)+".json"), b)
}

// Of returns the list that a round was covered with.
func Of(f house.Folder, t ledger.TrainingID, round int) (c List, err error) {
	b, err := os.ReadFile(filepath.Join(f.Of(t), "covers", strconv.Itoa(round)+".json"))
	if err == nil {
		err = ledger.Decode(b, &c)
	}
	return c, err
}
