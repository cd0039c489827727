// Package indextest is the suite that the index passes on every database. It is
// for tests only.
package indextest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/web/index"
)

// Run runs the suite. fresh names a new, empty database.
func Run(t *testing.T, fresh func(t testing.TB) index.Source) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, s index.Source)
	}{
		{"follow goes on and deletes", follows},
		{"lists hold what the ledger holds", agrees},
		{"pages lose nothing", pages},
		{"movements", movements},
		{"a page ends between heights", pagesBetweenHeights},
		{"await", awaits},
		{"a restart at every event", restarts},
		{"a stop anywhere", stops},
		{"two nodes, one database", shares},
		{"sessions end", sessions},
		{"sessions end unused, by their owner, by one too many", idles},
		{"a name is taken once", takes},
		{"how staff signs in", staffs},
		{"the first to upload keeps a blob", uploads},
		{"what a party stores", stores},
		{"many writers at once", writers},
		{"everything twice", twice},
		{"a newer database is refused", newer},
		{"rebuild", rebuilds},
		{"uses of models", uses},
		{"the log", logs},
		{"samples of blobs", samples},
		{"claims", claims},
		{"claims wait for storage", claimsWait},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, fresh(t)) })
	}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// Open opens a database that must open, until the test ends.
func Open(t testing.TB, s index.Source) *index.Index {
	t.Helper()
	x, err := s.Open(t.Context(), quiet())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = x.Close() })
	return x
}

// Dump returns every row but sessions.
func Dump(t testing.TB, x *index.Index) string {
	t.Helper()
	var b strings.Builder
	if err := x.Dump(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func follow(t testing.TB, x *index.Index, h History) {
	t.Helper()
	if err := x.Follow(t.Context(), h); err != nil {
		t.Fatal(err)
	}
}

// all reads a whole list by pages of a length.
func all(t testing.TB, limit int, read func(before ledger.Height, limit int) ([]json.RawMessage, ledger.Height, error)) (bodies []string) {
	t.Helper()
	for before := ledger.Height(0); ; {
		page, next, err := read(before, limit)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range page {
			bodies = append(bodies, string(b))
		}
		if next == 0 {
			return bodies
		}
		if before != 0 && next >= before {
			t.Fatalf("a page from %d is followed by one from %d", before, next)
		}
		before = next
	}
}

func coins(t testing.TB, x *index.Index, p ledger.PartyID, limit int) []string {
	t.Helper()
	return all(t, limit, func(before ledger.Height, limit int) ([]json.RawMessage, ledger.Height, error) {
		return x.List(t.Context(), p, "coin", before, limit)
	})
}

func follows(t *testing.T, s index.Source) {
	x := Open(t, s)
	a, b := Party(1), Party(2)
	var h History
	h.add(0, coin(1, 0, a), coin(1, 1, a))
	h.add(0, coin(2, 2, b))
	follow(t, x, h)
	follow(t, x, h) // nothing is new
	if got := coins(t, x, a, 10); len(got) != 2 {
		t.Fatalf("a has %d coins", len(got))
	}
	spent := coin(1, 0, a)
	spent.Name, spent.Body = ledger.CoinSpent, nil
	h.add(1<<28, spent, coin(3, 3, b))
	follow(t, x, h)
	if got := coins(t, x, a, 10); len(got) != 1 {
		t.Errorf("a has %d coins after spending one of two", len(got))
	}
	if got := coins(t, x, b, 10); len(got) != 2 {
		t.Errorf("b has %d coins", len(got))
	}
	if got, err := x.Height(t.Context()); err != nil || got != h.Height() {
		t.Errorf("height %d, %v; want %d", got, err, h.Height())
	}
}

func agrees(t *testing.T, s index.Source) {
	x := Open(t, s)
	h := Random(7, 1500)
	follow(t, x, h)
	for p := range 5 {
		got := coins(t, x, Party(p), 50)
		slices.Sort(got)
		if want := h.coinsOf(Party(p)); !slices.Equal(got, want) {
			t.Errorf("party %d has %d coins, want %d", p, len(got), len(want))
		}
	}
}

func pages(t *testing.T, s index.Source) {
	x := Open(t, s)
	h := Random(11, 300)
	follow(t, x, h)
	for _, limit := range []int{1, 2, 3, 7, 500} {
		for p := range 5 {
			got := coins(t, x, Party(p), limit)
			slices.Sort(got)
			if len(slices.Compact(slices.Clone(got))) != len(got) {
				t.Errorf("pages of %d show a coin twice", limit)
			}
			if want := h.coinsOf(Party(p)); !slices.Equal(got, want) {
				t.Errorf("pages of %d show %d coins, want %d", limit, len(got), len(want))
			}
		}
		records := all(t, limit, func(before ledger.Height, limit int) ([]json.RawMessage, ledger.Height, error) {
			return x.All(t.Context(), "rec", before, limit)
		})
		last := 1 << 30
		for _, r := range records { // newest first: versions are dated by their command
			var rec ledger.Record
			if err := json.Unmarshal([]byte(r), &rec); err != nil {
				t.Fatal(err)
			}
			v, _ := rec.Latest()
			if int(v.At) > last {
				t.Errorf("a record of %d after one of %d", v.At, last)
			}
			last = int(v.At)
		}
		if len(records) < 10 {
			t.Errorf("%d records", len(records))
		}
	}
	if got := coins(t, x, Party(99), 10); len(got) != 0 {
		t.Errorf("a stranger has %d coins", len(got))
	}
}

func pagesBetweenHeights(t *testing.T, s index.Source) {
	x := Open(t, s)
	var h History
	for i := range 4 {
		var made []ledger.Event
		for j := range 64 {
			made = append(made, coin(i, j, Party(1)))
		}
		h.add(0, made...)
	}
	follow(t, x, h)
	page, next, err := x.List(t.Context(), Party(1), "coin", 0, 10)
	if err != nil || len(page) != 64 || next != h.Height() {
		t.Errorf("a page of %d, next %d, %v; want the 64 of one height", len(page), next, err)
	}
	page, next, err = x.List(t.Context(), Party(1), "coin", 0, 64)
	if err != nil || len(page) != 64 || next != h.Height() {
		t.Errorf("a page of %d, next %d, %v", len(page), next, err)
	}
	page, next, err = x.List(t.Context(), Party(1), "coin", 2, 64)
	if err != nil || len(page) != 64 || next != 0 {
		t.Errorf("the last page of %d, next %d, %v", len(page), next, err)
	}
}

func awaits(t *testing.T, s index.Source) {
	x := Open(t, s)
	h := Random(3, 40)
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := x.Await(short, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("an empty index is at 1: %v", err)
	}
	var g errgroup.Group
	for i := range 10 {
		g.Go(func() error { return x.Await(t.Context(), h.Height()-ledger.Height(i)) })
	}
	follow(t, x, h)
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
	again := Open(t, s) // what was read before a restart is known after it
	follow(t, again, h)
	if err := again.Await(t.Context(), h.Height()); err != nil {
		t.Error(err)
	}
}

// restarts stops reading after every event, in the middle of heights too, and
// goes on with another index on the same database.
func restarts(t *testing.T, s index.Source) {
	h := Random(5, 60)
	for n := range h.Log {
		x, err := s.Open(t.Context(), quiet())
		if err != nil {
			t.Fatal(err)
		}
		follow(t, x, History{Log: h.Log[:n]})
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
	}
	x := Open(t, s)
	follow(t, x, h)
	Same(t, x, h)
}

// Same fails the test unless an index holds what its ledger's events come to.
func Same(t testing.TB, x *index.Index, h History) {
	t.Helper()
	for p := range 5 {
		got := coins(t, x, Party(p), 33)
		slices.Sort(got)
		if want := h.coinsOf(Party(p)); !slices.Equal(got, want) {
			t.Errorf("party %d has %d coins, want %d", p, len(got), len(want))
		}
		sum := ledger.Amount{}
		for _, c := range h.coinsOf(Party(p)) {
			var v ledger.Coin
			if err := json.Unmarshal([]byte(c), &v); err != nil {
				t.Fatal(err)
			}
			sum, _ = sum.Add(v.Amount)
		}
		if _, closing := moved(t, x, Party(p), 0, 1<<62, 500); closing != sum {
			t.Errorf("party %d holds %s by its movements, and coins of %s", p, closing, sum)
		}
	}
	if at, err := x.Height(t.Context()); err != nil || at != h.Height() {
		t.Errorf("height %d, %v; want %d", at, err, h.Height())
	}
}

// stops ends Follow at moments of its work and lets it begin again.
func stops(t *testing.T, s index.Source) {
	x := Open(t, s)
	h := Random(13, 1200)
	for i := 1; i < 25; i++ {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*time.Millisecond)
		if err := x.Follow(ctx, h); err != nil {
			t.Fatal(err)
		}
		cancel()
	}
	follow(t, x, h)
	Same(t, x, h)
}

// shares lets two nodes fill one database, each at its own pace.
func shares(t *testing.T, s index.Source) {
	h := Random(17, 800)
	var g errgroup.Group
	for range 2 {
		x := Open(t, s)
		g.Go(func() error {
			for n := 50; n < len(h.Log); n += 150 {
				if err := x.Follow(t.Context(), History{Log: h.Log[:n]}); err != nil {
					return err
				}
			}
			return x.Follow(t.Context(), h)
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	Same(t, Open(t, s), h)
}

func sessions(t *testing.T, s index.Source) {
	x := Open(t, s)
	now := time.Unix(1_800_000_000, 0)
	token, opened, err := x.OpenSession(t.Context(), index.Who{Party: Party(1)}, now)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := Open(t, s).Session(t.Context(), token, now); err != nil || p.Party != Party(1) {
		t.Errorf("Session = %v, %v", p, err)
	}
	until := opened.Expires
	if _, err := x.Session(t.Context(), token, until.Add(time.Second)); !notice.Is(err, notice.Denied) {
		t.Errorf("an ended session: %v", err)
	}
	for _, invented := range []string{"", "00", token + "0", strings.ToUpper(token), "' OR 1=1 --"} {
		if _, err := x.Session(t.Context(), invented, now); !notice.Is(err, notice.Denied) {
			t.Errorf("an invented session: %v", err)
		}
	}
	if _, _, err := x.OpenSession(t.Context(), index.Who{Party: Party(2)}, until.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := x.Session(t.Context(), token, now); !notice.Is(err, notice.Denied) {
		t.Errorf("an ended session is kept: %v", err)
	}
}

func uploads(t *testing.T, s index.Source) {
	x, ctx := Open(t, s), t.Context()
	a, b := Party(1), Party(2)
	put := func(node int, p ledger.PartyID) {
		if err := x.Uploaded(ctx, node, "ref", p, 10); err != nil {
			t.Fatal(err)
		}
	}
	has := func(node int, p ledger.PartyID, want bool) {
		t.Helper()
		if got, err := x.Uploads(ctx, node, "ref", p); err != nil || got != want {
			t.Errorf("Uploads = %t, %v", got, err)
		}
	}
	put(0, a)
	put(0, b)
	put(0, a)
	put(1, b)
	has(0, a, true)
	has(0, b, false)
	has(1, b, true)
	has(1, a, false)
	if err := x.Deleted(ctx, 0, "ref", b); err != nil {
		t.Error(err)
	}
	has(0, a, true) // what is another's stays
	if err := x.Deleted(ctx, 0, "ref", a); err != nil {
		t.Error(err)
	}
	has(0, a, false)
	put(0, b)
	has(0, b, true)
}

func stores(t *testing.T, s index.Source) {
	x, ctx := Open(t, s), t.Context()
	stored := func(p ledger.PartyID, want int64) {
		t.Helper()
		if got, err := x.Stored(ctx, p); err != nil || got != want {
			t.Errorf("Stored = %d, %v; want %d", got, err, want)
		}
	}
	stored(Party(1), 0)
	for i := range 6 {
		if err := errors.Join(x.Uploaded(ctx, i, "ref", Party(1), 1<<20), x.Uploaded(ctx, i, "ref", Party(1), 1<<20), x.Uploaded(ctx, i, "ref2", Party(2), 1)); err != nil {
			t.Fatal(err)
		}
	}
	stored(Party(1), 6<<20)
	stored(Party(2), 6)
	if err := x.Deleted(ctx, 3, "ref", Party(1)); err != nil {
		t.Fatal(err)
	}
	stored(Party(1), 5<<20)
}

// writers has everybody write at once: each blob ends with one owner, and
// nothing of what was acknowledged is lost.
func writers(t *testing.T, s index.Source) {
	x, ctx := Open(t, s), t.Context()
	h := Random(19, 600)
	const parties, refs = 8, 40
	var g errgroup.Group
	g.Go(func() error { return x.Follow(ctx, h) })
	var mu sync.Mutex
	tokens := map[string]ledger.PartyID{}
	for p := range parties {
		g.Go(func() error {
			for r := range refs {
				if err := x.Uploaded(ctx, r%6, fmt.Sprint("shared ", r), Party(p), 7); err != nil {
					return err
				}
				if err := x.Uploaded(ctx, r%6, fmt.Sprint("own ", p, r), Party(p), 11); err != nil {
					return err
				}
				if r%10 == 0 {
					token, _, err := x.OpenSession(ctx, index.Who{Party: Party(p)}, time.Unix(1_800_000_000, 0))
					if err != nil {
						return err
					}
					mu.Lock()
					tokens[token] = Party(p)
					mu.Unlock()
				}
				if _, _, err := x.List(ctx, Party(p), "coin", 0, 5); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	Same(t, x, h)
	for token, p := range tokens {
		if got, err := x.Session(ctx, token, time.Unix(1_800_000_000, 0)); err != nil || got.Party != p {
			t.Errorf("a session is %q's, %v", got, err)
		}
	}
	total := int64(0)
	for p := range parties {
		n, err := x.Stored(ctx, Party(p))
		if err != nil || n < refs*11 {
			t.Errorf("%d bytes, %v", n, err)
		}
		total += n
	}
	if want := int64(parties*refs*11 + refs*7); total != want {
		t.Errorf("%d bytes in all, want %d", total, want)
	}
}

// Story does everything an index offers to writers, and checks what it answers.
// Steps that failed are tried again, as their callers would: so it tells the
// same on a database that loses its connection at any moment.
func Story(ctx context.Context, x *index.Index) error {
	h := Random(23, 120)
	if err := x.Follow(ctx, h); err != nil {
		return fmt.Errorf("follow: %w", err)
	}
	for i := range 6 {
		if err := again(ctx, func() error { return x.Uploaded(ctx, i, "kept", Party(1), 100) }); err != nil {
			return fmt.Errorf("upload: %w", err)
		}
		if err := again(ctx, func() error { return x.Uploaded(ctx, i, "gone", Party(1), 100) }); err != nil {
			return fmt.Errorf("upload: %w", err)
		}
		if err := again(ctx, func() error { return x.Deleted(ctx, i, "gone", Party(1)) }); err != nil {
			return fmt.Errorf("delete: %w", err)
		}
	}
	now := time.Unix(1_800_000_000, 0)
	return again(ctx, func() error {
		token, _, err := x.OpenSession(ctx, index.Who{Party: Party(1)}, now)
		if err != nil {
			return err
		}
		return again(ctx, func() error {
			p, err := x.Session(ctx, token, now)
			if err == nil && p.Party != Party(1) {
				err = fmt.Errorf("the session is %q's", p.Party)
			}
			return err
		})
	})
}

// again repeats a step for as long as the database does not answer.
func again(ctx context.Context, step func() error) error {
	for {
		err := step()
		if !notice.Is(err, notice.Unavailable) || ctx.Err() != nil {
			return err
		}
	}
}

// twice tells the story twice on one database: the second time changes nothing.
func twice(t *testing.T, s index.Source) {
	x := Open(t, s)
	var dumps [2]string
	for i := range dumps {
		if err := Story(t.Context(), x); err != nil {
			t.Fatal(err)
		}
		dumps[i] = Dump(t, x)
	}
	if dumps[0] != dumps[1] || !strings.Contains(dumps[0], "kept") || strings.Contains(dumps[0], "gone") {
		t.Error("the same story told again leaves something else")
	}
}
