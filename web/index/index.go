// Package index answers "what concerns me?": it keeps, in SQLite, a copy of
// the ledger's state by the parties it mentions, built from events alone.
// Sessions, and who put which blob on which storage node, live here too and
// nowhere else. It is the only door to gorm. It decides nothing: rules read the
// ledger.
package index

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
	_ "modernc.org/sqlite" // the pure Go driver that sqlite.Config names

	"manx/ledger"
	"manx/privacy/notice"
)

// state is the newest value of a ledger key.
type state struct {
	Key    string `gorm:"primaryKey"`
	Word   string `gorm:"index"` // "rec", "grant", "job", "model", "coin", "p"
	Body   []byte
	Height uint64 `gorm:"index"`
}

// mention says that a state names a party.
type mention struct {
	Party string `gorm:"primaryKey"`
	Word  string `gorm:"primaryKey"`
	Key   string `gorm:"primaryKey;index"`
}

// cursor is the height of the newest event read.
type cursor struct {
	ID     int `gorm:"primaryKey"`
	Height uint64
}

// session is a bearer token's hash and whose it is.
type session struct {
	Hash    string `gorm:"primaryKey"`
	Party   string
	Expires int64 `gorm:"index"`
}

// blob says who uploaded a blob to a storage node, and may delete it there.
type blob struct {
	Node  int    `gorm:"primaryKey;autoIncrement:false"`
	Ref   string `gorm:"primaryKey"`
	Party string `gorm:"primaryKey"`
	Size  int
}

// An Index is safe for concurrent use.
type Index struct {
	db  *gorm.DB
	log *slog.Logger

	mu    sync.Mutex
	whole ledger.Height // all events up to here are in
	grown chan struct{} // closed and replaced when whole grows
}

// Open opens or makes the index in a file.
func Open(file string, log *slog.Logger) (*Index, error) {
	dsn := file + "?_pragma=journal_mode(WAL)&_pragma=busy_timeout(10000)&_pragma=synchronous(NORMAL)"
	db, err := gorm.Open(sqlite.New(sqlite.Config{DriverName: "sqlite", DSN: dsn}), &gorm.Config{
		Logger: logger.Discard, SkipDefaultTransaction: true,
	})
	if err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	sql, err := db.DB()
	if err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	sql.SetMaxOpenConns(4)
	if err := db.AutoMigrate(&state{}, &mention{}, &cursor{}, &session{}, &blob{}); err != nil {
		return nil, fmt.Errorf("migrate index: %w", err)
	}
	return &Index{db: db, log: log, grown: make(chan struct{})}, nil
}

// Close closes the file.
func (x *Index) Close() error {
	sql, err := x.db.DB()
	if err != nil {
		return fmt.Errorf("close index: %w", err)
	}
	return sql.Close()
}

// Height returns the height up to which the ledger has been read.
func (x *Index) Height(ctx context.Context) (ledger.Height, error) {
	var c cursor
	err := x.db.WithContext(ctx).Limit(1).Find(&c, 1).Error
	return ledger.Height(c.Height), err
}

// Follow reads events into the index until ctx ends. After a restart it goes
// on where it was: an event is applied with the cursor, or not at all.
func (x *Index) Follow(ctx context.Context, l ledger.Ledger) error {
	last, err := x.Height(ctx)
	if err != nil {
		return fmt.Errorf("read index cursor: %w", err)
	}
	for e, err := range l.Events(ctx, max(last, 1)) {
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("follow events: %w", err)
		}
		if err := x.apply(ctx, e); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("index event at %d: %w", e.Height, err)
		}
		if e.Last {
			x.grow(e.Height)
		}
	}
	return nil
}

func (x *Index) grow(h ledger.Height) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.whole = h
	close(x.grown)
	x.grown = make(chan struct{})
}

// Await returns once everything up to a height is in the index, so that who has
// just written reads what was written.
func (x *Index) Await(ctx context.Context, h ledger.Height) error {
	for {
		x.mu.Lock()
		whole, grown := x.whole, x.grown
		x.mu.Unlock()
		if whole >= h {
			return nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (x *Index) apply(ctx context.Context, e ledger.Event) error {
	word := wordOf(e.Key)
	return x.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		// Several events share a height, so Follow reads the last height again
		// after a restart: applying an event twice is a plain overwrite.
		if err := tx.Clauses(clause.OnConflict{UpdateAll: true}).Create(&cursor{1, uint64(e.Height)}).Error; err != nil {
			return err
		}
		if word == "" {
			return nil
		}
		if err := tx.Where("key = ?", string(e.Key)).Delete(&mention{}).Error; err != nil {
			return err
		}
		if e.Body == nil {
			return tx.Where("key = ?", string(e.Key)).Delete(&state{}).Error
		}
		if err := tx.Clauses(clause.OnConflict{UpdateAll: true}).
			Create(&state{string(e.Key), word, e.Body, uint64(e.Height)}).Error; err != nil {
			return err
		}
		for _, p := range parties(e.Body) {
			if err := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&mention{p, word, string(e.Key)}).Error; err != nil {
				return err
			}
		}
		return nil
	})
}

// wordOf returns the second part of keys of the form vertical/word/digits, and
// "" for keys the index does not keep.
func wordOf(k ledger.Key) string {
	part := strings.Split(string(k), "/")
	if len(part) != 3 {
		return ""
	}
	switch part[1] {
	case "rec", "grant", "job", "model", "coin", "p":
		return part[1]
	}
	return ""
}

// parties returns every party id that stands as a value in a JSON object.
func parties(body []byte) (ids []string) {
	var v map[string]any
	if json.Unmarshal(body, &v) != nil {
		return nil
	}
	for _, f := range v {
		if s, ok := f.(string); ok && ledger.CheckID(ledger.PartyID(s), "p") == nil {
			ids = append(ids, s)
		}
	}
	return ids
}

// List returns the JSON values of one word that mention a party, newest first,
// at most limit of them, older than the height before (0 for all).
func (x *Index) List(ctx context.Context, p ledger.PartyID, word string, before ledger.Height, limit int) ([]json.RawMessage, ledger.Height, error) {
	q := x.db.WithContext(ctx).Model(&state{}).
		Joins("JOIN mentions ON mentions.key = states.key").
		Where("mentions.party = ? AND mentions.word = ?", string(p), word)
	return page(q, before, limit)
}

// All returns the values of one word, as List does: for what is public, such
// as models.
func (x *Index) All(ctx context.Context, word string, before ledger.Height, limit int) ([]json.RawMessage, ledger.Height, error) {
	return page(x.db.WithContext(ctx).Model(&state{}).Where("word = ?", word), before, limit)
}

func page(q *gorm.DB, before ledger.Height, limit int) ([]json.RawMessage, ledger.Height, error) {
	if before > 0 {
		q = q.Where("states.height < ?", uint64(before))
	}
	var rows []state
	if err := q.Order("states.height DESC, states.key").Limit(limit + 1).Find(&rows).Error; err != nil {
		return nil, 0, fmt.Errorf("list: %w", err)
	}
	var next ledger.Height
	if len(rows) > limit {
		// A page ends between heights, so that none is cut in two: states of
		// one height stay together even where that makes the page longer.
		last := rows[limit-1].Height
		rows = rows[:limit]
		var rest []state
		if err := q.Session(&gorm.Session{}).Where("states.height = ?", last).Offset(0).Limit(10_000).Find(&rest).Error; err != nil {
			return nil, 0, fmt.Errorf("list: %w", err)
		}
		have := map[string]bool{}
		for _, r := range rows {
			have[r.Key] = true
		}
		for _, r := range rest {
			if r.Height == last && !have[r.Key] {
				rows = append(rows, r)
			}
		}
		next = ledger.Height(last)
	}
	out := make([]json.RawMessage, len(rows))
	for i, r := range rows {
		out[i] = r.Body
	}
	return out, next, nil
}

// SessionLife is how long a session lasts.
const SessionLife = 12 * time.Hour

// OpenSession returns a new bearer token of a party's.
func (x *Index) OpenSession(ctx context.Context, p ledger.PartyID, now time.Time) (token string, until time.Time, err error) {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw)
	token, until = hex.EncodeToString(raw), now.Add(SessionLife)
	db := x.db.WithContext(ctx)
	if err := db.Where("expires < ?", now.Unix()).Delete(&session{}).Error; err != nil {
		return "", until, fmt.Errorf("drop old sessions: %w", err)
	}
	err = db.Create(&session{hashToken(token), string(p), until.Unix()}).Error
	return token, until, err
}

// Session returns whose a token is, or a notice.
func (x *Index) Session(ctx context.Context, token string, now time.Time) (ledger.PartyID, error) {
	var s session
	err := x.db.WithContext(ctx).Where("hash = ? AND expires >= ?", hashToken(token), now.Unix()).Take(&s).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return "", notice.New(notice.Denied, "this session is unknown or has ended", "sign in again: any `manx` command does it")
	}
	return ledger.PartyID(s.Party), err
}

func hashToken(t string) string {
	h := sha256.Sum256([]byte("manx/session/v1\x00" + t))
	return hex.EncodeToString(h[:])
}

// Uploaded records that a party put a blob on a storage node. The first to put it
// keeps it: who repairs another's record, or sends what it has read, does not
// come to own a part of it.
func (x *Index) Uploaded(ctx context.Context, node int, ref string, p ledger.PartyID, size int) error {
	return x.db.WithContext(ctx).Exec(`INSERT INTO blobs (node, ref, party, size) SELECT ?, ?, ?, ?
		WHERE NOT EXISTS (SELECT 1 FROM blobs WHERE node = ? AND ref = ?)`, node, ref, string(p), size, node, ref).Error
}

// Uploads reports whether a party put a blob on a storage node.
func (x *Index) Uploads(ctx context.Context, node int, ref string, p ledger.PartyID) (bool, error) {
	var n int64
	err := x.db.WithContext(ctx).Model(&blob{}).Where("node = ? AND ref = ? AND party = ?", node, ref, string(p)).Count(&n).Error
	return n > 0, err
}

// Stored returns how many bytes a party has put.
func (x *Index) Stored(ctx context.Context, p ledger.PartyID) (n int64, err error) {
	err = x.db.WithContext(ctx).Model(&blob{}).Where("party = ?", string(p)).Select("COALESCE(SUM(size), 0)").Scan(&n).Error
	return n, err
}

// Deleted records that a party no longer needs a blob; last reports whether
// nobody else does, so that the bytes can go.
func (x *Index) Deleted(ctx context.Context, node int, ref string, p ledger.PartyID) (last bool, err error) {
	err = x.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		if err := tx.Where("node = ? AND ref = ? AND party = ?", node, ref, string(p)).Delete(&blob{}).Error; err != nil {
			return err
		}
		var n int64
		if err := tx.Model(&blob{}).Where("node = ? AND ref = ?", node, ref).Count(&n).Error; err != nil {
			return err
		}
		last = n == 0
		return nil
	})
	return last, err
}
