package score

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"testing"

	"manx/credit"
	"manx/ledger"
	"manx/privacy/notice"
	"manx/privacy/reveal"
)

// TestABorrowerReadsHerOwn: what a furnisher sealed is told before it is kept, her
// score is the one that a lender gets, and what was replaced or disputed is marked.
func TestABorrowerReadsHerOwn(t *testing.T) {
	s := begin(t)
	ctx := t.Context()
	sealed := s.sealed(7)
	seen, err := Look(ctx, s.borrower, sealed)
	if err != nil || seen.Name != "a furnisher" || seen.Sequence != 1 || !seen.Latest || len(seen.Values) != credit.FieldCount || seen.Record != "" {
		t.Fatalf("%+v, %v", seen, err)
	}
	if all, err := Files(ctx, s.borrower); err != nil || len(all) != 0 {
		t.Errorf("looking keeps %d files, %v", len(all), err)
	}
	if _, err := Look(ctx, s.lender, sealed); err == nil {
		t.Error("somebody else opens it")
	}
	var plain bytes.Buffer
	s.check(credit.Write(&plain, credit.Sample(7), reveal.Token{}))
	if _, err := Look(ctx, s.borrower, plain.Bytes()); !notice.Is(err, notice.Denied) {
		t.Errorf("a file that nobody signed: %v", err)
	}
	if _, err := OwnScore(ctx, s.borrower, DefaultModel); !notice.Is(err, notice.NotFound) {
		t.Errorf("a score without a file: %v", err)
	}
	_, err = Add(ctx, s.borrower, sealed)
	s.check(err)
	own, err := OwnScore(ctx, s.borrower, DefaultModel)
	s.check(err)
	want := s.card.Score(credit.Sample(7).Features().Reveal(reveal.Token{}))
	if own.Score != want.Points || !slices.Equal(own.Reasons, want.Reasons) || own.Low > own.Score || own.High < own.Score || len(own.Steps) < len(own.Reasons) || own.Name != "a furnisher" {
		t.Errorf("%+v, want %d points", own, want.Points)
	}

	j := s.computed()
	st, proof := s.proved(j)
	out, err := released(ctx, float64(st.Score), st.Score)
	s.check(err)
	s.check(answer(ctx, s.borrower, j, out, st, proof))
	v, err := Score(ctx, s.lender, j.ID)
	s.check(err)
	l, err := AdverseAction(ctx, s.lender, v, "denied")
	s.check(err)
	if l.Score != own.Score || l.Name != "a lender" || l.Source != "a furnisher" || l.Consumer != s.borrower.ID() || len(l.Reasons) == 0 || len(l.Reasons) > 4 || l.Proof != "verified" {
		t.Errorf("%+v", l)
	}
	if _, err := AdverseAction(ctx, s.lender, v, "because"); !notice.Is(err, notice.Invalid) {
		t.Errorf("a letter about nothing: %v", err)
	}
	none := v
	none.Reasons = nil
	if _, err := AdverseAction(ctx, s.lender, none, "denied"); !notice.Is(err, notice.Invalid) {
		t.Errorf("a letter without a reason: %v", err)
	}
	if _, err := AdverseAction(ctx, s.furnisher, v, "denied"); err == nil {
		t.Error("another writes the letter")
	}
	l.Source = "=SUM(A1)"
	b, err := l.CSV()
	s.check(err)
	rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil || len(rows) != 2 || len(rows[0]) != len(rows[1]) {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	cell := func(name string) string { return rows[1][slices.Index(rows[0], name)] }
	if cell("reason_1") != l.Reasons[0].English || cell("score") != fmt.Sprint(own.Score) || strings.HasPrefix(cell("furnisher_name"), "=") {
		t.Errorf("%q", rows)
	}

	s.check(Dispute(ctx, s.borrower, s.furnisher.ID(), "bill_2"))
	all, err := Files(ctx, s.borrower)
	if err != nil || len(all) != 1 || !slices.Equal(all[0].Disputed, []string{"bill_2"}) || !all[0].Latest || all[0].Values != nil {
		t.Errorf("disputed: %+v, %v", all, err)
	}
	s.sealed(8)
	one, err := File(ctx, s.borrower, all[0].Record)
	if err != nil || one.Latest || len(one.Values) != credit.FieldCount {
		t.Errorf("replaced: %+v, %v", one, err)
	}
	if _, err := File(ctx, s.borrower, ledger.NewRecordID(ledger.Credit, ledger.NewCommandID())); !notice.Is(err, notice.NotFound) {
		t.Errorf("another's: %v", err)
	}
}
