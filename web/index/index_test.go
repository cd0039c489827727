package index

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"manx/ledger"
)

// history is a ledger that is nothing but its events.
type history struct {
	ledger.Ledger
	events []ledger.Event
}

func (h history) Events(_ context.Context, from ledger.Height) iter.Seq2[ledger.Event, error] {
	return func(yield func(ledger.Event, error) bool) {
		for _, e := range h.events {
			if e.Height >= from && !yield(e, nil) {
				return
			}
		}
	}
}

func party(n byte) ledger.PartyID { return ledger.NewPartyID(ledger.Health, make([]byte, 31+int(n))) }

func TestFollowGoesOnAndDeletes(t *testing.T) {
	x, err := Open(filepath.Join(t.TempDir(), "index.db"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	a, b := party(1), party(2)
	coin := func(h ledger.Height, n int, owner ledger.PartyID) ledger.Event {
		id := ledger.NewCoinID(ledger.CommandID{1}, n)
		body, _ := json.Marshal(ledger.Coin{ID: id, Owner: owner, Amount: ledger.MAN(uint32(n + 1))})
		return ledger.Event{Height: h, Name: "coin.made", Key: ledger.KeyOf(id), Body: body}
	}
	h := history{events: []ledger.Event{coin(1, 0, a), coin(1, 1, a), coin(2, 2, b)}}
	for range 2 { // the second time nothing is new
		if err := x.Follow(t.Context(), h); err != nil {
			t.Fatal(err)
		}
	}
	if got, _, err := x.List(t.Context(), a, "coin", 0, 10); err != nil || len(got) != 2 {
		t.Fatalf("a has %d coins, %v", len(got), err)
	}
	spent := coin(3, 0, a)
	spent.Body = nil
	h.events = append(h.events, spent, coin(3, 3, b))
	if err := x.Follow(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	if got, _, _ := x.List(t.Context(), a, "coin", 0, 10); len(got) != 1 {
		t.Errorf("a has %d coins after spending one of two", len(got))
	}
	if got, _, _ := x.List(t.Context(), b, "coin", 0, 10); len(got) != 2 {
		t.Errorf("b has %d coins", len(got))
	}
}

func TestPagesLoseNothing(t *testing.T) {
	x, err := Open(filepath.Join(t.TempDir(), "index.db"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	var h history
	for i := range 25 {
		id := ledger.NewCoinID(ledger.CommandID{2}, i)
		body := fmt.Sprintf(`{"id":%q,"owner":%q}`, id, party(1))
		h.events = append(h.events, ledger.Event{Height: ledger.Height(1 + i/4), Key: ledger.KeyOf(id), Body: []byte(body)})
	}
	if err := x.Follow(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	seen, before := map[string]bool{}, ledger.Height(0)
	for {
		rows, next, err := x.List(t.Context(), party(1), "coin", before, 3)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if seen[string(r)] {
				t.Fatalf("%s twice", r)
			}
			seen[string(r)] = true
		}
		if next == 0 {
			break
		}
		before = next
	}
	if len(seen) != 25 {
		t.Errorf("%d of 25 rows", len(seen))
	}
}

func TestSessionsEnd(t *testing.T) {
	x, err := Open(filepath.Join(t.TempDir(), "index.db"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	now := time.Unix(1_800_000_000, 0)
	token, until, err := x.OpenSession(t.Context(), party(1), now)
	if err != nil {
		t.Fatal(err)
	}
	if p, err := x.Session(t.Context(), token, now); err != nil || p != party(1) {
		t.Errorf("Session = %v, %v", p, err)
	}
	if _, err := x.Session(t.Context(), token, until.Add(time.Second)); err == nil {
		t.Error("an ended session still opens")
	}
	if _, err := x.Session(t.Context(), "00", now); err == nil {
		t.Error("an invented session opens")
	}
}
