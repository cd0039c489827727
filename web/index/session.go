package index

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"manx/ledger"
	"manx/privacy/notice"
)

// SessionLife is how long a session lasts.
const SessionLife = 12 * time.Hour

// OpenSession returns a new bearer token of a party's.
func (x *Index) OpenSession(ctx context.Context, p ledger.PartyID, now time.Time) (token string, until time.Time, err error) {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw)
	token, until = hex.EncodeToString(raw), now.Add(SessionLife)
	err = x.do(ctx, func(db *gorm.DB) error {
		if err := db.Where("expires < ?", now.Unix()).Delete(&session{}).Error; err != nil {
			return err
		}
		return db.Clauses(clause.OnConflict{DoNothing: true}).Create(&session{hashToken(token), string(p), until.Unix()}).Error
	})
	return token, until, err
}

// Session returns whose a token is, or a notice.
func (x *Index) Session(ctx context.Context, token string, now time.Time) (ledger.PartyID, error) {
	var s session
	err := x.do(ctx, func(db *gorm.DB) error {
		return db.Where("hash = ? AND expires >= ?", hashToken(token), now.Unix()).Take(&s).Error
	})
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return "", notice.New(notice.Denied, "this session is unknown or has ended", "sign in again: any `manx` command does it")
	}
	return ledger.PartyID(s.Party), err
}

func hashToken(t string) string {
	h := sha256.Sum256([]byte("manx/session/v1\x00" + t))
	return hex.EncodeToString(h[:])
}
