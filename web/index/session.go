package index

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"manx/ledger"
	"manx/privacy/notice"
)

// How long sessions last: at most, and unused. A use is noted once a minute.
const (
	SessionLife = 12 * time.Hour // of an account's key
	StaffLife   = 8 * time.Hour
	SessionIdle = time.Hour

	noted = time.Minute
)

// Sessions that a party, or one member of its staff, has at most: one more ends the
// one that was idle longest.
const (
	MaxSessions      = 64
	maxStaffSessions = 8
)

// Who is who has a session: a party, by its key, or a member of its staff in roles.
type Who struct {
	Party  ledger.PartyID
	Member string   // a digest of what the issuer calls her; "" for the party's key
	Roles  []string // of staff
}

// A Session is one that has not ended.
type Session struct {
	Who
	ID                    string // what it is listed and ended by; no secret
	Opened, Seen, Expires time.Time
}

// Until returns when the session ends unless it is used.
func (s Session) Until() time.Time {
	if idle := s.Seen.Add(SessionIdle); idle.Before(s.Expires) {
		return idle
	}
	return s.Expires
}

// session is a bearer token's hash and whose it is.
type session struct {
	Hash                  string `gorm:"primaryKey"`
	ID                    string
	Party, Member, Roles  string
	Opened, Seen, Expires int64
}

func (s session) open() Session {
	w := Who{Party: ledger.PartyID(s.Party), Member: s.Member}
	if s.Roles != "" {
		w.Roles = strings.Split(s.Roles, " ")
	}
	return Session{w, s.ID, time.Unix(s.Opened, 0), time.Unix(s.Seen, 0), time.Unix(s.Expires, 0)}
}

// OpenSession returns a new bearer token.
func (x *Index) OpenSession(ctx context.Context, who Who, now time.Time) (token string, s Session, err error) {
	token = draw(32)
	life, most := SessionLife, MaxSessions
	if who.Member != "" {
		life, most = StaffLife, maxStaffSessions
	}
	row := session{hashToken(token), draw(8), string(who.Party), who.Member, strings.Join(who.Roles, " "), now.Unix(), now.Unix(), now.Add(life).Unix()}
	err = x.do(ctx, func(db *gorm.DB) error {
		if err := db.Where("expires < ?", now.Unix()).Delete(&session{}).Error; err != nil {
			return err
		}
		if err := db.Clauses(clause.OnConflict{DoNothing: true}).Create(&row).Error; err != nil {
			return err
		}
		var many []string
		if err := db.Model(&session{}).Where("party = ? AND member = ? AND hash <> ?", row.Party, row.Member, row.Hash).Order("seen DESC, opened DESC, hash").
			Offset(most-1).Limit(MaxSessions).Pluck("hash", &many).Error; err != nil || len(many) == 0 {
			return err
		}
		return db.Where("hash IN ?", many).Delete(&session{}).Error
	})
	return token, row.open(), err
}

// Session returns whose a token is, or a notice, and notes that it was used.
func (x *Index) Session(ctx context.Context, token string, now time.Time) (Session, error) {
	hash := hashToken(token)
	var s session
	err := x.do(ctx, func(db *gorm.DB) error {
		s = session{}
		if err := db.Where("hash = ? AND expires >= ? AND seen > ?", hash, now.Unix(), now.Add(-SessionIdle).Unix()).Take(&s).Error; err != nil {
			return err
		}
		if now.Unix()-s.Seen < int64(noted/time.Second) {
			return nil
		}
		s.Seen = now.Unix()
		return db.Model(&session{}).Where("hash = ? AND seen < ?", hash, s.Seen).Update("seen", s.Seen).Error
	})
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return Session{}, notice.New(notice.Denied, "this session is unknown or has ended", "sign in again: any `manx` command does it")
	}
	return s.open(), err
}

// Sessions lists a party's sessions, the newest first; of a member of its staff, hers.
func (x *Index) Sessions(ctx context.Context, who Who, now time.Time) (all []Session, err error) {
	err = x.do(ctx, func(db *gorm.DB) error {
		var rows []session
		q := db.Where("party = ? AND expires >= ? AND seen > ?", string(who.Party), now.Unix(), now.Add(-SessionIdle).Unix())
		if who.Member != "" {
			q = q.Where("member = ?", who.Member)
		}
		if err := q.Order("opened DESC, id").Limit(MaxSessions).Find(&rows).Error; err != nil {
			return err
		}
		all = make([]Session, len(rows))
		for i, r := range rows {
			all[i] = r.open()
		}
		return nil
	})
	return all, err
}

// EndSession ends one of the sessions that Sessions lists; of another's, nothing.
func (x *Index) EndSession(ctx context.Context, who Who, id string) error {
	return x.do(ctx, func(db *gorm.DB) error {
		q := db.Where("party = ? AND id = ?", string(who.Party), id)
		if who.Member != "" {
			q = q.Where("member = ?", who.Member)
		}
		return q.Delete(&session{}).Error
	})
}

// Take reports whether a name is taken for the first time; it is remembered until a
// time. Names are of different kinds by their first word. Nodes that share a database
// take a name once together.
func (x *Index) Take(ctx context.Context, name string, until, now ledger.Time) (first bool, err error) {
	type taken struct {
		ID    string `gorm:"primaryKey"`
		By    string
		Until int64
	}
	mine := taken{name, draw(8), int64(until)}
	err = x.do(ctx, func(db *gorm.DB) error {
		if err := db.Table("taken").Where("until < ?", int64(now)).Delete(&taken{}).Error; err != nil {
			return err
		}
		if err := db.Table("taken").Clauses(clause.OnConflict{DoNothing: true}).Create(&mine).Error; err != nil {
			return err
		}
		var held taken
		err := db.Table("taken").Where("id = ?", name).Take(&held).Error
		first = held.By == mine.By // a step whose reply was lost is tried again
		return err
	})
	return first, err
}

func draw(n int) string {
	raw := make([]byte, n)
	_, _ = rand.Read(raw)
	return hex.EncodeToString(raw)
}

func hashToken(t string) string {
	h := sha256.Sum256([]byte("manx/session/v1\x00" + t))
	return hex.EncodeToString(h[:])
}
