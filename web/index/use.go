package index

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"gorm.io/gorm"

	"manx/ledger"
)

// use is what one party was in one call, and what it brought her.
type use struct {
	Job     string `gorm:"primaryKey"`
	Role    string `gorm:"primaryKey"` // as receipts name whom terms paid; asker, subject, model-owner and worker even where they were not
	Party   string
	Model   string
	Asker   string
	Subject string
	Outcome string
	Told    int    // 1 where a result or an answer was given
	At      int64  // when the call ended
	Amount  string // paid to her as that
	Fee     string // of the whole call
}

// usesOf returns the rows of a receipt; none where it is no call's.
func usesOf(e ledger.Event) ([]use, error) {
	if e.Name != ledger.ReceiptWritten {
		return nil, nil
	}
	var leaf ledger.Leaf
	var r ledger.Receipt
	if err := json.Unmarshal(e.Body, &leaf); err != nil {
		return nil, fmt.Errorf("receipt on the ledger: %w", err)
	}
	if err := json.Unmarshal(leaf.Receipt, &r); err != nil {
		return nil, fmt.Errorf("receipt on the ledger: %w", err)
	}
	who := map[string]ledger.PartyID{"asker": r.Asker, "model-owner": r.ModelOwner, "worker": r.Worker}
	if r.Subject != r.Asker {
		who["subject"] = r.Subject
	}
	paid, fee, err := map[string]ledger.Amount{}, ledger.Amount{}, error(nil)
	for _, p := range r.Payments {
		role := p.As
		if role == "" {
			continue // of a time when receipts did not say
		}
		who[role] = p.To
		if paid[role], err = paid[role].Add(p.Amount); err == nil {
			fee, err = fee.Add(p.Amount)
		}
		if err != nil {
			return nil, fmt.Errorf("receipt on the ledger: %w", err)
		}
	}
	told := 0
	if !r.Hash.IsZero() || r.Digest != (ledger.Digest{}) {
		told = 1
	}
	var rows []use
	for _, role := range slices.Sorted(maps.Keys(who)) {
		if who[role] == "" {
			continue
		}
		rows = append(rows, use{string(r.Job), role, string(who[role]), string(r.Model), string(r.Asker), string(r.Subject), string(r.Outcome), told, int64(r.At),
			paid[role].String(), fee.String()})
	}
	return rows, nil
}

// count enters the uses of a batch's receipts, each of which is written once, and adds
// them up. Their cursor is their own: it came later than that of states, and began at the
// first event.
func (c change) count(tx *gorm.DB) error {
	moved := tx.Exec("UPDATE cursors SET height = ? WHERE id = ? AND height <= ?", c.last, usesCursor, c.last)
	if moved.Error != nil || moved.RowsAffected == 0 {
		return moved.Error
	}
	fresh, err := c.fresh(tx)
	if err != nil {
		return err
	}
	for some := range slices.Chunk(fresh, rows) {
		if err := tx.Create(&some).Error; err != nil {
			return err
		}
	}
	return sumUp(tx, fresh)
}

// fresh returns the uses that are not in: the last height is read again after a restart.
func (c change) fresh(tx *gorm.DB) (out []use, err error) {
	in := map[[2]string]bool{}
	for some := range slices.Chunk(c.uses, rows) {
		jobs := make([]string, len(some))
		for i, u := range some {
			jobs[i] = u.Job
		}
		var have []use
		if err := tx.Select("job, role").Where("job IN ?", slices.Compact(jobs)).Find(&have).Error; err != nil {
			return nil, err
		}
		for _, u := range have {
			in[[2]string{u.Job, u.Role}] = true
		}
	}
	for _, u := range c.uses {
		if k := [2]string{u.Job, u.Role}; !in[k] {
			in[k], out = true, append(out, u)
		}
	}
	return out, nil
}

// A Call is one that told its asker of something, as who watches a model sees it.
type Call struct {
	Asker, Subject ledger.PartyID
	At             ledger.Time
}

// Told returns the calls of a model that ended from a time on and told of something, of
// one asker or, where it is "", of all; those of each asker oldest first.
func (x *Index) Told(ctx context.Context, m ledger.ModelID, asker ledger.PartyID, from ledger.Time) (out []Call, err error) {
	query, args := "SELECT asker, at, subject FROM uses WHERE role = 'asker' AND told = 1 AND model = ? AND at >= ?", []any{string(m), int64(from)}
	if asker != "" {
		query, args = query+" AND asker = ?", append(args, string(asker))
	}
	err = x.do(ctx, func(db *gorm.DB) error {
		rows, err := db.Raw(query+" ORDER BY asker, at", args...).Rows()
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for out = nil; rows.Next(); {
			var c Call
			if err := rows.Scan(&c.Asker, &c.At, &c.Subject); err != nil {
				return err
			}
			out = append(out, c)
		}
		return rows.Err()
	})
	return out, err
}
