package index

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

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

// A Use is one call of a model as one party took part in it.
type Use struct {
	Job            ledger.JobID
	Role           string
	Model          ledger.ModelID
	Asker, Subject ledger.PartyID // both for who serves the answer to leave out
	Settled, Told  bool
	At             ledger.Time
	Amount, Fee    ledger.Amount
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

// count enters the uses of a batch's receipts, each of which is written once. Their
// cursor is their own: it came later than that of states, and began at the first
// event.
func (c change) count(tx *gorm.DB) error {
	moved := tx.Exec("UPDATE cursors SET height = ? WHERE id = ? AND height <= ?", c.last, usesCursor, c.last)
	if moved.Error != nil || moved.RowsAffected == 0 {
		return moved.Error
	}
	for some := range slices.Chunk(c.uses, rows) {
		if err := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&some).Error; err != nil {
			return err
		}
	}
	return nil
}

// Uses visits the calls that ended from a time on and before another in which a
// party took part, of one model or, where it is "", of all, oldest first. A call in
// which she was several things is visited once for each.
func (x *Index) Uses(ctx context.Context, p ledger.PartyID, m ledger.ModelID, from, before ledger.Time, visit func(Use) error) error {
	return x.do(ctx, func(db *gorm.DB) error {
		q := db.Table("uses").Where("party = ? AND at >= ? AND at < ?", string(p), int64(from), int64(before))
		if m != "" {
			q = q.Where("model = ?", string(m))
		}
		rows, err := q.Select("job, role, model, asker, subject, outcome, told, at, amount, fee").Order("at, job, role").Rows()
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var u use
			if err := rows.Scan(&u.Job, &u.Role, &u.Model, &u.Asker, &u.Subject, &u.Outcome, &u.Told, &u.At, &u.Amount, &u.Fee); err != nil {
				return err
			}
			out := Use{Job: ledger.JobID(u.Job), Role: u.Role, Model: ledger.ModelID(u.Model), Asker: ledger.PartyID(u.Asker), Subject: ledger.PartyID(u.Subject),
				Settled: u.Outcome == string(ledger.Settled), Told: u.Told == 1, At: ledger.Time(u.At)}
			if out.Amount, err = ledger.ParseAmount(u.Amount); err == nil {
				out.Fee, err = ledger.ParseAmount(u.Fee)
			}
			if err == nil {
				err = visit(out)
			}
			if err != nil {
				return err
			}
		}
		return rows.Err()
	})
}
