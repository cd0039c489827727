package training

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

	"manx/ledger"
	"manx/ml/federated"
	"manx/privacy/notice"
	"manx/storage/durable"
	"manx/web/owner"
	"manx/web/owner/training/local"
)

// RecordColumn is the column of a site's table that tells which record a row is: the
// id that the ledger knows it by, of which a grant to train has to be live.
const RecordColumn = local.RecordColumn

// A cover is the list that a site covers a round with. It stays in the site's folder,
// so that the site can be asked to account for the digest on the ledger.
type cover struct {
	Salt   []byte           `json:"salt"` // 32 bytes
	Grants []ledger.GrantID `json:"grants"`
	Mark   ledger.Hash      `json:"mark"`
	Notes  []string         `json:"notes,omitempty"` // annotations whose labels count: "RECORD/VERSION"
}

func (c cover) digest() ledger.Hash {
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

// covering makes the list of a round, and writes it down before the ledger has its
// digest. The mark is read first, so that a grant that ends meanwhile makes the
// command stale.
func (h *Hospital) covering(ctx context.Context, on owner.SignedTraining, r Recipe, j joined) (c cover, err error) {
	if c.Mark, err = h.Party.TrainingMark(ctx, on.ID); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = notice.New(notice.Denied, "no patient has given this site a grant for this training", "patients give them: `manx grant add RECORD "+string(h.Party.ID())+" --training "+string(on.ID)+"`")
		}
		return c, err
	}
	granted, err := h.granted(ctx, on.ID)
	if err != nil {
		return c, err
	}
	notes, err := h.annotated(ctx, r, granted)
	if err != nil {
		return c, err
	}
	if c.Grants, _, _, err = h.rows(ctx, on, r, j, granted, notes.labels()); err != nil {
		return c, err
	}
	c.Notes = notes.names()
	c.Salt = make([]byte, 32)
	_, _ = rand.Read(c.Salt) // never fails since Go 1.24
	slices.Sort(c.Grants)
	return c, folder(h.Dir).keepCover(on.ID, on.Round, c)
}

// covered returns the rows of the list that a round was covered with, those to train
// on and those held out. Those of a record whose grant has ended since, or whose
// annotation was withdrawn, are left out even now.
func (h *Hospital) covered(ctx context.Context, on owner.SignedTraining, r Recipe, j joined) (train, test federated.Table, err error) {
	c, err := folder(h.Dir).cover(on.ID, on.Round)
	if err != nil {
		return train, test, notice.Because(err, notice.Conflict, "the list that this site covered the round with is lost", "it takes part in the next round again")
	}
	granted, err := h.granted(ctx, on.ID)
	if err != nil {
		return train, test, err
	}
	for rec, g := range granted {
		if _, listed := slices.BinarySearch(c.Grants, g); !listed {
			delete(granted, rec)
		}
	}
	notes, err := h.noted(ctx, r, c.Notes, granted)
	if err != nil {
		return train, test, err
	}
	_, rows, records, err := h.rows(ctx, on, r, j, granted, notes.labels())
	if err != nil {
		return train, test, err
	}
	train, test = heldOut(rows, records, on.Terms, r.HeldOut)
	return train, test, nil
}

// rows reads a site's table: the examples of rows whose record is in granted, which
// record each is of, and by which grants. Fewer records than the minimum are refused.
func (h *Hospital) rows(ctx context.Context, on owner.SignedTraining, r Recipe, j joined, granted map[ledger.RecordID]ledger.GrantID, labels map[ledger.RecordID]string) (by []ledger.GrantID, rows federated.Table, of []ledger.RecordID, err error) {
	seen, named, twice := map[ledger.RecordID]bool{}, false, false
	var at []ledger.RecordID // of each line
	place := h.place(on.ID, j)
	place.Labels = labels
	rows, err = r.source().Read(ctx, place, func(cell func(string) string) bool {
		id := ledger.RecordID(strings.TrimSpace(cell(RecordColumn)))
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
		err = notice.Because(err, notice.Invalid, "no row of the site's table says which record it is", "give the table a column named "+RecordColumn+" with the records' ids")
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

// place is where what takes part in a training lies.
func (h *Hospital) place(id ledger.TrainingID, j joined) local.Place {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.kept == nil {
		h.kept = map[ledger.TrainingID]*local.Kept{}
	}
	if h.kept[id] == nil {
		h.kept[id] = &local.Kept{}
	}
	f := folder(h.Dir)
	return local.Place{Table: f.table(j.Table), Studies: f.studies(), Kept: h.kept[id]}
}

// granted returns the live grants to this site for a training, by record.
func (h *Hospital) granted(ctx context.Context, id ledger.TrainingID) (map[ledger.RecordID]ledger.GrantID, error) {
	info, err := h.Party.Info(ctx)
	if err != nil {
		return nil, err
	}
	all, err := h.Party.Grants(ctx)
	if err != nil {
		return nil, err
	}
	out := map[ledger.RecordID]ledger.GrantID{}
	for _, g := range all {
		if g.Training == id && g.To == h.Party.ID() && g.Access == ledger.Train && g.Live(info.Now) {
			out[g.Record] = g.ID
		}
	}
	return out, nil
}

// keepCover writes a list down before the ledger has its digest.
func (f folder) keepCover(t ledger.TrainingID, round int, c cover) error {
	dir, err := made(filepath.Join(f.of(t), "covers"))
	if err != nil {
		return err
	}
	b, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encode cover: %w", err)
	}
	return durable.WriteFile(filepath.Join(dir, strconv.Itoa(round)+".json"), b)
}

func (f folder) cover(t ledger.TrainingID, round int) (c cover, err error) {
	b, err := os.ReadFile(filepath.Join(f.of(t), "covers", strconv.Itoa(round)+".json"))
	if err == nil {
		err = ledger.Decode(b, &c)
	}
	return c, err
}
