// Package index answers "what concerns me?": it keeps, in SQLite or PostgreSQL,
// a copy of the ledger's state by the parties it mentions, built from events
// alone, and who put which blob on which storage node. All of it can be dropped
// and made again from ledger and storage (Rebuild), but for sessions: they live
// here and nowhere else, and who has lost one signs in again. It is the only
// door to gorm and to both databases. It decides nothing: rules read the ledger.
package index

import (
	"context"
	"log/slog"
	"sync"

	"gorm.io/gorm"

	"manx/ledger"
)

// state is the newest value of a ledger key.
type state struct {
	Key    string `gorm:"primaryKey"`
	Word   string // "rec", "grant", "job", "model", "coin", "overlap", "sum", "training", "escrow", "holding", "mint", "p"
	Body   []byte
	Height uint64
}

// mention says that a state names a party; its height is the state's.
type mention struct {
	Party  string `gorm:"primaryKey"`
	Word   string `gorm:"primaryKey"`
	Key    string `gorm:"primaryKey"`
	Height uint64
}

// The cursors: how far events have been read, for states, for claims, for
// movements, for uses and for the log; and the ledger's time where those for
// movements and for the log have.
const (
	statesCursor = 1
	claimsCursor = 2
	movedCursor  = 3
	timeCursor   = 4
	usesCursor   = 5
	loggedCursor = 6
	loggedTime   = 7
)

// blob says whose a blob on a storage node is; she may delete it there.
type blob struct {
	Node  int    `gorm:"primaryKey;autoIncrement:false"`
	Ref   string `gorm:"primaryKey"`
	Party string
	Size  int64
}

// An Index is safe for concurrent use. Its methods return a notice.Unavailable
// while the database does not answer.
type Index struct {
	db  *gorm.DB
	at  place
	log *slog.Logger

	mu    sync.Mutex
	down  bool                   // the database did not answer last time
	whole ledger.Height          // all events up to here are in
	grown chan struct{}          // closed and replaced when whole grows
	busy  map[spot]chan struct{} // blobs that somebody stores or deletes; closed when it is done
}

// A spot is a blob on a storage node.
type spot struct {
	node int
	ref  string
}

// Close closes the connections. Follow and Claim must have ended.
func (x *Index) Close() error {
	sql, err := x.db.DB()
	if err != nil {
		return err
	}
	return sql.Close()
}

// Ready reports whether the database answers, by a notice if not.
func (x *Index) Ready(ctx context.Context) error {
	_, err := x.Height(ctx)
	return err
}

// Height returns the height up to which the ledger has been read.
func (x *Index) Height(ctx context.Context) (ledger.Height, error) {
	return x.cursor(ctx, statesCursor)
}

func (x *Index) cursor(ctx context.Context, id int) (ledger.Height, error) {
	var h uint64
	err := x.do(ctx, func(db *gorm.DB) error {
		return db.Table("cursors").Where("id = ?", id).Select("height").Take(&h).Error
	})
	return ledger.Height(h), err
}
