package index

import (
	"context"
	"encoding/json"
	"slices"

	"gorm.io/gorm"

	"manx/ledger"
)

// List returns the JSON values of one word that mention a party, newest first:
// limit of them, and those that share the last one's height, older than the
// height before (0 for all). Where next is not 0, List from there goes on.
func (x *Index) List(ctx context.Context, p ledger.PartyID, word string, before ledger.Height, limit int) (values []json.RawMessage, next ledger.Height, err error) {
	err = x.do(ctx, func(db *gorm.DB) error {
		q := pageQuery{"SELECT m.height, s.body FROM mentions m JOIN states s ON s.key = m.key WHERE m.party = ? AND m.word = ?", []any{string(p), word}}
		values, next, err = q.page(db, before, limit)
		return err
	})
	return values, next, err
}

// All returns the values of one word, as List does: for what is public, such
// as models.
func (x *Index) All(ctx context.Context, word string, before ledger.Height, limit int) (values []json.RawMessage, next ledger.Height, err error) {
	err = x.do(ctx, func(db *gorm.DB) error {
		q := pageQuery{"SELECT m.height, m.body FROM states m WHERE m.word = ?", []any{word}}
		values, next, err = q.page(db, before, limit)
		return err
	})
	return values, next, err
}

// A pageQuery selects height and body of a whole list; its table m has an index of that
// list's order, off which a page is read.
type pageQuery struct {
	sql  string
	args []any
}

type listed struct {
	height uint64
	body   []byte
}

// page reads a page below a height, 0 for all.
func (q pageQuery) page(db *gorm.DB, before ledger.Height, limit int) ([]json.RawMessage, ledger.Height, error) {
	from := q
	if before > 0 {
		from = q.where(" AND m.height < ?", uint64(before))
	}
	return pageOf(limit, func(limit int) ([]listed, error) {
		return from.where(" ORDER BY m.height DESC, m.key LIMIT ?", limit).read(db)
	}, func(height uint64) ([]listed, error) {
		return q.where(" AND m.height = ? ORDER BY m.key", height).read(db)
	})
}

// pageOf reads a page off a list, of which begin reads so many from where the page begins
// and of all of a height. It ends between heights, so that none is cut in two: what is of
// one height stays together even where that makes the page longer, by what one command can
// change at most.
func pageOf(limit int, begin func(limit int) ([]listed, error), of func(height uint64) ([]listed, error)) ([]json.RawMessage, ledger.Height, error) {
	rows, err := begin(limit + 1)
	if err != nil {
		return nil, 0, err
	}
	var next ledger.Height
	if len(rows) > limit {
		last, beyond := rows[limit-1].height, rows[limit].height
		if rows, next = rows[:limit], ledger.Height(last); beyond == last {
			whole, err := of(last)
			if err != nil {
				return nil, 0, err
			}
			rows = append(rows[:slices.IndexFunc(rows, func(r listed) bool { return r.height == last })], whole...)
		}
	}
	out := make([]json.RawMessage, len(rows))
	for i, r := range rows {
		out[i] = r.body
	}
	return out, next, nil
}

func (q pageQuery) where(sql string, args ...any) pageQuery {
	return pageQuery{q.sql + sql, append(slices.Clone(q.args), args...)}
}

// read scans rows by hand: pages are read more often than anything else.
func (q pageQuery) read(db *gorm.DB) (out []listed, err error) {
	rows, err := db.Raw(q.sql, q.args...).Rows()
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var l listed
		if err := rows.Scan(&l.height, &l.body); err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	return out, rows.Err()
}
