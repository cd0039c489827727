package index

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"

	"golang.org/x/sync/errgroup"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/storage"
)

// Rebuilt says what Rebuild did.
type Rebuilt struct {
	Height ledger.Height // the index is of
	Before *Contents     // nil where it could not be read; brought up to the height
	After  Contents
	Unread int // manifests that the ledger names and storage could not give

	// Same says that it is as it was before, but for what stands nowhere else:
	// Forgotten blobs, which were uploaded and which nobody has named on the
	// ledger; who uploaded Passed blobs, which are their namer's now (workers that
	// come to the same result store the same bytes, and the first to do so need not
	// be the first on the ledger); and Sessions, whose owners sign in again.
	Same      bool
	Differs   []string // tables, where it is not the same
	Forgotten int
	Passed    int
	Sessions  int
}

// Rebuild drops the index and makes it again from the ledger up to a height,
// which the ledger must have reached, and from what stands on the storage nodes.
// No node may run on it. Interrupted, it is repeated, or done by a node that runs
// Follow and Claim. Whose an upload is that nobody has named on the ledger is
// forgotten (see Claim), and so are sessions; how staff signs in is kept.
func Rebuild(ctx context.Context, s Source, l ledger.Ledger, stores []storage.Blobs, until ledger.Height, log *slog.Logger) (done Rebuilt, err error) {
	at, err := s.place()
	if err != nil {
		return done, err
	}
	x, err := connect(at, log)
	var staffs []staff
	if err == nil {
		if before, err := x.before(ctx, to{l, until}); err == nil {
			done.Before, done.Sessions = &before, before.sessions
		} else {
			log.WarnContext(ctx, "the index as it was cannot be read", slog.Any("error", err))
		}
		if err := x.within(ctx, opening, func(ctx context.Context) error { return x.db.WithContext(ctx).Table("staffs").Find(&staffs).Error }); err != nil {
			log.WarnContext(ctx, "how staff signs in cannot be read: organisations say it again", slog.Any("error", err))
		}
		if err = x.drop(ctx); err != nil {
			err = errors.Join(err, x.Close())
		}
	}
	if notice.Is(err, notice.Integrity) && s.DSN == "" { // damaged
		if err = removeFile(s.File); err == nil {
			x, err = connect(at, log)
		}
	}
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, x.Close()) }()
	if err := x.within(ctx, opening, x.migrate); err != nil {
		return done, err
	}
	for _, s := range staffs {
		if _, err := x.SetStaff(ctx, ledger.PartyID(s.Party), s.Command, ledger.Time(s.Until)); err != nil {
			return done, err
		}
	}
	c, err := x.claimer(l, stores)
	if err != nil {
		return done, err
	}
	if err := x.catchUp(ctx, c, until); err != nil {
		return done, err
	}
	if done.After, err = x.Contents(ctx); err != nil {
		return done, err
	}
	done.Height, done.Unread = until, len(c.unread)
	if b := done.Before; b != nil {
		for name, whose := range b.blobs {
			switch now, ok := done.After.blobs[name]; {
			case !ok:
				done.Forgotten++
			case now != whose:
				done.Passed++
			}
		}
		for _, t := range tables {
			if b.sums[t.name] != done.After.sums[t.name] {
				done.Differs = append(done.Differs, t.name)
			}
		}
		if b.Blobs-done.Forgotten != done.After.Blobs {
			done.Differs = append(done.Differs, blobTable)
		}
		done.Same = len(done.Differs) == 0
	}
	return done, nil
}

// before returns what the index held, once it has read what its node had no time
// to read before it stopped.
func (x *Index) before(ctx context.Context, l ledger.Ledger) (Contents, error) {
	if err := x.within(ctx, opening, x.migrate); err != nil {
		return Contents{}, err
	}
	if err := x.follow(ctx, l); err != nil {
		return Contents{}, err
	}
	return x.Contents(ctx)
}

func removeFile(file string) error {
	for _, part := range []string{"-wal", "-shm", ""} {
		if err := os.Remove(file + part); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// catchUp applies events and claims up to a height.
func (x *Index) catchUp(ctx context.Context, c *claimer, until ledger.Height) error {
	upTo := to{c.ledger, until}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return x.follow(ctx, upTo) })
	g.Go(func() error {
		c.ledger = upTo
		return c.follow(ctx, 1, func(ctx context.Context, e ledger.Event) error {
			err := c.event(ctx, e)
			if notice.Is(err, notice.Unavailable) && len(c.unread) > 0 {
				return nil // counted
			}
			return err
		})
	})
	return g.Wait()
}

// Contents says what an index holds, sessions aside.
type Contents struct {
	States, Mentions, Uses, Blobs int

	sums     map[string][sha256.Size]byte // of tables' rows but blobs'
	blobs    map[[16]byte][8]byte         // digests of whose each is, by those of node, name and size
	sessions int
}

// Contents reads the whole index. Two indexes of one ledger and its storage, at
// one height, hold the same.
func (x *Index) Contents(ctx context.Context) (c Contents, err error) {
	c.blobs, c.sums = map[[16]byte][8]byte{}, map[string][sha256.Size]byte{}
	err = x.dump(ctx, func(table, row string) {
		switch table {
		case "states":
			c.States++
		case "mentions":
			c.Mentions++
		case "uses":
			c.Uses++
		case blobTable:
			c.Blobs++
			party, rest, _ := strings.Cut(row, "\t")
			whose, name := sha256.Sum256([]byte(party)), sha256.Sum256([]byte(rest))
			c.blobs[[16]byte(name[:16])] = [8]byte(whose[:8])
			return
		case "accounts":
			return // of the blobs
		case "sessions":
			c.sessions++
			return
		}
		sum := c.sums[table]
		c.sums[table] = sha256.Sum256(append(sum[:], row...))
	})
	return c, err
}

// Dump writes every row, sessions aside, in one order, a line each.
func (x *Index) Dump(ctx context.Context, w io.Writer) error {
	out := bufio.NewWriter(w)
	err := x.dump(ctx, func(table, row string) {
		if table != "sessions" {
			_, _ = out.WriteString(row)
		}
	})
	return errors.Join(err, out.Flush())
}

const blobTable = "blobs"

// tables are what is dumped: four columns each, of which the last is a number.
var tables = []struct{ name, query string }{
	{"cursors", "SELECT 'cursor', '', '', height FROM cursors WHERE id = 1"},
	{"states", "SELECT word, key, body, height FROM states ORDER BY key"},
	{"mentions", "SELECT word, party, key, height FROM mentions ORDER BY party, word, key"},
	{"movements", "SELECT 'moved ' || n, party, body, height FROM movements ORDER BY party, time, height, n"},
	{"uses", "SELECT role, party, job || ' ' || model || ' ' || asker || ' ' || subject || ' ' || outcome || ' ' || told || ' ' || amount || ' ' || fee, at FROM uses ORDER BY job, role"},
	{"used", "SELECT role, party, span || ' ' || model || ' ' || asker || ' ' || calls || ' ' || settled || ' ' || amount || ' ' || fee, begin FROM used ORDER BY party, span, begin, model, role, asker"},
	{"logged", "SELECT 'logged ' || n, '', body, height FROM logged ORDER BY height, n"},
	{"terms", "SELECT 'term ' || term, side || '', n || '', height FROM terms ORDER BY side, term, height, n"},
	{"ids", "SELECT 'id', digits, id, 0 FROM ids ORDER BY digits, id"},
	{blobTable, "SELECT party, ref, node, size FROM blobs ORDER BY node, ref"},
	{"accounts", "SELECT 'stored', party, '', CAST(SUM(bytes) AS bigint) FROM accounts GROUP BY party HAVING SUM(bytes) <> 0 ORDER BY party"},
	{"sessions", "SELECT '', '', '', expires FROM sessions"},
}

func (x *Index) dump(ctx context.Context, visit func(table, row string)) error {
	for _, t := range tables {
		if err := x.heard(ctx, x.table(ctx, t.query, func(row string) { visit(t.name, row) })); err != nil {
			return err
		}
	}
	return nil
}

func (x *Index) table(ctx context.Context, query string, visit func(row string)) error {
	rows, err := x.db.WithContext(ctx).Raw(query).Rows()
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var a, b, c string
		var d int64
		if err := rows.Scan(&a, &b, &c, &d); err != nil {
			return err
		}
		visit(fmt.Sprintf("%s\t%s\t%s\t%d\n", a, b, c, d))
	}
	return rows.Err()
}
