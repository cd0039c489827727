package holder

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/web/owner"
)

// What a holder keeps of sums: a mark for every session that was begun, under
// "sum/<id>/"; a journal for each, beside the store; and a book of the results that
// have left, from which it refuses by itself what the contract should have. All of
// a sum goes when neither it nor another can be computed by it any more.
const sumBookName = "sums/book"

func sumSessionName(s ledger.SumID, try int) string {
	return "sum/" + string(s) + "/session-" + strconv.Itoa(try)
}

// A summed is a sum of which a share of a result has left.
type summed struct {
	Sum   ledger.SumID     `json:"sum"`
	Set   []byte           `json:"set"` // names its inputs
	Sites []ledger.PartyID `json:"sites"`
	At    ledger.Time      `json:"at"` // by this holder's clock
	Due   ledger.Time      `json:"due"`
}

// slack is by how much less than thirty days a result is held against another: the
// contract counts from when a sum is begun, by its own time.
const slack = ledger.Time(3600)

// sumBook returns what counts now, and what does no more.
func (h *Holder) sumBook(ctx context.Context) (book, old []summed, err error) {
	b, err := h.Store.Get(ctx, sumBookName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	var all []summed
	if err == nil {
		err = json.Unmarshal(b, &all)
	}
	now := ledger.Time(h.Now().Unix())
	for _, s := range all {
		if now > max(s.At+ledger.SumsWithin-slack, s.Due+slack) {
			old = append(old, s)
		} else {
			book = append(book, s)
		}
	}
	return book, old, err
}

// A sumBudget is one result of a sum, as this holder counts itself: a further try
// over the same inputs costs nothing more, over others there is none, and no more
// follows from a site's results together than from each.
type sumBudget struct {
	h   *Holder
	sum owner.SignedSum
}

// Spend implements privacy.Budget.
func (b sumBudget) Spend(ctx context.Context) error {
	b.h.mu.Lock()
	defer b.h.mu.Unlock()
	counted, err := b.left(ctx)
	if err != nil || counted {
		return err
	}
	book, old, err := b.h.sumBook(ctx)
	if err != nil {
		return err
	}
	set := b.sum.Set()
	kept, err := json.Marshal(append(book, summed{b.sum.ID, set[:], b.sum.Joined, ledger.Time(b.h.Now().Unix()), b.sum.Until + ledger.SumGrace}))
	if err != nil {
		return fmt.Errorf("encode book of sums: %w", err)
	}
	if err := b.h.Store.Put(ctx, sumBookName, kept); err != nil {
		return err
	}
	return b.h.forgetSums(ctx, old)
}

// left refuses a result that the book does not allow, and reports whether it
// stands there already.
func (b sumBudget) left(ctx context.Context) (counted bool, err error) {
	book, _, err := b.h.sumBook(ctx)
	if err != nil {
		return false, err
	}
	refuse := func(text string) (bool, error) {
		return false, notice.New(notice.Exhausted, text, "its sites wait, or ask once for all that is needed: `manx sum propose`")
	}
	set := b.sum.Set()
	if i := slices.IndexFunc(book, func(s summed) bool { return s.Sum == b.sum.ID }); i >= 0 {
		if !bytes.Equal(book[i].Set, set[:]) {
			return refuse("the sum was computed over other sites before: the difference would be one site's numbers")
		}
		return true, nil
	}
	for _, site := range b.sum.Joined {
		reads := [][]ledger.PartyID{b.sum.Joined}
		for _, s := range book {
			if slices.Contains(s.Sites, site) {
				reads = append(reads, s.Sites)
			}
		}
		if len(reads) > ledger.SumsOfASite {
			return refuse("a site reads too many sums in 30 days: one more could tell of a single person")
		}
		if ledger.SumTells(site, reads) {
			return refuse("with earlier sums the numbers of one or two sites would follow from this one")
		}
	}
	return false, nil
}

// forgetSums destroys marks and journals of sums that can be computed no more.
func (h *Holder) forgetSums(ctx context.Context, old []summed) error {
	for _, s := range old {
		names, err := h.Store.Names(ctx, "sum/"+string(s.Sum))
		for _, n := range names {
			err = errors.Join(err, h.Store.Destroy(ctx, n))
		}
		if err = errors.Join(err, os.RemoveAll(filepath.Join(h.Journals, string(s.Sum)))); err != nil {
			return fmt.Errorf("forget a sum: %w", err)
		}
	}
	return nil
}
