package indextest

import (
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

// called makes a history of n calls of two models, with receipts, and how often and
// with what earnings each party was what in it: by party, model and role.
func called(t testing.TB, seed uint64, n int) (h History, want map[string]string) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 2)) //nolint:gosec // the same history for the same seed
	calls, earned := map[string]int{}, map[string]ledger.Amount{}
	for i := range n {
		model := ledger.NewModelID(ledger.Health, commandID(800+i%2))
		rc := ledger.Receipt{Version: 1, Job: ledger.NewJobID(ledger.Health, commandID(i)), Outcome: ledger.Settled, Asker: Party(r.IntN(5)), Subject: Party(r.IntN(5)),
			Model: model, ModelOwner: Party(5 + i%2), Worker: Party(7), At: ledger.Time(1000 + i/3)}
		pays := map[string]ledger.PartyID{"worker": Party(7), "model-owner": rc.ModelOwner, "contributor-1": Party(3), "exchange": Party(8)}
		if r.IntN(4) == 0 {
			rc.Outcome, pays = ledger.Refunded, map[string]ledger.PartyID{"asker": rc.Asker}
		} else {
			rc.Hash = ledger.Hash{1}
		}
		roles := map[string]ledger.PartyID{"asker": rc.Asker, "model-owner": rc.ModelOwner, "worker": rc.Worker}
		if rc.Subject != rc.Asker {
			roles["subject"] = rc.Subject
		}
		for _, role := range slices.Sorted(maps.Keys(pays)) {
			a := ledger.Units(uint64(1 + r.IntN(1000)))
			rc.Payments = append(rc.Payments, ledger.Output{To: pays[role], Amount: a, As: role})
			roles[role] = pays[role]
			k := fmt.Sprint(pays[role], model, role)
			earned[k], _ = earned[k].Add(a)
		}
		for role, p := range roles {
			calls[fmt.Sprint(p, model, role)]++
		}
		b, err := receipt.Encode(rc)
		if err != nil {
			t.Fatal(err)
		}
		j := ledger.Job{ID: rc.Job, Asker: rc.Asker, Subject: rc.Subject, Model: model, Stage: rc.Outcome}
		h.add(r.IntN(3), value(ledger.JobReached(rc.Outcome), ledger.KeyOf(j.ID), j), value(ledger.ReceiptWritten, ledger.ReceiptKey(j.ID), ledger.Leaf{Index: int64(i), Receipt: b}))
	}
	want = map[string]string{}
	for k, c := range calls {
		want[k] = fmt.Sprint(c, " ", earned[k])
	}
	return h, want
}

func counted(t testing.TB, x *index.Index, m ledger.ModelID) map[string]string {
	t.Helper()
	calls, earned := map[string]int{}, map[string]ledger.Amount{}
	for p := range 10 {
		last := ledger.Time(0)
		if err := x.Uses(t.Context(), Party(p), m, 0, math.MaxInt64, func(u index.Use) error {
			k := fmt.Sprint(Party(p), u.Model, u.Role)
			calls[k]++
			earned[k], _ = earned[k].Add(u.Amount)
			if u.At < last || u.Told != u.Settled {
				t.Errorf("%+v after %d", u, last)
			}
			last = u.At
			return nil
		}); err != nil {
			t.Fatal(err)
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
	h, want := called(t, 71, 400)
	half := History{Log: h.Log[:401]} // in the middle of a command
	follow(t, x, half)
	follow(t, x, h)
	follow(t, x, h)
	if got := counted(t, x, ""); !maps.Equal(got, want) {
		t.Fatalf("counted %v, want %v", got, want)
	}
	one := ledger.NewModelID(ledger.Health, commandID(800))
	for k := range counted(t, x, one) {
		if want[k] == "" || counted(t, x, one)[k] != want[k] {
			t.Errorf("of one model: %s", k)
		}
	}
	n := 0
	if err := x.Uses(t.Context(), Party(7), "", 1010, 1020, func(u index.Use) error {
		if n++; u.At < 1010 || u.At >= 1020 {
			t.Errorf("at %d", u.At)
		}
		return nil
	}); err != nil || n != 30 {
		t.Errorf("%d calls in a time, %v", n, err)
	}
	// A database of before the table came is read from the first event again.
	Exec(t, s, "DELETE FROM uses")
	Exec(t, s, "UPDATE cursors SET height = 0 WHERE id = 5")
	follow(t, x, h)
	if got := counted(t, x, ""); !maps.Equal(got, want) {
		t.Error("read again, it counts otherwise")
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	done, err := index.Rebuild(t.Context(), s, h, nodes(&[6]*memory.Blobs{{}, {}, {}, {}, {}, {}}), h.Height(), quiet())
	if err != nil || !done.Same || done.After.Uses == 0 {
		t.Fatalf("%+v, %v", done, err)
	}
	if got := counted(t, Open(t, s), ""); !maps.Equal(got, want) {
		t.Error("made again, it counts otherwise")
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
