package indextest

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"manx/ledger"
	"manx/web/api"
	"manx/web/index"
)

// moved reads a statement by pages of a length, checks that it adds up, and
// returns it with what it closes with.
func moved(t testing.TB, x *index.Index, p ledger.PartyID, from, before ledger.Time, limit int) (all []api.Movement, closing ledger.Amount) {
	t.Helper()
	begin := from
	for after := ledger.Height(0); ; {
		m, err := x.Movements(t.Context(), p, begin, before, after, limit)
		page := make([]api.Movement, len(m.Bodies))
		for i, b := range m.Bodies {
			err = errors.Join(err, json.Unmarshal(b, &page[i]))
		}
		if err != nil {
			t.Fatal(err)
		}
		if after == 0 {
			closing = m.Opening
		} else if m.Opening != closing {
			t.Fatalf("a page opens with %s after one that closed with %s", m.Opening, closing)
		}
		for _, m := range page {
			was := closing
			if m.In {
				closing, err = closing.Add(m.Amount)
			} else {
				closing, err = closing.Sub(m.Amount)
			}
			if err != nil || closing != m.Balance || m.Time < from || m.Time >= before || m.Height <= after {
				t.Fatalf("after %s: %+v", was, m)
			}
		}
		all = append(all, page...)
		if m.Next == 0 {
			return all, closing
		}
		if m.Next <= after || len(page) == 0 || page[len(page)-1].Height != m.Next || page[len(page)-1].Time != m.From {
			t.Fatalf("a page after %d ends at %d", after, m.Next)
		}
		after, begin = m.Next, m.From
	}
}

// movements compares statements of all time with those of parts of it, and pages
// with one another: none loses a movement or tells of another party's.
func movements(t *testing.T, s index.Source) {
	x := Open(t, s)
	h := Random(61, 900)
	follow(t, x, h)
	for n := range 5 {
		p := Party(n)
		whole, closing := moved(t, x, p, 0, 1<<62, 500)
		if len(whole) < 50 {
			t.Fatalf("party %d has %d movements", n, len(whole))
		}
		paged, _ := moved(t, x, p, 0, 1<<62, 16)
		if !slices.Equal(whole, paged) {
			t.Errorf("party %d: pages differ from the whole", n)
		}
		for cut := ledger.Time(1); cut < 900; cut += 61 { // of the clock that ticks in it
			early, middle := moved(t, x, p, 0, cut, 500)
			late, end := moved(t, x, p, cut, 1<<62, 500)
			if !slices.Equal(append(early, late...), whole) || end != closing {
				t.Errorf("party %d: cut at %d, %d and %d of %d movements", n, cut, len(early), len(late), len(whole))
			}
			if len(late) > 0 {
				m, err := x.Movements(t.Context(), p, cut, 1<<62, 0, 500)
				if err != nil || m.Opening != middle {
					t.Errorf("party %d opens with %s, having closed with %s", n, m.Opening, middle)
				}
			}
		}
	}
	if all, closing := moved(t, x, Party(99), 0, 1<<62, 500); len(all) != 0 || !closing.IsZero() {
		t.Error("a stranger has movements")
	}
}
