package escrow

import (
	"errors"
	"slices"
	"testing"

	"manx/ledger"
)

const (
	begin = ledger.Time(1000)
	last  = begin + 800 // of a fee: the result is due at +600, doubts at +700
)

// An opened escrow is terms and where they stand.
type opened struct {
	terms Terms
	State
}

func opening(t testing.TB, terms Terms, parties []Part, fund ...ledger.Amount) opened {
	t.Helper()
	s, err := Open(terms, parties, fund, begin, last)
	if err != nil {
		t.Fatal(err)
	}
	return opened{terms, s}
}

func jobFee(t testing.TB, self bool, held ledger.Amount) opened {
	t.Helper()
	f := Fee{Asker: "asker", Subject: "subject", ModelOwner: "owner", Exchange: "exchange", Parts: 1000, Asked: begin, Last: last}
	if self {
		f.Subject = f.Asker
	}
	terms, parts := JobFee(f)
	return opening(t, terms, parts, held)
}

func (o opened) step(t testing.TB, in Input) opened {
	t.Helper()
	n, _, err := o.terms.Step(o.State, in)
	if err != nil {
		t.Fatalf("%+v: %v", in, err)
	}
	return opened{o.terms, n}
}

func says(by Role, c Choice, at ledger.Time) Input {
	return Input{At: at, By: by, Party: ledger.PartyID(by), Choice: c}
}

func passes(at ledger.Time) Input { return Input{At: at} }

func TestJobFeePays(t *testing.T) {
	result, answer := says(Worker, Result, begin+1), says(Subject, Answer, begin+2)
	full := map[ledger.PartyID]string{"worker": "0.6", "exchange": "0.1", "owner": "0.3"}
	lent := map[ledger.PartyID]string{"worker": "0.4", "subject": "0.2", "exchange": "0.1", "owner": "0.3"}
	back := map[ledger.PartyID]string{"asker": "1"}
	worked := map[ledger.PartyID]string{"worker": "0.4", "asker": "0.6"}
	if got := Earned(ledger.MAN(1)).String(); got != full["owner"] || got != lent["owner"] {
		t.Errorf("an owner is told of %s", got)
	}
	for name, c := range map[string]struct {
		self    bool
		moves   []Input
		want    map[ledger.PartyID]string
		outcome string
	}{
		"self: accepted":                {true, []Input{result, says(Asker, Accept, begin+2)}, full, Paid},
		"self: silence pays":            {true, []Input{result, passes(begin + 700)}, full, Paid},
		"self: no result":               {true, []Input{passes(begin + 600)}, back, Refunded},
		"self: erased before":           {true, []Input{says(Asker, Withdraw, begin)}, back, Refunded},
		"self: erased after the result": {true, []Input{result, says(Asker, Withdraw, begin+2)}, full, Paid},
		"self: judged right":            {true, []Input{result, says(Asker, Dispute, begin+2), says(Judges, Right, begin+3)}, full, Paid},
		"self: judged wrong":            {true, []Input{result, says(Asker, Dispute, begin+2), says(Judges, Wrong, begin+3)}, back, Refunded},
		"self: never judged":            {true, []Input{result, says(Asker, Dispute, begin+2), passes(last)}, back, Refunded},
		"asked: accepted":               {false, []Input{result, answer, says(Asker, Accept, begin+3)}, lent, Paid},
		"asked: silence pays":           {false, []Input{result, answer, passes(begin + 700)}, lent, Paid},
		"asked: denied":                 {false, []Input{says(Subject, Withdraw, begin)}, back, Refunded},
		"asked: answer withheld":        {false, []Input{result, passes(begin + 700)}, worked, Refunded},
		"asked: revoked after result":   {false, []Input{result, says(Subject, Withdraw, begin+2)}, worked, Refunded},
		"asked: judged wrong":           {false, []Input{result, answer, says(Asker, Dispute, begin+3), says(Judges, Wrong, begin+4)}, back, Refunded},
	} {
		t.Run(name, func(t *testing.T) {
			o := jobFee(t, c.self, ledger.MAN(1))
			for _, in := range c.moves {
				o = o.step(t, in)
			}
			o.ended(t, c.want, c.outcome)
		})
	}
}

// ended checks that an escrow is over, how, and who got what of it.
func (o opened) ended(t testing.TB, want map[ledger.PartyID]string, outcome string) {
	t.Helper()
	got := map[ledger.PartyID]ledger.Amount{}
	for _, p := range o.Paid {
		sum, err := got[p.To].Add(p.Amount)
		if err != nil {
			t.Fatal(err)
		}
		got[p.To] = sum
	}
	if !o.Over() || o.Outcome != outcome || len(got) != len(want) {
		t.Fatalf("over %v as %q, paid %v; want %q, %v", o.Over(), o.Outcome, got, outcome, want)
	}
	for who, a := range want {
		if got[who].String() != a {
			t.Errorf("paid %s to %s, want %s", got[who], who, a)
		}
	}
}

func TestSharedFeePays(t *testing.T) {
	terms, parts := SharedFee(Fee{Asker: "asker", Subject: "subject", ModelOwner: "owner", Exchange: "exchange", Parts: 1000, Asked: begin, Last: last},
		[3]ledger.PartyID{"health", "credit", "exchange"})
	for name, c := range map[string]struct {
		in      Input
		want    map[ledger.PartyID]string
		outcome string
	}{
		"one result": {says(Sharers, Result, last-1),
			map[ledger.PartyID]string{"health": "0.13", "credit": "0.13", "exchange": "0.23", "subject": "0.2", "owner": "0.31"}, Paid},
		"they differ": {says(Sharers, Wrong, begin), map[ledger.PartyID]string{"asker": "1"}, Refunded},
		"withdrawn":   {says(Subject, Withdraw, begin), map[ledger.PartyID]string{"asker": "1"}, Refunded},
		"not signed":  {passes(last), map[ledger.PartyID]string{"asker": "1"}, Refunded},
	} {
		t.Run(name, func(t *testing.T) {
			o := opening(t, terms, parts, ledger.MAN(1)).step(t, c.in)
			o.ended(t, c.want, c.outcome)
		})
	}
}

func TestJointFeePays(t *testing.T) {
	terms, parts := JointFee(Fee{Asker: "asker", Subject: "subject", ModelOwner: "owner", Exchange: "exchange", Parts: 1000, Asked: begin, Last: last},
		[3]ledger.PartyID{"health", "credit", "exchange"})
	result, back := says(Worker, Result, begin), map[ledger.PartyID]string{"asker": "1"}
	for name, c := range map[string]struct {
		moves   []Input
		want    map[ledger.PartyID]string
		outcome string
	}{
		"one result": {[]Input{result, says(Sharers, Result, last-1)},
			map[ledger.PartyID]string{"worker": "0.2", "health": "0.07", "credit": "0.07", "exchange": "0.17", "subject": "0.2", "owner": "0.29"}, Paid},
		"no worker":        {[]Input{passes(begin + 600)}, back, Refunded},
		"withdrawn before": {[]Input{says(Subject, Withdraw, begin)}, back, Refunded},
		"withdrawn after":  {[]Input{result, says(Subject, Withdraw, begin+1)}, back, Refunded},
		"they differ":      {[]Input{result, says(Sharers, Wrong, begin+1)}, back, Refunded},
		"not signed":       {[]Input{result, passes(last)}, back, Refunded},
	} {
		t.Run(name, func(t *testing.T) {
			o := opening(t, terms, parts, ledger.MAN(1))
			for _, m := range c.moves {
				o = o.step(t, m)
			}
			o.ended(t, c.want, c.outcome)
		})
	}
}

func TestStepRefuses(t *testing.T) {
	o := jobFee(t, false, ledger.MAN(1))
	for _, c := range []struct {
		in   Input
		want error
	}{
		{says(Asker, Accept, begin), ErrNone},
		{Input{At: begin, By: Subject, Party: "asker", Choice: Withdraw}, ErrWho},
		{passes(begin + 599), ErrEarly},
		{says(Worker, Result, begin+600), ErrLate},
		{Input{At: begin, Choice: "x"}, ErrNone},
		{Input{At: begin, By: Worker, Party: "worker", Deposit: new(ledger.Amount)}, ErrNone},
		{Input{At: begin, By: Worker, Party: "worker", Spend: &Spending{To: Worker, Amount: ledger.Units(1)}}, ErrNone},
		{Input{At: begin, By: Worker, Party: "worker", Attest: &Attestation{Stated: Stated{"x", 1}, At: begin}}, ErrNone},
		{Input{At: begin, Verdict: &Verdict{"health-job-x", true}}, ErrNone},
	} {
		if n, out, err := o.terms.Step(o.State, c.in); !errors.Is(err, c.want) || out != nil || n.Held() != o.Held() {
			t.Errorf("%+v: %v, want %v", c.in, err, c.want)
		}
	}
	over := o.step(t, says(Subject, Withdraw, begin))
	if _, _, err := over.terms.Step(over.State, passes(last)); !errors.Is(err, ErrOver) {
		t.Errorf("a step after the end: %v", err)
	}
}

func TestStepDoesNotChangeItsState(t *testing.T) {
	o := jobFee(t, true, ledger.MAN(1))
	parts := slices.Clone(o.Parties)
	one := o.step(t, Input{At: begin, By: Worker, Party: "w1", Choice: Result})
	two := o.step(t, Input{At: begin, By: Worker, Party: "w2", Choice: Result})
	if one.Party(Worker) != "w1" || two.Party(Worker) != "w2" || !slices.Equal(parts, o.Parties) {
		t.Error("steps from one state see each other")
	}
}
