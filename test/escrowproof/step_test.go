package escrowproof

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"manx/escrow"
	"manx/ledger"
)

// model says what each combinator does to one pot, as Step does: want is a share
// before what the pot holds bounds it, got is what is paid.
const model = `
(define-fun top () Int 340282366920938463463374607431768211455)
(define-fun up ((amount Int)) Int amount)
(define-fun parts ((whole Int) (p Int)) Int (div (* whole p) 10000))
(define-fun got ((want Int) (held Int)) Int (ite (> want held) held want))
(define-fun deposits ((held Int) (d Int)) Bool (<= (+ held d) top))
(define-fun spends ((held Int) (s Int)) Bool (and (< 0 s) (<= s held)))
(define-fun sound ((put Int) (paid Int) (p Int) (q Int)) Bool
  (and (<= 0 p) (<= 0 q) (<= 0 paid) (<= (+ p q) top) (= put (+ paid p q))))
(declare-const put Int)
(declare-const paid Int)
(declare-const p Int) ; the pot at hand
(declare-const q Int) ; all others
(declare-const a Int)
(declare-const b Int)
(declare-const c Int)
(declare-const whole Int)
(declare-const x Int)
(declare-const y Int)
(declare-const z Int)
(assert (sound put paid p q))`

// What is held, paid and put in fits together before a combinator, and so it
// does after, with no pot below nothing: for all amounts, by induction for every
// escrow. A share is one step of a Pay; a Wait and an If move no money.
func TestInvariant3_SolverOnEveryCombinator(t *testing.T) {
	s := &script{}
	s.say(model)
	var names []string
	prove := func(name, given, then string) {
		names = append(names, name)
		s.ask(fmt.Sprintf("(and %s (not %s))", given, then))
	}
	amount := func(v string) string { return fmt.Sprintf("(and (<= 0 %[1]s) (<= %[1]s top))", v) }
	share := func(want string) string {
		return fmt.Sprintf("(sound put (+ paid (got %[1]s p)) (- p (got %[1]s p)) q)", want)
	}
	prove("pay an amount", amount("a"), share("(up a)"))
	prove("pay a part", "(and (<= p whole) (<= whole top) (<= 1 x 10000))", share("(parts whole x)"))
	prove("pay all", "true", share("p"))
	prove("deposit", "(and "+amount("a")+" (deposits (+ p q) a))", "(sound (+ put a) paid (+ p a) q)")
	prove("spend", "(spends p a)", "(sound put (+ paid a) (- p a) q)")
	prove("close", "true", "(sound put (+ paid p q) 0 0)")
	// A part is never more than there is, and parts of a whole never fall short of
	// each other: their order cuts none.
	prove("a part is no more than the whole", "(and (<= 0 whole) (<= 0 x 10000))", "(<= 0 (parts whole x) whole)")
	// Where the parts make more than the whole, so would these: x, y and z parts of it.
	prove("parts of a whole fit", `(and (<= 0 whole) (<= 0 a) (<= 0 b) (<= 0 c) (<= 0 x) (<= 0 y) (<= 0 z) (<= (+ x y z) 10000)
		(<= (* 10000 a) (* whole x)) (<= (* 10000 b) (* whole y)) (<= (* 10000 c) (* whole z)))`, "(<= (+ a b c) whole)")
	// The proofs are of something: a share that the pot does not bound breaks them.
	s.ask("(and " + amount("a") + " (not (sound put (+ paid a) (- p a) q)))")
	answers := solve(t, s)
	for i, n := range names {
		if answers[i].can {
			t.Errorf("%s: the solver knows amounts for which money is made, lost or below nothing", n)
		}
	}
	if !answers[len(names)].can {
		t.Error("an unbounded share passes for sound")
	}
}

// Step pays what the model of the proof says, for amounts of 0, 1 unit, the
// largest and any between.
func TestSolverModelIsStep(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 7))
	largest, err := ledger.ParseAmount(decimal(most()))
	if err != nil {
		t.Fatal(err)
	}
	some := func() ledger.Amount {
		return []ledger.Amount{ledger.Units(1), largest, ledger.Units(r.Uint64N(20_001)), largest.Part(uint32(r.Uint64N(1<<32)), 1<<32-1), ledger.MAN(r.Uint32())}[r.IntN(5)]
	}
	s := &script{}
	s.say(model)
	n := 0
	for range 500 {
		held, a, p := some(), some(), uint32(1+r.IntN(escrow.Whole))
		for _, v := range []struct {
			value escrow.Value
			want  string
		}{
			{escrow.Value{Amount: &a}, fmt.Sprintf("(up %s)", units(a))}, {escrow.Value{UpTo: &a}, fmt.Sprintf("(up %s)", units(a))},
			{escrow.Value{Parts: p}, fmt.Sprintf("(parts %s %d)", units(held), p)}, {escrow.Value{All: true}, units(held)},
		} {
			if a.IsZero() && (v.value.Amount != nil || v.value.UpTo != nil) {
				continue // refused by Open
			}
			terms := escrow.Terms{Pots: []escrow.Pot{{Name: "p", Owner: "a"}}, Clauses: []escrow.Clause{
				{Wait: &escrow.Wait{Until: begin + 1, Next: 1}}, {Pay: &escrow.Pay{Shares: []escrow.Share{{To: "b", Value: v.value}}, Next: 2}}, {Close: &escrow.Close{}}}}
			st, err := escrow.Open(terms, parties("a", "b"), []ledger.Amount{held}, begin, last)
			if err != nil {
				t.Fatal(err)
			}
			end, paid, err := terms.Step(st, escrow.Input{At: begin + 1})
			if err != nil || !end.Over() {
				t.Fatal(err)
			}
			got := ledger.Amount{}
			for _, o := range paid {
				if o.To == "p-b" {
					got = o.Amount
				}
			}
			s.ask(fmt.Sprintf("(not (= %s (got %s %s)))", units(got), v.want, units(held)))
			n++
		}
	}
	for i, a := range solve(t, s) {
		if a.can {
			t.Fatalf("payment %d of %d is another in the model", i, n)
		}
	}
}
