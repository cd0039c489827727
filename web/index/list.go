package index

import (
	"context"
	"encoding/json"

	"gorm.io/gorm"

	"manx/ledger"
)

// List returns the JSON values of one word that mention a party, newest first:
// limit of them, and those that share the last one's height, older than the
// height before (0 for all). Where next is not 0, List from there goes on.
func (x *Index) List(ctx context.Context, p ledger.PartyID, word string, before ledger.Height, limit int) (values []json.RawMessage, next ledger.Height, err error) {
	err = x.do(ctx, func(db *gorm.DB) error {
		of := func() *gorm.DB {
			return db.Table("mentions").Where("party = ? AND word = ?", string(p), word)
		}
		values, next, err = page(db, of, before, limit)
		return err
	})
	return values, next, err
}

// All returns the values of one word, as List does: for what is public, such
// as models.
func (x *Index) All(ctx context.Context, word string, before ledger.Height, limit int) (values []json.RawMessage, next ledger.Height, err error) {
	err = x.do(ctx, func(db *gorm.DB) error {
		of := func() *gorm.DB { return db.Table("states").Where("word = ?", word) }
		values, next, err = page(db, of, before, limit)
		return err
	})
	return values, next, err
}

type position struct {
	Key    string
	Height uint64
}

// page reads the keys of a page off an index that has their order, and then
// their values. A page ends between heights, so that none is cut in two: states
// of one height stay together even where that makes the page longer, by what one
// command can change at most.
func page(db *gorm.DB, of func() *gorm.DB, before ledger.Height, limit int) ([]json.RawMessage, ledger.Height, error) {
	q := of()
	if before > 0 {
		q = q.Where("height < ?", uint64(before))
	}
	var at []position
	if err := q.Select("key, height").Order("height DESC, key").Limit(limit + 1).Find(&at).Error; err != nil {
		return nil, 0, err
	}
	var next ledger.Height
	if len(at) > limit {
		last := at[limit-1]
		next = ledger.Height(last.Height)
		var rest []position
		if at[limit].Height == last.Height {
			if err := of().Where("height = ? AND key > ?", last.Height, last.Key).Select("key, height").Order("key").Find(&rest).Error; err != nil {
				return nil, 0, err
			}
		}
		at = append(at[:limit], rest...)
	}
	keys := make([]string, len(at))
	for i, p := range at {
		keys[i] = p.Key
	}
	var found []state
	if len(keys) > 0 {
		if err := db.Where("key IN ?", keys).Find(&found).Error; err != nil {
			return nil, 0, err
		}
	}
	body := make(map[string][]byte, len(found))
	for _, s := range found {
		body[s.Key] = s.Body
	}
	out := make([]json.RawMessage, 0, len(keys))
	for _, k := range keys {
		if b, ok := body[k]; ok { // not deleted between the two
			out = append(out, b)
		}
	}
	return out, next, nil
}
