package index

import (
	"context"
	"errors"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"manx/ledger"
)

// staff is the signed command by which a party said how its staff signs in. Like
// sessions it stands here and nowhere else; Rebuild keeps it.
type staff struct {
	Party   string `gorm:"primaryKey"`
	Command []byte
	Until   int64 // the command's end; a later one replaces an earlier
}

// Staff returns the command by which a party's staff signs in, and its end; nil where
// there is none.
func (x *Index) Staff(ctx context.Context, p ledger.PartyID) (command []byte, until ledger.Time, err error) {
	err = x.do(ctx, func(db *gorm.DB) error {
		var s staff
		err := db.Table("staffs").Where("party = ?", string(p)).Take(&s).Error
		if errors.Is(err, gorm.ErrRecordNotFound) {
			err = nil
		}
		command, until = s.Command, ledger.Time(s.Until)
		return err
	})
	return command, until, err
}

// SetStaff keeps such a command, unless one with a later end is kept, and ends the
// sessions that the party's staff has.
func (x *Index) SetStaff(ctx context.Context, p ledger.PartyID, command []byte, until ledger.Time) (set bool, err error) {
	err = x.do(ctx, func(db *gorm.DB) error {
		return db.Transaction(func(tx *gorm.DB) error {
			if err := tx.Table("staffs").Clauses(clause.OnConflict{
				Columns:   []clause.Column{{Name: "party"}},
				Where:     clause.Where{Exprs: []clause.Expression{clause.Expr{SQL: "staffs.until <= excluded.until"}}},
				DoUpdates: clause.AssignmentColumns([]string{"command", "until"}),
			}).Create(&staff{string(p), command, int64(until)}).Error; err != nil {
				return err
			}
			var now staff
			if err := tx.Table("staffs").Where("party = ?", string(p)).Take(&now).Error; err != nil {
				return err
			}
			if set = string(now.Command) == string(command); !set {
				return nil
			}
			return tx.Where("party = ? AND member <> ''", string(p)).Delete(&session{}).Error
		})
	})
	return set, err
}

// signIn is a sign-in of staff that is under way.
type signIn struct {
	State string `gorm:"primaryKey"` // a digest of it
	Body  []byte
	Until int64
}

// maxSignIns bounds those under way, of all parties together.
const maxSignIns = 100_000

// ErrMany says that too many sign-ins are under way.
var ErrMany = errors.New("too many sign-ins are under way")

// KeepSignIn keeps what a sign-in needs when it comes back.
func (x *Index) KeepSignIn(ctx context.Context, state string, body []byte, until, now ledger.Time) error {
	return x.do(ctx, func(db *gorm.DB) error {
		if err := db.Where("until < ?", int64(now)).Delete(&signIn{}).Error; err != nil {
			return err
		}
		var n int64
		if err := db.Model(&signIn{}).Count(&n).Error; err != nil {
			return err
		}
		if n >= maxSignIns {
			return ErrMany
		}
		return db.Clauses(clause.OnConflict{DoNothing: true}).Create(&signIn{state, body, int64(until)}).Error
	})
}

// SignIn returns what was kept, or nil where nothing was or its time is over. It stays
// until then: who trades it takes its name first (Take).
func (x *Index) SignIn(ctx context.Context, state string, now ledger.Time) (body []byte, err error) {
	err = x.do(ctx, func(db *gorm.DB) error {
		var s signIn
		err := db.Where("state = ? AND until >= ?", state, int64(now)).Take(&s).Error
		if errors.Is(err, gorm.ErrRecordNotFound) {
			err = nil
		}
		body = s.Body
		return err
	})
	return body, err
}

// An Answer is what a request was answered the first time.
type Answer struct {
	Request string // a digest of the request
	Status  int
	Body    []byte
}

type answer struct {
	Party   string `gorm:"primaryKey"`
	Key     string `gorm:"primaryKey"`
	Request string
	Status  int
	Body    []byte
	Until   int64
}

// KeepAnswer keeps a party's answer under the key that it chose, until a time; the first
// one stays.
func (x *Index) KeepAnswer(ctx context.Context, p ledger.PartyID, key string, a Answer, until, now ledger.Time) error {
	return x.do(ctx, func(db *gorm.DB) error {
		if err := db.Where("until < ?", int64(now)).Delete(&answer{}).Error; err != nil {
			return err
		}
		return db.Clauses(clause.OnConflict{DoNothing: true}).Create(&answer{string(p), key, a.Request, a.Status, a.Body, int64(until)}).Error
	})
}

// Answer returns what was kept; ok is false where nothing is.
func (x *Index) Answer(ctx context.Context, p ledger.PartyID, key string, now ledger.Time) (a Answer, ok bool, err error) {
	err = x.do(ctx, func(db *gorm.DB) error {
		var kept answer
		err := db.Where("party = ? AND key = ? AND until >= ?", string(p), key, int64(now)).Take(&kept).Error
		if ok = err == nil; errors.Is(err, gorm.ErrRecordNotFound) {
			err = nil
		}
		a = Answer{kept.Request, kept.Status, kept.Body}
		return err
	})
	return a, ok, err
}
