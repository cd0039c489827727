package training

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/web/owner"
	"manx/web/owner/training/house"
	"manx/web/owner/training/policy"
	"manx/web/owner/training/recipe"
)

// A heldBack is why a vote that the policy would cast waits, and until when that is not
// looked at again while the table's file is what it was.
type heldBack struct {
	why   error
	until time.Time
	file  string // see stamp
}

// stamp tells a file from what it is once it has been written to.
func stamp(file string) string {
	i, err := os.Stat(file)
	if err != nil {
		return file
	}
	return fmt.Sprint(file, " ", i.ModTime().UnixNano(), " ", i.Size())
}

// holdEvery is how many times as long as between two looks at the ledger a vote is held
// before a table that nobody has changed is read again: of studies there are other files.
const holdEvery = 60

// vote votes yes where the site's policy allows the training and its table can be read
// as the proposal says, or its people have joined it. It says no for nobody: who does not
// answer takes no part. A vote that waits for another table is told of with the place.
func (h *Hospital) vote(ctx context.Context, on owner.SignedTraining) error {
	in := h.in()
	if _, decided, err := policy.Decided(in.Folder, on.ID); err != nil || decided {
		return errors.Join(err, h.join(ctx, on))
	}
	own, err := policy.Read(in.Folder)
	if err != nil {
		return err
	}
	rule, err := own.Allows(on.Proposer, on.ProposeTraining)
	if err != nil {
		return err
	}
	d := policy.Decision{Table: rule.Table, Trainer: rule.Trainer, Terms: on.Terms, Lets: rule.Lets}
	if err := h.fits(ctx, on, d); err != nil {
		return err
	}
	if err := policy.Decide(in.Folder, on.ID, d); err != nil {
		return err
	}
	return h.join(ctx, on)
}

// fits returns why the table of a decision cannot be read as the training's rounds would.
func (h *Hospital) fits(ctx context.Context, on owner.SignedTraining, d policy.Decision) error {
	file := stamp(h.in().Folder.Table(d.Table))
	h.mu.Lock()
	held, ok := h.held[on.ID]
	h.mu.Unlock()
	if ok && held.file == file && time.Now().Before(held.until) {
		return held.why
	}
	err := h.in().lists.Fits(ctx, on, d)
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.held, on.ID)
	if err != nil {
		if h.held == nil {
			h.held = map[ledger.TrainingID]heldBack{}
		}
		h.held[on.ID] = heldBack{err, time.Now().Add(holdEvery * h.in().Every), file}
	}
	return err
}

// holds returns why the vote on a training waits, nil where it does not.
func (h *Hospital) holds(id ledger.TrainingID) *notice.Error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if held, ok := h.held[id]; ok {
		return notice.From(held.why)
	}
	return nil
}

// join votes as has been decided.
func (h *Hospital) join(ctx context.Context, on owner.SignedTraining) error {
	d, _, err := policy.Decided(h.in().Folder, on.ID)
	if err != nil {
		return err
	}
	if d.Terms != on.Terms {
		return notice.New(notice.Integrity, "the training has other terms than when this site joined it", "read it again: `manx train status`")
	}
	if d.Table != "" {
		r, err := recipe.Read(on.ProposeTraining)
		if err != nil {
			return err
		}
		if _, err := policy.Trainer(h.in().House, r, d.Trainer); err != nil {
			return err
		}
	}
	if err := h.Party.VoteTraining(ctx, on, d.Table != ""); err != nil {
		return err
	}
	h.in().Show(house.Progress{Training: on.ID, Rounds: on.Rounds, What: map[bool]string{true: "voted yes", false: "voted no"}[d.Table != ""]})
	return nil
}

// Join decides that a table takes part in a training, with a trainer of the site's
// policy or none; or with no table that none does, whatever the policy says; and votes
// so.
func (h *Hospital) Join(ctx context.Context, id ledger.TrainingID, table, trainer string, lets policy.Lets) error {
	on, err := h.Party.SignedTraining(ctx, id)
	if err != nil {
		return err
	}
	d := policy.Decision{Table: table, Trainer: trainer, Terms: on.Terms, Lets: lets}
	if table != "" {
		if !policy.PlainName(table) {
			return notice.New(notice.Invalid, "the table is not named by a file's name", "put it into the folder tables of the site's folder, and give its name: `manx train join --table heart.csv`")
		}
		if err := h.in().lists.Fits(ctx, on, d); err != nil {
			return err
		}
	}
	if err := policy.Decide(h.in().Folder, id, d); err != nil {
		return err
	}
	return h.join(ctx, on)
}
