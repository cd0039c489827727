package escrow

import (
	"testing"

	"manx/ledger"
)

// Steps a second of the function alone, from one state: a choice that pays three
// and closes, a deposit, a spending, and a deadline.
func BenchmarkStep(b *testing.B) {
	one := ledger.MAN(1)
	accepted := jobFee(b, true, one)
	accepted = accepted.step(b, says(Worker, Result, begin+1))
	terms := Terms{[]Pot{{"purse", "a"}}, []Clause{
		{Wait: &Wait{[]Case{{By: "a", Deposit: &Deposit{0, one}, Next: 1}, {By: "a", Spend: &Spend{0, []Role{"b"}}, Next: 1}}, last, 1}}, {Close: &Close{"over"}}}}
	purse := opening(b, terms, []Part{{"a", "pa"}, {"b", "pb"}}, one)
	for _, k := range []struct {
		name string
		o    opened
		in   Input
	}{
		{"pays_and_closes", accepted, says(Asker, Accept, begin+2)},
		{"deposit", purse, Input{At: begin, By: "a", Party: "pa", Deposit: &one}},
		{"spending", purse, Input{At: begin, By: "a", Party: "pa", Spend: &Spending{"b", ledger.Units(1)}}},
		{"deadline", purse, passes(last)},
	} {
		b.Run(k.name, func(b *testing.B) {
			for b.Loop() {
				if _, _, err := k.o.terms.Step(k.o.State, k.in); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "steps/s")
		})
	}
}
