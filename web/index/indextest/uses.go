package indextest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"manx/ledger"
	"manx/ledger/receipt"
	"manx/storage/memory"
	"manx/web/index"
)

// Calls of histories end so many seconds apart, from the middle of an hour in November on:
// 300 of them take three months.
const (
	calledFrom  = ledger.Time(1_794_000_000)
	calledEvery = 27_999
)

// called makes a history of n calls of two models, with receipts; want tells how often and
// with what earnings each party was what in those that ended from a time on and before
// another, by party, model and role.
func called(t testing.TB, seed uint64, n int) (h History, want func(from, before ledger.Time) map[string]string) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 2)) //nolint:gosec // the same history for the same seed
	for i := range n {
		model := ledger.NewModelID(ledger.Health, commandID(800+i%2))
		rc := ledger.Receipt{Version: 1, Job: ledger.NewJobID(ledger.Health, commandID(i)), Outcome: ledger.Settled, Asker: Party(r.IntN(5)), Subject: Party(r.IntN(5)),
			Model: model, ModelOwner: Party(5 + i%2), Worker: Party(7), At: calledFrom + ledger.Time(i-i%3)*calledEvery}
		pays := map[string]ledger.PartyID{"worker": Party(7), "model-owner": rc.ModelOwner, "contributor-1": Party(3), "exchange": Party(8)}
		if r.IntN(4) == 0 {
			rc.Outcome, pays = ledger.Refunded, map[string]ledger.PartyID{"asker": rc.Asker}
		} else {
			rc.Hash = ledger.Hash{1}
		}
		for _, role := range slices.Sorted(maps.Keys(pays)) {
			rc.Payments = append(rc.Payments, ledger.Output{To: pays[role], Amount: ledger.Units(uint64(1 + r.IntN(1000))), As: role})
		}
		b, err := receipt.Encode(rc)
		if err != nil {
			t.Fatal(err)
		}
		j := ledger.Job{ID: rc.Job, Asker: rc.Asker, Subject: rc.Subject, Model: model, Stage: rc.Outcome}
		h.add(r.IntN(3), value(ledger.JobReached(rc.Outcome), ledger.KeyOf(j.ID), j), value(ledger.ReceiptWritten, ledger.ReceiptKey(j.ID), ledger.Leaf{Index: int64(i), Receipt: b}))
	}
	return h, func(from, before ledger.Time) map[string]string {
		calls, earned := map[string]int{}, map[string]ledger.Amount{}
		for _, e := range h.Log {
			rc, ok := receiptIn(t, e)
			if !ok || rc.At < from || rc.At >= before {
				continue
			}
			roles := map[string]ledger.PartyID{"asker": rc.Asker, "model-owner": rc.ModelOwner, "worker": rc.Worker}
			if rc.Subject != rc.Asker {
				roles["subject"] = rc.Subject
			}
			for _, p := range rc.Payments {
				roles[p.As] = p.To
				k := fmt.Sprint(p.To, rc.Model, p.As)
				earned[k], _ = earned[k].Add(p.Amount)
			}
			for role, p := range roles {
				calls[fmt.Sprint(p, rc.Model, role)]++
			}
		}
		out := map[string]string{}
		for k, c := range calls {
			out[k] = fmt.Sprint(c, " ", earned[k])
		}
		return out
	}
}

func receiptIn(t testing.TB, e ledger.Event) (r ledger.Receipt, ok bool) {
	t.Helper()
	var leaf ledger.Leaf
	if e.Name != ledger.ReceiptWritten {
		return r, false
	}
	if err := errors.Join(json.Unmarshal(e.Body, &leaf), json.Unmarshal(leaf.Receipt, &r)); err != nil {
		t.Fatal(err)
	}
	return r, true
}

// counted is what calls come to for each party, model and role, by the index's sums from a
// time on and before another.
func counted(t testing.TB, x *index.Index, m ledger.ModelID, from, before ledger.Time) map[string]string {
	t.Helper()
	calls, earned := map[string]int{}, map[string]ledger.Amount{}
	for p := range 10 {
		used, err := x.Usage(t.Context(), Party(p), m, from, before)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range used {
			k := fmt.Sprint(Party(p), u.Model, u.Role)
			calls[k] += u.Calls
			earned[k], _ = earned[k].Add(u.Amount)
			if u.At >= before || (u.Asker != "") != (u.Role == "model-owner" || u.Role == "subject") {
				t.Errorf("of %d to %d: %+v", from, before, u)
			}
		}
	}
	got := map[string]string{}
	for k, c := range calls {
		got[k] = fmt.Sprint(c, " ", earned[k])
	}
	return got
}

// uses are counted once each, however often events are read, by model and time, and
// made again from the ledger alone.
func uses(t *testing.T, s index.Source) {
	x := Open(t, s)
	h, all := called(t, 71, 300)
	want := all(0, math.MaxInt64)
	half := History{Log: h.Log[:401]} // in the middle of a command
	follow(t, x, half)
	follow(t, x, h)
	follow(t, x, h)
	ever := func(m ledger.ModelID) map[string]string { return counted(t, x, m, 0, math.MaxInt64) }
	if got := ever(""); !maps.Equal(got, want) {
		t.Fatalf("counted %v, want %v", got, want)
	}
	one := ever(ledger.NewModelID(ledger.Health, commandID(800)))
	for k := range one {
		if want[k] == "" || one[k] != want[k] {
			t.Errorf("of one model: %s", k)
		}
	}
	if len(one) == 0 || len(one) == len(want) {
		t.Errorf("%d of %d are of one model", len(one), len(want))
	}
	// Any time is made of months, days, hours and calls, none twice and none left out.
	r := rand.New(rand.NewPCG(5, 5)) //nolint:gosec // the same times for the same seed
	begin, end := calledFrom, h.Log[len(h.Log)-1]
	last := calledFrom + 300*calledEvery
	for _, w := range [][2]ledger.Time{{-5, 5}, {math.MinInt64, math.MaxInt64}, {last, last}, {last, begin}, {begin - begin%86400, begin - begin%86400 + 40*86400}, {1 << 41, 1 << 42}, {begin, 1 << 41}} {
		if got, want := counted(t, x, "", w[0], w[1]), all(w[0], w[1]); !maps.Equal(got, want) {
			t.Errorf("from %d before %d: %v, want %v", w[0], w[1], got, want)
		}
	}
	for range 12 {
		from := begin + ledger.Time(r.Int64N(int64(last-begin)))
		before := from + ledger.Time(r.Int64N(1+int64(last-from)))
		if got, want := counted(t, x, "", from, before), all(from, before); !maps.Equal(got, want) {
			t.Fatalf("from %d before %d: %v, want %v", from, before, got, want)
		}
	}
	asked(t, x, h)
	// A database of before the table came is read from the first event again.
	for _, q := range []string{"DELETE FROM uses", "DELETE FROM used", "UPDATE cursors SET height = 0 WHERE id = 5"} {
		Exec(t, s, q)
	}
	follow(t, x, h)
	if got := ever(""); !maps.Equal(got, want) {
		t.Error("read again, it counts otherwise")
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	done, err := index.Rebuild(t.Context(), s, h, nodes(&[6]*memory.Blobs{{}, {}, {}, {}, {}, {}}), end.Height, quiet())
	if err != nil || !done.Same || done.After.Uses == 0 {
		t.Fatalf("%+v, %v", done, err)
	}
	x = Open(t, s)
	if got := ever(""); !maps.Equal(got, want) {
		t.Error("made again, it counts otherwise")
	}
}

// asked holds the calls that told of something against the receipts.
func asked(t *testing.T, x *index.Index, h History) {
	t.Helper()
	model, from := ledger.NewModelID(ledger.Health, commandID(801)), calledFrom+100*calledEvery
	want := map[index.Call]int{}
	for _, e := range h.Log {
		if r, ok := receiptIn(t, e); ok && r.Model == model && r.At >= from && !r.Hash.IsZero() {
			want[index.Call{Asker: r.Asker, Subject: r.Subject, At: r.At}]++
		}
	}
	of := func(asker ledger.PartyID) (out []index.Call) {
		all, err := x.Told(t.Context(), model, asker, from, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range all {
			if i > 0 && c.At < all[i-1].At {
				t.Errorf("%+v after %+v", c, all[i-1])
			}
		}
		return all
	}
	got := map[index.Call]int{}
	for _, c := range of("") {
		got[c]++
	}
	if !maps.Equal(got, want) || len(got) < 50 {
		t.Errorf("%d calls told of something, want %d", len(got), len(want))
	}
	if first, err := x.Told(t.Context(), model, "", from, 7); err != nil || !slices.Equal(first, of("")[:7]) {
		t.Errorf("the first: %+v, %v", first, err)
	}
	for _, c := range of(Party(2)) {
		if c.Asker != Party(2) || want[c] == 0 {
			t.Errorf("of one asker: %+v", c)
		}
		delete(got, c)
	}
	for c := range got {
		if c.Asker == Party(2) {
			t.Errorf("of one asker there is no %+v", c)
		}
	}
}

// samples are of one node's blobs, each once, from a name on and round again.
func samples(t *testing.T, s index.Source) {
	x := Open(t, s)
	for i, ref := range []string{"ref-d", "ref-a", "ref-c", "ref-b"} {
		if err := x.Uploaded(t.Context(), 1, ref, Party(1), 10+i); err != nil {
			t.Fatal(err)
		}
	}
	if err := x.Uploaded(t.Context(), 2, "ref-x", Party(1), 5); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		from  string
		limit int
		want  []string
	}{{"ref-b", 2, []string{"ref-b", "ref-c"}}, {"ref-bb", 3, []string{"ref-c", "ref-d", "ref-a"}}, {"", 9, []string{"ref-a", "ref-b", "ref-c", "ref-d"}}, {"z", 1, []string{"ref-a"}}} {
		if got, err := x.Some(t.Context(), 1, c.from, c.limit); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("from %q, %d: %v, %v", c.from, c.limit, got, err)
		}
	}
	if got, err := x.Some(t.Context(), 3, "a", 5); err != nil || len(got) != 0 {
		t.Errorf("of a node without blobs: %v, %v", got, err)
	}
}
