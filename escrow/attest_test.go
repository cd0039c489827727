package escrow

import (
	"errors"
	"testing"

	"manx/ledger"
)

// witnessed pays the payee once need of three witnesses have stated the fact, with
// the value 1, as of no longer than fresh seconds before.
func witnessed(t *testing.T, need int, fresh ledger.Time) opened {
	t.Helper()
	one := int64(1)
	terms := Terms{Pots: []Pot{{"price", "payer"}}, Clauses: []Clause{
		{Wait: &Wait{Cases: []Case{{Attest: &Attest{Fact: "came", By: []Role{"w1", "w2", "w3"}, Need: need, Is: &one, Fresh: fresh}, Next: 1}}, Until: last, Next: 2}},
		{Pay: &Pay{From: 0, Shares: []Share{{"payee", Value{All: true}}}, Next: 2}},
		{Close: &Close{"over"}},
	}}
	parts := []Part{{"payer", "p"}, {"payee", "q"}, {"w1", "x1"}, {"w2", "x2"}, {"w3", "x3"}}
	s, err := Open(terms, parts, []ledger.Amount{ledger.MAN(5)}, begin, last)
	if err != nil {
		t.Fatal(err)
	}
	return opened{terms, s}
}

// The terms name whose word counts, how many of them it takes and how fresh it must
// be: each has one word, the latest, and a word that has aged counts no more.
func TestWhoseWordCounts(t *testing.T) {
	const fresh = 100
	type word struct {
		by    Role
		party ledger.PartyID
		value int64
		at    ledger.Time // as of
		now   ledger.Time
		want  error
	}
	w := func(by Role, value int64, at, now ledger.Time) word {
		return word{by, ledger.PartyID("x" + by[1:]), value, begin + at, begin + now, nil}
	}
	but := func(x word, err error) word { x.want = err; return x }
	for name, c := range map[string]struct {
		need  int
		words []word
		over  bool
	}{
		"one of three":                   {1, []word{w("w2", 1, 5, 5)}, true},
		"two of three":                   {2, []word{w("w1", 1, 5, 5), w("w3", 1, 9, 9)}, true},
		"three of three":                 {3, []word{w("w1", 1, 5, 5), w("w3", 1, 9, 9), w("w2", 1, 9, 9)}, true},
		"one is not two":                 {2, []word{w("w1", 1, 5, 5)}, false},
		"one twice is not two":           {2, []word{w("w1", 1, 5, 5), w("w1", 1, 6, 6)}, false},
		"two that differ":                {2, []word{w("w1", 1, 5, 5), w("w2", 0, 6, 6)}, false},
		"two that agree on another":      {2, []word{w("w1", 0, 5, 5), w("w2", 0, 6, 6)}, false},
		"one that changes its mind":      {2, []word{w("w1", 0, 5, 5), w("w2", 1, 6, 6), w("w1", 1, 7, 7)}, true},
		"one that takes it back":         {2, []word{w("w1", 1, 5, 5), w("w1", 0, 6, 6), w("w2", 1, 7, 7)}, false},
		"a word that has aged":           {2, []word{w("w1", 1, 5, 5), w("w2", 1, 106, 106)}, false},
		"a word that is about to age":    {2, []word{w("w1", 1, 5, 5), w("w2", 1, 104, 104)}, true},
		"aged and said again":            {2, []word{w("w1", 1, 5, 5), w("w2", 1, 106, 106), w("w1", 1, 107, 107)}, true},
		"as of too long ago":             {1, []word{but(w("w1", 1, 5, 105), ErrStale), w("w1", 1, 6, 105)}, true},
		"as of a time to come":           {1, []word{but(w("w1", 1, 6, 5), ErrStale)}, false},
		"somebody who is not asked":      {1, []word{{"payer", "p", 1, begin, begin, ErrNone}}, false},
		"somebody in a witness's name":   {1, []word{{"w1", "x2", 1, begin, begin, ErrWho}}, false},
		"somebody in nobody's name":      {1, []word{{"w4", "x4", 1, begin, begin, ErrNone}}, false},
		"at the deadline it is too late": {1, []word{{"w1", "x1", 1, last, last, ErrLate}}, false},
		"a second before it is not":      {1, []word{{"w1", "x1", 1, last - 1, last - 1, nil}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			o := witnessed(t, c.need, fresh)
			for i, x := range c.words {
				next, _, err := o.terms.Step(o.State, Input{At: x.now, By: x.by, Party: x.party, Attest: &Attestation{Stated{"came", x.value}, x.at}})
				if !errors.Is(err, x.want) || err != nil && x.want == nil {
					t.Fatalf("word %d: %v, want %v", i+1, err, x.want)
				}
				o.State = next
			}
			if o.Over() != c.over {
				t.Errorf("over: %v, with %+v", o.Over(), o.Votes)
			}
			if _, _, err := o.terms.Step(o.State, Input{At: begin, By: "w1", Party: "x1", Attest: &Attestation{Stated{"another", 1}, begin}}); err == nil {
				t.Error("another fact is heard")
			}
		})
	}
}

// Evidence goes with a choice, once a clause, and changes nothing else.
func TestEvidenceIsKept(t *testing.T) {
	o := jobFee(t, true, ledger.MAN(1))
	in := says(Worker, Result, begin+1)
	plain := o.step(t, in)
	in.Evidence = ledger.Hash{7}
	shown := o.step(t, in)
	if len(shown.Shown) != 1 || shown.Shown[0] != (Shown{0, Worker, ledger.Hash{7}}) {
		t.Fatalf("shown: %+v", shown.Shown)
	}
	if shown.Shown = nil; shown.At != plain.At || shown.Held() != plain.Held() {
		t.Errorf("with evidence it goes another way: %+v", shown.State)
	}
	if end := o.step(t, Input{At: last, Evidence: ledger.Hash{7}}); len(end.Shown) != 0 {
		t.Errorf("a deadline shows %+v", end.Shown)
	}
}
