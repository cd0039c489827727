package index

import (
	"context"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"manx/ledger"
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

// Deleted records that a party no longer needs a blob; last reports whether
// nobody else has it, so that the bytes can go. Asked again, because the first
// answer was lost, it says the same.
func (x *Index) Deleted(ctx context.Context, node int, ref string, p ledger.PartyID) (last bool, err error) {
	err = x.do(ctx, func(db *gorm.DB) error {
		if err := db.Where("node = ? AND ref = ? AND party = ?", node, ref, string(p)).Delete(&blob{}).Error; err != nil {
			return err
		}
		var n int64
		if err := db.Model(&blob{}).Where("node = ? AND ref = ?", node, ref).Count(&n).Error; err != nil {
			return err
		}
		last = n == 0
		return nil
	})
	return last, err
}
