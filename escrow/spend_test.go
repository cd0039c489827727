package escrow

import (
	"errors"
	"testing"

	"manx/ledger"
)

// One unit at a time does not make a state grow without end, and what is left
// still goes by the terms.
func TestSpendingsAreBounded(t *testing.T) {
	terms := Terms{[]Pot{{"purse", "a"}}, []Clause{
		{Wait: &Wait{[]Case{{By: "b", Spend: &Spend{0, []Role{"c"}}, Next: 1}}, last, 1}}, {Close: &Close{"over"}}}}
	o := opening(t, terms, []Part{{"a", "pa"}, {"b", "pb"}, {"c", "pc"}}, ledger.MAN(1))
	one := Input{At: begin, By: "b", Party: "pb", Spend: &Spending{"c", ledger.Units(1)}}
	for range MaxSpendings {
		o = o.step(t, one)
	}
	if _, _, err := terms.Step(o.State, one); !errors.Is(err, ErrMany) {
		t.Errorf("after %d payments: %v", len(o.Paid), err)
	}
	if o = o.step(t, passes(last)); !o.Over() || !o.Held().IsZero() || len(o.Paid) != MaxSpendings+1 {
		t.Errorf("ends with %d payments, holding %s", len(o.Paid), o.Held())
	}
}
