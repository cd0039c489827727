package main

import (
	"strings"
	"testing"

	"manx/ledger"
	"manx/web/owner"
)

// The bar shows what is spent, what a preview adds and what is left, and never less
// than there is.
func TestBudgetBar(t *testing.T) {
	for want, s := range map[string]owner.ShownBudget{
		"[········]": {Limit: 4},
		"[█·······]": {Limit: 4, Spent: 0.001},
		"[████····]": {Limit: 4, Spent: 2},
		"[████████]": {Limit: 4, Spent: 3.9},
		"[██▒▒····]": {Limit: 4, Spent: 1, Preview: &owner.ShownPreview{After: 2}},
		"[██▒▒▒▒▒▒]": {Limit: 4, Spent: 1, Preview: &owner.ShownPreview{After: 9}},
	} {
		if got := bar(s, 8); got != want {
			t.Errorf("%+v: %s, not %s", s, got, want)
		}
	}
	if got := bar(owner.ShownBudget{Spent: 3}, 8); strings.Contains(got, "█") {
		t.Errorf("a limit of nothing: %s", got)
	}
}

// What a preview says, in both languages: what fits, what does not, and what has no
// noise.
func TestBudgetPreviewSays(t *testing.T) {
	none := 0
	noisy := ledger.Noise{Sigma: 4000, Rate: 1_000_000, Sums: 1}
	price, err := noisy.Price()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		has    ledger.Budget
		use    ledger.BudgetUse
		en, zh string
	}{
		{ledger.Budget{Limit: ledger.BudgetLimit{Epsilon: 4_000_000}}, ledger.BudgetUse{Price: price}, "would bring it to 1.013, with 2.987 left", "用后共 1.013，余 2.987"},
		{ledger.Budget{Limit: ledger.BudgetLimit{Epsilon: 1_000_000}}, ledger.BudgetUse{Price: price}, "more than its limit of 1.000", "超出限额 1.000"},
		{ledger.Budget{}, ledger.BudgetUse{Exact: 1}, "no epsilon bounds", "没有 ε 上限"},
		{ledger.Budget{Limit: ledger.BudgetLimit{Exact: &none}}, ledger.BudgetUse{Exact: 1}, "no exact result is left", "精确结果已用尽"},
	} {
		for _, zh := range []bool{false, true} {
			var out strings.Builder
			(&budgetCLI{zh: &zh}).write(&out, owner.PreviewBudget(c.has, c.use))
			want := c.en
			if zh {
				want = c.zh
			}
			if !strings.Contains(out.String(), want) {
				t.Errorf("%q, not %q", out.String(), want)
			}
		}
	}
}
