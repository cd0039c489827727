package main

import (
	"strings"
	"testing"
)

// The bar shows what is spent, what a preview adds and what is left, and never less
// than there is.
func TestBudgetBar(t *testing.T) {
	for want, s := range map[string]budgetShown{
		"[········]": {Limit: 4},
		"[█·······]": {Limit: 4, Spent: 0.001},
		"[████····]": {Limit: 4, Spent: 2},
		"[████████]": {Limit: 4, Spent: 3.9},
		"[██▒▒····]": {Limit: 4, Spent: 1, Preview: &previewShown{After: 2}},
		"[██▒▒▒▒▒▒]": {Limit: 4, Spent: 1, Preview: &previewShown{After: 9}},
	} {
		if got := bar(s, 8); got != want {
			t.Errorf("%+v: %s, not %s", s, got, want)
		}
	}
	if got := bar(budgetShown{Spent: 3}, 8); strings.Contains(got, "█") {
		t.Errorf("a limit of nothing: %s", got)
	}
}
