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

	"golang.org/x/sync/errgroup"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/storage"
)

// Rebuilt says what Rebuild did.
type Rebuilt struct {
	Height   ledger.Height // the index is of
	Before   *Contents     // nil where it could not be read
	After    Contents
	Unread   int  // manifests that the ledger names and storage could not give
	Same     bool // as it was before, sessions aside
	Sessions int  // that were lost: their owners sign in again
}

// Rebuild drops the index and makes it again from the ledger up to a height,
// which the ledger must have reached, and from what stands on the storage nodes.
// No node may run on it. Interrupted, it is repeated, or done by a node that runs
// Follow and Claim. Whose an upload is that nobody has named on the ledger is
// forgotten (see Claim), and so are sessions.
func Rebuild(ctx context.Context, s Source, l ledger.Ledger, stores []storage.Blobs, until ledger.Height, log *slog.Logger) (done Rebuilt, err error) {
	at, err := s.place()
	if err != nil {
		return done, err
	}
	x, err := connect(at, log)
	if err != nil {
		return done, err
	}
	defer func() {
		if x != nil {
			err = errors.Join(err, x.Close())
		}
	}()
	if before, err := x.Contents(ctx); err == nil { // it can be read, and is of this version
		done.Before, done.Sessions = &before, before.sessions
	}
	if err := x.drop(ctx); notice.Is(err, notice.Integrity) && s.DSN == "" {
		if err := errors.Join(x.Close(), removeFile(s.File)); err != nil {
			return done, fmt.Errorf("remove the damaged index: %w", err)
		}
		if x, err = connect(at, log); err != nil {
			return done, err
		}
	} else if err != nil {
		return done, err
	}
	if err := x.within(ctx, opening, x.migrate); err != nil {
		return done, err
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
	done.Same = done.Before != nil && done.Before.Sum == done.After.Sum
	return done, nil
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
	if until == 0 {
		return nil
	}
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
	States, Mentions, Blobs int
	Sum                     [sha256.Size]byte // of Dump's output

	sessions int
}

// Contents reads the whole index. Two indexes of one ledger and its storage, at
// one height, hold the same.
func (x *Index) Contents(ctx context.Context) (c Contents, err error) {
	h := sha256.New()
	n, err := x.dump(ctx, h)
	if err != nil {
		return c, err
	}
	c = Contents{States: n[1], Mentions: n[2], Blobs: n[3], sessions: n[4]}
	h.Sum(c.Sum[:0])
	return c, nil
}

// Dump writes every row, sessions aside, in one order, a line each.
func (x *Index) Dump(ctx context.Context, w io.Writer) error {
	_, err := x.dump(ctx, w)
	return err
}

func (x *Index) dump(ctx context.Context, w io.Writer) (n [5]int, err error) {
	out := bufio.NewWriter(w)
	for i, q := range []string{
		"SELECT 'cursor', '', '', height FROM cursors WHERE id = 1",
		"SELECT word, key, body, height FROM states ORDER BY key",
		"SELECT word, party, key, height FROM mentions ORDER BY party, word, key",
		"SELECT party, ref, node, size FROM blobs ORDER BY node, ref",
		"SELECT '', '', '', 0 FROM sessions",
	} {
		err := func() error {
			rows, err := x.db.WithContext(ctx).Raw(q).Rows()
			if err != nil {
				return x.heard(ctx, err)
			}
			defer func() { _ = rows.Close() }()
			for rows.Next() {
				var a, b, c string
				var d int64
				if err := rows.Scan(&a, &b, &c, &d); err != nil {
					return x.heard(ctx, err)
				}
				if n[i]++; i < 4 {
					_, _ = fmt.Fprintf(out, "%s\t%s\t%s\t%d\n", a, b, c, d)
				}
			}
			return x.heard(ctx, rows.Err())
		}()
		if err != nil {
			return n, err
		}
	}
	return n, out.Flush()
}
