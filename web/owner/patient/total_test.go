package patient

import (
	"strings"
	"testing"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/test/webtest"
)

func TestConditions(t *testing.T) {
	values := map[string]float64{"sex": 0, "chol": 240, "age": 63}
	for s, want := range map[string]bool{
		"sex=female": true, "sex=male": false, "sex=0": true, "chol>=240": true, "chol>=241": false, "chol<240": false, "chol<240.5": true, "cholesterol>=6.2 mmol/l": true,
		"age=63": true, "thalach>=30": false, "thalach<250": false, "systolic<140": false,
	} {
		c, err := ReadCondition(s)
		if err != nil || c.holds(values) != want {
			t.Errorf("%s: %t, %v", s, c.holds(values), err)
		}
	}
	for _, s := range []string{"", "sex", "sex>female", "height=1", "chol=", "chol>=?", "chol<lots", "age>=7", "=1", ">="} {
		if c, err := ReadCondition(s); !notice.Is(err, notice.Invalid) || strings.Contains(notice.From(err).Text, "lots") {
			t.Errorf("%q: %+v, %v", s, c, err)
		}
	}
}

// A hospital's count is paid for by every chart before it exists, once; and where a
// chart has too little left there is none.
func TestACountIsPaidForOnce(t *testing.T) {
	n := webtest.Start(t, webtest.Options{})
	p, ctx := someone(t, n), t.Context()
	var all []ledger.RecordID
	for _, row := range []string{"age,sex\n63,female\n", "age,sex\n51,male\n", "age,sex\n70,female\n"} {
		a, err := AddChart(ctx, p, written(t, row), "")
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, a.Record)
	}
	women, err := ReadCondition("sex=female")
	if err != nil {
		t.Fatal(err)
	}
	noise := ledger.Noise{Sigma: 1000, Rate: 1_000_000, Sums: 1}
	if _, err := CountCharts(ctx, p, "women", all, []Condition{women}, noise); !notice.Is(err, notice.Exhausted) {
		t.Fatalf("without a limit: %v", err)
	}
	for _, r := range all {
		if err := p.LimitBudget(ctx, r, ledger.BudgetLimit{Epsilon: 30_000_000}); err != nil {
			t.Fatal(err)
		}
	}
	first, err := CountCharts(ctx, p, "women", all, []Condition{women}, noise)
	if err != nil || first.Records != 3 || first.About < 2-12 || first.About > 2+12 {
		t.Fatalf("%+v, %v", first, err)
	}
	spent := func() (sum int64) {
		for _, r := range all {
			b, _, err := p.Budget(ctx, r)
			if err != nil {
				t.Fatal(err)
			}
			sum += b.Epsilon()
		}
		return sum
	}
	after := spent()
	if after != 3*first.Epsilon || first.Epsilon == 0 {
		t.Errorf("spent %d by three charts at %d each", after, first.Epsilon)
	}
	for range 5 { // in another order, one named twice: the same count
		again, err := CountCharts(ctx, p, "women", append([]ledger.RecordID{all[2]}, all...), []Condition{women}, noise)
		if err != nil || again != first || spent() != after {
			t.Fatalf("again: %+v, %v, spent %d", again, err, spent())
		}
	}
	old, err := ReadCondition("age>=60")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := CountCharts(ctx, p, "women", all, []Condition{women, old}, noise); err != nil || spent() == after {
		t.Errorf("another question under the same word: %v, spent %d", err, spent())
	}
	if err := p.LimitBudget(ctx, all[1], ledger.BudgetLimit{}); err != nil {
		t.Fatal(err)
	}
	var counts []Count
	for range 2 { // all that can; the second time they could not any more
		can, left, err := Countable(ctx, p, "old", []Condition{old}, ledger.Noise{Sigma: 900, Rate: 1_000_000, Sums: 1})
		if err != nil || len(can) != 2 || left != 1 {
			t.Fatalf("%d can be counted, %d not: %v", len(can), left, err)
		}
		c, err := CountCharts(ctx, p, "old", can, []Condition{old}, ledger.Noise{Sigma: 900, Rate: 1_000_000, Sums: 1})
		if err != nil {
			t.Fatal(err)
		}
		counts = append(counts, c)
		for _, r := range all {
			if err := p.LimitBudget(ctx, r, ledger.BudgetLimit{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if counts[0] != counts[1] {
		t.Errorf("%+v, then %+v", counts[0], counts[1])
	}
	if can, left, err := Countable(ctx, p, "new", nil, noise); !notice.Is(err, notice.Exhausted) || left != 3 {
		t.Errorf("%d can be counted, %d not: %v", len(can), left, err)
	}
	for _, bad := range []ledger.Noise{{}, {Sigma: 1000, Rate: 1, Sums: 1}, {Sigma: 1000, Rate: 1_000_000, Sums: 2}, {Sigma: 1, Rate: 1_000_000, Sums: 1}} {
		if _, err := CountCharts(ctx, p, "bad", all, nil, bad); !notice.Is(err, notice.Invalid) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}
