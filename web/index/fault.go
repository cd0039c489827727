package index

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"
	"modernc.org/sqlite"

	"manx/privacy/notice"
)

// How long a step is tried while the database does not answer.
const (
	asking  = 3 * time.Second  // what a request waits for
	opening = 10 * time.Second // a server may be starting
	batchIn = 30 * time.Second // one try of a batch, or of a claim
)

// do runs one step, again while the database does not answer, until a request
// would wait too long. Steps may be done twice: each leaves the same state the
// second time, for a step that was done and whose reply was lost is tried again.
func (x *Index) do(ctx context.Context, step func(db *gorm.DB) error) error {
	return x.within(ctx, asking, func(ctx context.Context) error { return step(x.db.WithContext(ctx)) })
}

func (x *Index) within(ctx context.Context, patience time.Duration, step func(context.Context) error) error {
	until, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, 500*time.Millisecond) {
		err := x.heard(ctx, step(until))
		if !notice.Is(err, notice.Unavailable) || ctx.Err() != nil {
			return err
		}
		select {
		case <-time.After(wait):
		case <-until.Done():
			return err
		}
	}
}

// insist runs a step until the database has taken it or ctx ends.
func (x *Index) insist(ctx context.Context, step func(db *gorm.DB) error) error {
	for {
		err := x.within(ctx, batchIn, func(ctx context.Context) error { return step(x.db.WithContext(ctx)) })
		if !notice.Is(err, notice.Unavailable) || ctx.Err() != nil {
			return err
		}
	}
}

// heard returns what the outside may know of a database's error, and logs when
// the database falls silent and when it is back.
func (x *Index) heard(ctx context.Context, err error) error {
	n := (*notice.Error)(nil)
	if ctx.Err() != nil || errors.As(err, &n) {
		return err
	}
	silent := false
	switch {
	case err == nil || errors.Is(err, gorm.ErrRecordNotFound):
	case damaged(err):
		return notice.Because(err, notice.Integrity, "the index in "+x.at.name+" is damaged", "stop the node and make it again from ledger and storage: `manx index rebuild`")
	case refused(err):
		return notice.Because(err, notice.Denied, x.at.name+" does not let this node in", "check that the database is there, and the user and password in its address")
	case transient(err):
		silent = true
	default:
		return fmt.Errorf("index: %w", err)
	}
	x.mu.Lock()
	changed := x.down != silent
	x.down = silent
	x.mu.Unlock()
	switch {
	case changed && silent:
		x.log.WarnContext(ctx, "the index's database does not answer", slog.Any("error", err))
	case changed:
		x.log.InfoContext(ctx, "the index's database answers again")
	}
	if silent {
		return notice.Because(err, notice.Unavailable, "the node's database does not answer", "try again in a moment; nothing that was acknowledged is lost")
	}
	return err
}

// The low bytes of SQLite's result codes that are told apart.
const (
	sqliteBusy, sqliteLocked, sqliteReadOnly = 5, 6, 8
	sqliteIO, sqliteCorrupt, sqliteFull      = 10, 11, 13
	sqliteCantOpen, sqliteNotADB             = 14, 26
)

func codes(err error) (lite int, pg string) {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		lite = e.Code() & 0xff
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		pg = e.Code
	}
	return lite, pg
}

func damaged(err error) bool {
	lite, pg := codes(err)
	return lite == sqliteCorrupt || lite == sqliteNotADB || pg == "XX001" || pg == "XX002"
}

// refused reports whether the server knows us not, or not well enough.
func refused(err error) bool {
	_, pg := codes(err)
	return len(pg) == 5 && pg[:2] == "28" || pg == "3D000" || pg == "42501"
}

// transient reports whether the same step may succeed later: the connection was
// lost, the server is starting or stopping, another transaction was in the way,
// time or space ran out.
func transient(err error) bool {
	lite, pg := codes(err)
	switch lite {
	case sqliteBusy, sqliteLocked, sqliteReadOnly, sqliteIO, sqliteFull, sqliteCantOpen:
		return true
	}
	if len(pg) == 5 {
		switch pg[:2] {
		case "08", "25", "40", "53", "55", "57", "58": // connection, transaction state, rollback, resources, object in use, operator, system
			return true
		}
		return false
	}
	var timeout net.Error
	var connect *pgconn.ConnectError
	switch {
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone), errors.Is(err, sql.ErrTxDone),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed),
		errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE),
		errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled),
		errors.As(err, &timeout), errors.As(err, &connect), pgconn.Timeout(err), pgconn.SafeToRetry(err):
		return true
	}
	return false
}
