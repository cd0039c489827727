package fault

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/storage"
	"manx/storage/vault"
	"manx/web/owner"
)

// An upload is one that its owner was told is stored and registered.
type upload struct {
	record   ledger.RecordID
	manifest storage.Ref
	sum      [sha256.Size]byte
}

// A client works without a pause: it stores a record and opens it, pays its
// neighbour, lets it read and takes that back. On the credit side it pays only.
type client struct {
	*owner.Party
	seed      byte
	neighbour *client

	round int
	done  atomic.Int64 // deeds that were answered

	mu                   sync.Mutex
	uploads              []upload
	given, revoked, paid int
	again                int           // deeds that had to be repeated
	longest              time.Duration // a deed took, repeats and all
}

// penny is what a payment is of.
func penny(t testing.TB) ledger.Amount {
	t.Helper()
	a, err := ledger.ParseAmount("0.01")
	check(t, err)
	return a
}

// patience is how long a user repeats one command.
const patience = 2 * time.Minute

// insist does a deed as a user does: again while what she is told is that the
// exchange does not answer now.
func (c *client) insist(ctx context.Context, name string, deed func() error) error {
	began := time.Now()
	for try := 0; ; try++ {
		err := deed()
		if err == nil {
			c.done.Add(1)
			c.mu.Lock()
			defer c.mu.Unlock()
			c.longest = max(c.longest, time.Since(began))
			if try > 0 {
				c.again++
			}
			return nil
		}
		if took := time.Since(began); !notice.Is(err, notice.Unavailable) || took > patience || ctx.Err() != nil {
			return fmt.Errorf("%s, try %d, after %.1f s: %s", name, try+1, took.Seconds(), causes(err))
		}
	}
}

// work goes round until told to stop, and ends with a whole round.
func (c *client) work(ctx context.Context, stop <-chan struct{}, amount ledger.Amount) error {
	for {
		select {
		case <-stop:
			return nil
		default:
		}
		c.round++
		if c.Vertical() == ledger.Health {
			if err := c.share(ctx); err != nil {
				return err
			}
		}
		if err := c.insist(ctx, "wallet send", func() error {
			_, err := c.Send(ctx, c.neighbour.ID(), amount)
			return err
		}); err != nil {
			return err
		}
		c.mu.Lock()
		c.paid++
		c.mu.Unlock()
	}
}

func (c *client) share(ctx context.Context) error {
	var u upload
	if err := c.insist(ctx, "study add", func() (err error) { u, err = c.add(ctx); return err }); err != nil {
		return err
	}
	c.mu.Lock()
	c.uploads = append(c.uploads, u)
	c.mu.Unlock()
	if err := c.insist(ctx, "study open", func() error { return c.open(ctx, u) }); err != nil {
		return err
	}
	var given ledger.Grant
	if err := c.insist(ctx, "grant add", func() error { // as the command line does: so long from now
		info, err := c.Info(ctx)
		if err != nil {
			return err
		}
		given, err = c.Grant(ctx, ledger.GiveGrant{Record: u.record, To: c.neighbour.ID(), Purpose: ledger.Care, Access: ledger.Read, Until: info.Now + 40_000})
		return err
	}); err != nil {
		return err
	}
	c.mu.Lock()
	c.given++
	c.mu.Unlock()
	if err := c.insist(ctx, "grant revoke", func() error { return c.Revoke(ctx, given.ID) }); err != nil {
		return err
	}
	c.mu.Lock()
	c.revoked++
	c.mu.Unlock()
	return nil
}

// add stores the round's bytes as a record, going on where an earlier try
// stopped.
func (c *client) add(ctx context.Context) (u upload, err error) {
	b := make([]byte, 100_000+10_000*int(c.seed))
	_, _ = rand.NewChaCha8([32]byte{c.seed, byte(c.round), byte(c.round >> 8)}).Read(b)
	name := fmt.Sprintf("round-%d", c.round)
	file, err := c.Home.Path("journal", name)
	if err != nil {
		return u, err
	}
	id, err := c.Keys.Identity()
	if err != nil {
		return u, err
	}
	journal := vault.NewFileJournal(file)
	d, err := c.Vault.Add(ctx, vault.Version{Kind: string(ledger.Study), Journal: journal, Owner: id, Objects: []vault.Object{{
		ID: name, Name: name, Size: int64(len(b)), Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil },
	}}})
	if err != nil {
		return u, err
	}
	r, err := c.RegisterDeposit(ctx, d, "", ledger.RegisterRecord{Kind: ledger.Study})
	if err != nil {
		return u, err
	}
	return upload{r.Record, d.Manifest, sha256.Sum256(b)}, journal.Clear(ctx)
}

// open opens an upload and compares every byte.
func (c *client) open(ctx context.Context, u upload) error {
	r, on, err := c.OpenOwn(ctx, u.record, 0)
	if err != nil {
		return err
	}
	if v, _ := on.Latest(); v.Manifest != u.manifest {
		return fmt.Errorf("%s has another manifest than was acknowledged", u.record)
	}
	h := sha256.New()
	for _, o := range r.Objects() {
		f, err := r.Open(ctx, o.ID)
		if err != nil {
			return err
		}
		_, err = io.Copy(h, f)
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return err
		}
	}
	if [sha256.Size]byte(h.Sum(nil)) != u.sum {
		return fmt.Errorf("%s opens with other bytes", u.record)
	}
	return nil
}

// latest returns the newest acknowledged upload.
func (c *client) latest() (upload, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.uploads) == 0 {
		return upload{}, false
	}
	return c.uploads[len(c.uploads)-1], true
}
