package escrow

import (
	"math/rand/v2"
	"testing"

	"manx/ledger"
)

// fees are the terms of every kind of job.
func fees() map[string]func() (Terms, []Part) {
	f := Fee{Asker: "asker", Subject: "subject", ModelOwner: "owner", Exchange: "exchange", Asked: begin, Last: last}
	self := f
	self.Subject = f.Asker
	three := [3]ledger.PartyID{"h", "c", "e"}
	return map[string]func() (Terms, []Part){
		"self":   func() (Terms, []Part) { return JobFee(self) },
		"asked":  func() (Terms, []Part) { return JobFee(f) },
		"shared": func() (Terms, []Part) { return SharedFee(f, three) },
		"joint":  func() (Terms, []Part) { return JointFee(f, three) },
	}
}

func roles(paid []ledger.Output) map[string]ledger.Amount {
	out := map[string]ledger.Amount{}
	for _, o := range paid {
		out[o.As], _ = out[o.As].Add(o.Amount)
	}
	return out
}

// walk takes terms from clause 0 to their end by r's choices, and returns them.
func walk(t *testing.T, r *rand.Rand, terms Terms, s State) (State, []Input) {
	t.Helper()
	var moves []Input
	for at := begin; !s.Over(); {
		w := terms.Clauses[s.At].Wait
		in := Input{At: max(at, w.Until)}
		if n := r.IntN(len(w.Cases) + 1); n < len(w.Cases) {
			in = Input{At: at, By: w.Cases[n].By, Party: s.Party(w.Cases[n].By), Choice: w.Cases[n].Choice}
			if in.Party == "" {
				in.Party = ledger.PartyID(in.By)
			}
		}
		at = in.At
		next, _, err := terms.Step(s, in)
		if err != nil {
			t.Fatal(err)
		}
		s, moves = next, append(moves, in)
	}
	return s, moves
}

// However a job's fee ends, shares of the model move the owner's part and nothing
// else: each sharer has its parts of that part, to the unit, and the owner the rest.
func TestInvariant3_SharesPartWhatTheOwnerWouldHave(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 7))
	paidOut := 0
	for name, terms := range fees() {
		for range 300 {
			var shares []ledger.ModelShare
			left := uint32(ledger.WholeShare)
			for i, n := 0, 1+r.IntN(ledger.MaxModelShares); i < n; i++ {
				p := ledger.ModelShare{To: ledger.PartyID(Contributor(i)), Parts: 1 + r.Uint32N(left/uint32(n-i))}
				if i == n-1 {
					p.Parts = left
				}
				if i == n/2 && r.IntN(2) == 0 {
					p.To = "owner" // who lists itself has its parts with the rest
				}
				left -= p.Parts
				shares = append(shares, p)
			}
			fee := ledger.Units(r.Uint64N(100_000))
			plain, parties := terms()
			s, err := Open(plain, parties, []ledger.Amount{fee}, begin, last)
			if err != nil {
				t.Fatal(err)
			}
			end, moves := walk(t, r, plain, s)
			parted, all := Attributed(plain, parties, shares)
			got, err := Open(parted, all, []ledger.Amount{fee}, begin, last)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for _, in := range moves {
				if got, _, err = parted.Step(got, in); err != nil {
					t.Fatal(err)
				}
			}
			want := roles(end.Paid)
			whole := want[string(ModelOwner)]
			rest := whole
			for i, sh := range shares {
				if a := whole.Part(sh.Parts, ledger.WholeShare); sh.To != "owner" && !a.IsZero() {
					want[string(Contributor(i))] = a
					rest, _ = rest.Sub(a)
				}
			}
			want[string(ModelOwner)] = rest
			if rest.IsZero() {
				delete(want, string(ModelOwner))
			}
			have := roles(got.Paid)
			if len(have) != len(want) || !got.Over() || got.Outcome != end.Outcome {
				t.Fatalf("%s of %s by %v: %v, want %v", name, fee, shares, have, want)
			}
			for role, a := range want {
				if have[role] != a {
					t.Fatalf("%s of %s by %v: %s has %s, want %s", name, fee, shares, role, have[role], a)
				}
			}
			if !whole.IsZero() {
				paidOut++
			}
		}
	}
	if paidOut < 100 {
		t.Errorf("only %d fees paid a model", paidOut)
	}
	plain, parties := fees()["self"]()
	if same, p := Attributed(plain, parties, nil); len(same.Clauses) != len(plain.Clauses) || len(p) != len(parties) {
		t.Error("without shares the terms changed")
	}
}

// A fee from its opening to its payment, to the owner alone and to sixteen.
func BenchmarkFee(b *testing.B) {
	terms, parties := fees()["self"]()
	var shares []ledger.ModelShare
	for i := range ledger.MaxModelShares {
		shares = append(shares, ledger.ModelShare{To: ledger.PartyID(Contributor(i)), Parts: ledger.WholeShare / ledger.MaxModelShares})
	}
	for name, all := range map[string][]ledger.ModelShare{"1": nil, "16": shares} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				t, p := Attributed(terms, parties, all)
				s, err := Open(t, p, []ledger.Amount{ledger.MAN(3)}, begin, last)
				if err == nil {
					s, _, err = t.Step(s, says(Worker, Result, begin+1))
				}
				if err == nil {
					s, _, err = t.Step(s, says(Asker, Accept, begin+2))
				}
				if err != nil || !s.Over() {
					b.Fatal(err)
				}
			}
		})
	}
}
