package index

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"manx/ledger"
	"manx/storage"
)

// Uploaded records that a party put a blob on a storage node. The first to put it
// keeps it: who repairs another's record, or sends what it has read, does not
// come to own a part of it.
func (x *Index) Uploaded(ctx context.Context, node int, ref string, p ledger.PartyID, size int) error {
	return x.do(ctx, func(db *gorm.DB) error {
		return db.Clauses(clause.OnConflict{DoNothing: true}).Create(&blob{node, ref, string(p), int64(size)}).Error
	})
}

// Uploads reports whether a blob on a storage node is a party's.
func (x *Index) Uploads(ctx context.Context, node int, ref string, p ledger.PartyID) (bool, error) {
	var n int64
	err := x.do(ctx, func(db *gorm.DB) error {
		return db.Model(&blob{}).Where("node = ? AND ref = ? AND party = ?", node, ref, string(p)).Count(&n).Error
	})
	return n > 0, err
}

// Stored returns how many bytes a party has put.
func (x *Index) Stored(ctx context.Context, p ledger.PartyID) (n int64, err error) {
	err = x.do(ctx, func(db *gorm.DB) error {
		return db.Table("accounts").Where("party = ?", string(p)).Select("CAST(COALESCE(SUM(bytes), 0) AS bigint)").Scan(&n).Error
	})
	return n, err
}

// Alone waits until nobody else in this process stores or deletes a blob on a
// storage node, until done is called: who puts or removes its bytes holds it from
// before the index is asked or told until the store has answered, or a copy that
// was acknowledged goes with the deletion of the one before.
func (x *Index) Alone(ctx context.Context, node int, ref string) (done func(), err error) {
	at := spot{node, ref}
	for {
		x.mu.Lock()
		others, taken := x.busy[at]
		if !taken {
			mine := make(chan struct{})
			x.busy[at] = mine
			x.mu.Unlock()
			return func() {
				x.mu.Lock()
				delete(x.busy, at)
				x.mu.Unlock()
				close(mine)
			}, nil
		}
		x.mu.Unlock()
		select {
		case <-others:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Remove deletes a party's blob from a storage node; of what is not hers it
// deletes nothing, and mine is false. The bytes go first: after a failure she can
// remove it again, and what is gone already counts as removed. Errors of the
// store match ErrStore.
func (x *Index) Remove(ctx context.Context, node int, from storage.Blobs, r storage.Ref, p ledger.PartyID) (mine bool, err error) {
	ref := r.String()
	done, err := x.Alone(ctx, node, ref)
	if err != nil {
		return false, err
	}
	defer done()
	if mine, err = x.Uploads(ctx, node, ref, p); err != nil || !mine {
		return false, err
	}
	if err := from.Delete(ctx, r); err != nil {
		return true, fmt.Errorf("%w: %w", ErrStore, err)
	}
	return true, x.Deleted(ctx, node, ref, p)
}

// ErrStore marks an error of a storage node rather than of the index.
var ErrStore = errors.New("the storage node failed")

// Deleted records that a party's blob is gone from a storage node.
func (x *Index) Deleted(ctx context.Context, node int, ref string, p ledger.PartyID) error {
	return x.do(ctx, func(db *gorm.DB) error {
		return db.Where("node = ? AND ref = ? AND party = ?", node, ref, string(p)).Delete(&blob{}).Error
	})
}

// Some returns blobs of a storage node, at most limit of them: those named from a
// name on, and then from the first on. Names are hashes, so that from a name at
// random they are a sample.
func (x *Index) Some(ctx context.Context, node int, from string, limit int) (refs []string, err error) {
	err = x.do(ctx, func(db *gorm.DB) error {
		refs = nil
		for _, half := range []string{"ref >= ?", "ref < ?"} {
			var some []string
			if err := db.Model(&blob{}).Where("node = ?", node).Where(half, from).Order("ref").Limit(limit-len(refs)).Pluck("ref", &some).Error; err != nil {
				return err
			}
			if refs = append(refs, some...); len(refs) == limit {
				break
			}
		}
		return nil
	})
	return refs, err
}
