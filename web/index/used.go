package index

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"manx/ledger"
)

// used is what the calls that ended within a span came to for one party, as one thing
// in calls of one model.
type used struct {
	Party   string `gorm:"primaryKey"`
	Span    int    `gorm:"primaryKey;autoIncrement:false"`
	Begin   int64  `gorm:"primaryKey;autoIncrement:false"` // of the span
	Model   string `gorm:"primaryKey"`
	Role    string `gorm:"primaryKey"`
	Asker   string `gorm:"primaryKey"` // of roles that are told it; "" of others
	Calls   int64
	Settled int64
	Amount  string
	Fee     string
}

// TableName is what gorm calls the table.
func (used) TableName() string { return "used" }

// A Used is what some calls came to, all of one month (UTC), for one party as one thing in
// calls of one model.
type Used struct {
	At             ledger.Time // of a call, or the beginning of an hour, a day or a month of them
	Model          ledger.ModelID
	Role           string
	Asker          ledger.PartyID // of a model's owner and of a subject; nobody else is told
	Calls, Settled int
	Amount, Fee    ledger.Amount
}

// The spans that are summed up, each made of whole ones of those before it, and single
// calls.
const (
	hours  = 0
	days   = 1
	months = 2

	calls = -1
)

// endOfTime is the first second of the year 10000: every call ends before it.
const endOfTime = 253_402_300_800

// begin returns where the span that holds a time begins, and the one after it.
func begin(span int, at int64) (this, next int64) {
	switch span {
	case hours:
		this = at - at%3600
		return this, this + 3600
	case days:
		this = at - at%86400
		return this, this + 86400
	}
	t := time.Unix(at, 0).UTC()
	first := time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
	return first.Unix(), first.AddDate(0, 1, 0).Unix()
}

// A stretch is whole spans, or calls, from a time on and before another.
type stretch struct {
	span         int
	from, before int64
}

// stretches parts the time from one on and before another: as much of it as the longest
// span covers, and what is left at both ends in shorter ones, seven stretches at most.
func stretches(from, before int64) (out []stretch) {
	from, before = max(from, 0), min(before, endOfTime)
	for span := months; span >= hours; span-- {
		first, next := begin(span, from)
		if first < from {
			first = next
		}
		if last, _ := begin(span, before); first < last {
			return slices.Concat(stretches(from, first), []stretch{{span, first, last}}, stretches(last, before))
		}
	}
	if from < before {
		out = []stretch{{calls, from, before}}
	}
	return out
}

// told reports whether a role is told who asked.
func told(role string) bool { return role == "model-owner" || role == "subject" }

// Usage returns what calls that ended from a time on and before another came to for a
// party, of one model or, where it is "", of all: sums of months, days and hours, and at
// the ends single calls, in no order. Of each model, role and asker that is a row for each
// month, 60 days and 46 hours at most, and the calls of two hours.
func (x *Index) Usage(ctx context.Context, p ledger.PartyID, m ledger.ModelID, from, before ledger.Time) (out []Used, err error) {
	var parts []string
	var args []any
	for _, s := range stretches(int64(from), int64(before)) {
		part, some := "SELECT begin, model, role, asker, calls, settled, amount, fee FROM used WHERE party = ? AND span = ? AND begin >= ? AND begin < ?", []any{string(p), s.span}
		if s.span == calls {
			part, some = "SELECT at, model, role, asker, 1, CASE WHEN outcome = '"+string(ledger.Settled)+"' THEN 1 ELSE 0 END, amount, fee FROM uses WHERE party = ? AND at >= ? AND at < ?", some[:1]
		}
		if some = append(some, s.from, s.before); m != "" {
			part, some = part+" AND model = ?", append(some, string(m))
		}
		parts, args = append(parts, part), append(args, some...)
	}
	if len(parts) == 0 {
		return nil, nil
	}
	err = x.do(ctx, func(db *gorm.DB) error { // one statement: beside a batch nothing is counted twice or left out
		rows, err := db.Raw(strings.Join(parts, " UNION ALL "), args...).Rows()
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for out = nil; rows.Next(); {
			var u Used
			var amount, fee string
			if err := rows.Scan(&u.At, &u.Model, &u.Role, &u.Asker, &u.Calls, &u.Settled, &amount, &fee); err != nil {
				return err
			}
			if !told(u.Role) {
				u.Asker = ""
			}
			if u.Amount, err = ledger.ParseAmount(amount); err == nil {
				u.Fee, err = ledger.ParseAmount(fee)
			}
			if err != nil {
				return err
			}
			out = append(out, u)
		}
		return rows.Err()
	})
	return out, err
}

// A sum is what a row of used has after its key.
type sum struct {
	calls, settled int64
	amount, fee    ledger.Amount
}

func (s sum) add(o sum) (sum, error) {
	amount, err1 := s.amount.Add(o.amount)
	fee, err2 := s.fee.Add(o.fee)
	return sum{s.calls + o.calls, s.settled + o.settled, amount, fee}, errors.Join(err1, err2)
}

func sumOf(calls, settled int64, amount, fee string) (sum, error) {
	a, err1 := ledger.ParseAmount(amount)
	f, err2 := ledger.ParseAmount(fee)
	return sum{calls, settled, a, f}, errors.Join(err1, err2)
}

// sumUp adds uses, none of which was counted before, to the spans that they fall into.
func sumUp(tx *gorm.DB, fresh []use) error {
	sums := map[used]sum{} // by rows' keys
	for _, u := range fresh {
		settled := int64(0)
		if u.Outcome == string(ledger.Settled) {
			settled = 1
		}
		one, err := sumOf(1, settled, u.Amount, u.Fee)
		for span := hours; span <= months && err == nil; span++ {
			k := used{Party: u.Party, Span: span, Model: u.Model, Role: u.Role}
			if k.Begin, _ = begin(span, u.At); told(u.Role) {
				k.Asker = u.Asker
			}
			sums[k], err = sums[k].add(one)
		}
		if err != nil {
			return fmt.Errorf("sum of calls: %w", err)
		}
	}
	for keys := range slices.Chunk(slices.Collect(maps.Keys(sums)), rows) {
		if err := addTo(tx, keys, sums); err != nil {
			return err
		}
	}
	return nil
}

// addTo adds the sums of some keys to their rows.
func addTo(tx *gorm.DB, keys []used, sums map[used]sum) error {
	var args []any
	for _, k := range keys {
		args = append(args, k.Party, k.Span, k.Begin, k.Model, k.Role, k.Asker)
	}
	// Joined, in this order: a list of rows after IN would be looked for in all of the table.
	values := strings.TrimSuffix(strings.Repeat("(?, CAST(? AS bigint), CAST(? AS bigint), ?, ?, ?), ", len(keys)), ", ")
	var were []used
	if err := tx.Raw("SELECT u.* FROM (VALUES "+values+") k CROSS JOIN used u WHERE u.party = k.column1 AND u.span = k.column2 AND u.begin = k.column3"+
		" AND u.model = k.column4 AND u.role = k.column5 AND u.asker = k.column6", args...).Scan(&were).Error; err != nil {
		return err
	}
	for _, w := range were {
		k := used{Party: w.Party, Span: w.Span, Begin: w.Begin, Model: w.Model, Role: w.Role, Asker: w.Asker}
		was, err := sumOf(w.Calls, w.Settled, w.Amount, w.Fee)
		if err == nil {
			sums[k], err = was.add(sums[k])
		}
		if err != nil {
			return fmt.Errorf("sum of calls: %w", err)
		}
	}
	out := make([]used, len(keys))
	for i, k := range keys {
		s := sums[k]
		k.Calls, k.Settled, k.Amount, k.Fee = s.calls, s.settled, s.amount.String(), s.fee.String()
		out[i] = k
	}
	return tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&out).Error
}
