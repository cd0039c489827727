package tell_test

import (
	"testing"

	"manx/escrow"
	"manx/escrow/tell"
	"manx/escrow/template"
	"manx/ledger"
)

// TestTheCourseOfALoan: what is lent, each instalment on its day, and the end; a
// course from the middle is the rest of it.
func TestTheCourseOfALoan(t *testing.T) {
	loan, ok := template.Named("instalment-loan")
	if !ok {
		t.Fatal("no such template")
	}
	start := ledger.Time(1_796_000_000)
	lender, borrower := ledger.NewPartyID(ledger.Credit, []byte("lender")), ledger.NewPartyID(ledger.Credit, []byte("borrower"))
	f, err := loan.Fill(map[string]string{"lender": "bank", "borrower": "me", "amount": "120", "count": "4", "every": "1mo", "rate": "10%", "grace": "5d", "collateral": "30", "consent": "me"},
		map[string]ledger.PartyID{"bank": lender, "me": borrower}, start)
	if err != nil {
		t.Fatal(err)
	}
	var parts []escrow.Part
	for _, p := range f.Players {
		parts = append(parts, escrow.Part{Role: escrow.Role(p.Role), Party: p.Party})
	}
	s, err := escrow.Open(f.Terms, parts, nil, start, f.Last)
	if err != nil {
		t.Fatal(err)
	}
	told := tell.Teller{Words: template.Words()}
	turns, outcome := told.Course(f.Terms, s)
	if len(turns) != 7 || outcome != "paid-off" { // accepted, pledged, lent, four instalments
		t.Fatalf("%d turns, %q: %+v", len(turns), outcome, turns)
	}
	var in, out ledger.Amount
	for i, turn := range turns {
		if i > 0 && turn.Until <= turns[i-1].Until {
			t.Errorf("turn %d is not after the one before", i)
		}
		if turn.Deposit != nil && turn.By == "borrower" || turn.Deposit != nil && turn.By == "me" {
			in, _ = in.Add(*turn.Deposit)
		}
		for _, p := range turn.Paid {
			if p.To == borrower {
				out, _ = out.Add(p.Amount)
			}
		}
	}
	if in.String() != "162" || out.String() != "150" { // the pledge goes in and comes back; 120 lent, 132 paid back
		t.Errorf("the borrower pays in %s and gets %s", in, out)
	}
	if turns[0].Deposit != nil || turns[3].Deposit == nil || turns[3].Deposit.String() != "33" {
		t.Errorf("%+v", turns)
	}
	next, _, err := f.Terms.Step(s, escrow.Input{At: start + 1, By: turns[0].By, Party: borrower, Choice: "accept"})
	if err != nil {
		t.Fatal(err)
	}
	if rest, _ := told.Course(f.Terms, next); len(rest) != 6 || rest[5].What != turns[6].What {
		t.Errorf("from the second turn on: %+v", rest)
	}
	if ended, outcome := told.Course(f.Terms, escrow.State{At: escrow.Over, Outcome: "paid-off"}); ended != nil || outcome != "paid-off" {
		t.Errorf("when it has ended: %+v, %q", ended, outcome)
	}

	// Where it stands: two instalments paid, the third late; then in default.
	play := func(s escrow.State, in escrow.Input) escrow.State {
		t.Helper()
		next, _, err := f.Terms.Step(s, in)
		if err != nil {
			t.Fatal(err)
		}
		return next
	}
	for i, turn := range turns[:5] {
		if _, done, off := told.Along(f.Terms, s, next); i == 1 && (done != 1 || off) {
			t.Fatalf("after one turn %d are behind, off the course: %v", done, off)
		}
		if i > 0 {
			next = play(next, escrow.Input{At: turn.Until - 1, By: turn.By, Party: next.Party(turn.By), Deposit: turn.Deposit})
		}
	}
	if _, done, off := told.Along(f.Terms, s, next); done != 5 || off {
		t.Errorf("after two instalments %d turns are behind, off the course: %v", done, off)
	}
	late := play(next, escrow.Input{At: turns[5].Until})
	if _, done, off := told.Along(f.Terms, s, late); done != 5 || !off {
		t.Errorf("with the third late %d turns are behind, off the course: %v", done, off)
	}
	if _, done, off := told.Along(f.Terms, s, play(late, escrow.Input{At: f.Last})); done != 5 || !off {
		t.Errorf("in default %d turns are behind, off the course: %v", done, off)
	}
	if _, done, off := told.Along(f.Terms, s, play(s, escrow.Input{At: start + 1, By: turns[0].By, Party: borrower, Choice: "decline"})); done != 0 || !off {
		t.Errorf("declined: %d turns are behind, off the course: %v", done, off)
	}
}
