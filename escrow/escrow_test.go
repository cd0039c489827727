package escrow

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"manx/ledger"
)

const (
	begin = ledger.Time(1000)
	last  = begin + 800 // result due at +600, doubts at +700
)

func fee(t *testing.T, self bool, held ledger.Amount) State {
	t.Helper()
	f := Fee{Asker: "asker", Subject: "subject", ModelOwner: "owner", Exchange: "exchange", Asked: begin, Last: last}
	if self {
		f.Subject = f.Asker
	}
	terms, parts := JobFee(f)
	s, err := Open(held, terms, parts, begin, last)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func step(t *testing.T, s State, by Role, who ledger.PartyID, c Choice, at ledger.Time) (State, []ledger.Output) {
	t.Helper()
	n, out, err := s.Step(Input{At: at, By: by, Party: who, Choice: c})
	if err != nil {
		t.Fatalf("%s by %s at %d: %v", c, by, at, err)
	}
	return n, out
}

// A move is one input of a told path.
type move struct {
	by   Role
	c    Choice
	at   ledger.Time
	none bool // only time passes
}

func TestJobFeePays(t *testing.T) {
	result := move{by: Worker, c: Result, at: begin + 1}
	answer := move{by: Subject, c: Answer, at: begin + 2}
	pass := func(at ledger.Time) move { return move{at: at, none: true} }
	full := map[ledger.PartyID]string{"worker": "0.6", "exchange": "0.1", "owner": "0.3"}
	lent := map[ledger.PartyID]string{"worker": "0.4", "subject": "0.2", "exchange": "0.1", "owner": "0.3"}
	back := map[ledger.PartyID]string{"asker": "1"}
	worked := map[ledger.PartyID]string{"worker": "0.4", "asker": "0.6"}
	for name, c := range map[string]struct {
		self  bool
		moves []move
		want  map[ledger.PartyID]string
	}{
		"self: accepted":                {true, []move{result, {by: Asker, c: Accept, at: begin + 2}}, full},
		"self: silence pays":            {true, []move{result, pass(begin + 700)}, full},
		"self: no result":               {true, []move{pass(begin + 600)}, back},
		"self: erased before":           {true, []move{{by: Asker, c: Withdraw, at: begin}}, back},
		"self: erased after the result": {true, []move{result, {by: Asker, c: Withdraw, at: begin + 2}}, full},
		"self: judged right":            {true, []move{result, {by: Asker, c: Dispute, at: begin + 2}, {by: Judges, c: Right, at: begin + 3}}, full},
		"self: judged wrong":            {true, []move{result, {by: Asker, c: Dispute, at: begin + 2}, {by: Judges, c: Wrong, at: begin + 3}}, back},
		"self: never judged":            {true, []move{result, {by: Asker, c: Dispute, at: begin + 2}, pass(last)}, back},
		"asked: accepted":               {false, []move{result, answer, {by: Asker, c: Accept, at: begin + 3}}, lent},
		"asked: silence pays":           {false, []move{result, answer, pass(begin + 700)}, lent},
		"asked: denied":                 {false, []move{{by: Subject, c: Withdraw, at: begin}}, back},
		"asked: answer withheld":        {false, []move{result, pass(begin + 700)}, worked},
		"asked: revoked after result":   {false, []move{result, {by: Subject, c: Withdraw, at: begin + 2}}, worked},
		"asked: judged wrong":           {false, []move{result, answer, {by: Asker, c: Dispute, at: begin + 3}, {by: Judges, c: Wrong, at: begin + 4}}, back},
	} {
		t.Run(name, func(t *testing.T) {
			s, got := fee(t, c.self, ledger.MAN(1)), map[ledger.PartyID]string{}
			for _, m := range c.moves {
				who := ledger.PartyID(m.by)
				if m.none {
					who, m.c = "", ""
				}
				var out []ledger.Output
				s, out = step(t, s, m.by, who, m.c, m.at)
				for _, o := range out {
					got[o.To] = o.Amount.String()
				}
			}
			if !s.Over() || len(got) != len(c.want) {
				t.Fatalf("over %v, paid %v, want %v", s.Over(), got, c.want)
			}
			for who, a := range c.want {
				if got[who] != a {
					t.Errorf("paid %s to %s, want %s", got[who], who, a)
				}
			}
		})
	}
}

func TestStepRefuses(t *testing.T) {
	s := fee(t, false, ledger.MAN(1))
	for _, c := range []struct {
		in   Input
		want error
	}{
		{Input{At: begin, By: Asker, Party: "asker", Choice: Accept}, ErrNone},
		{Input{At: begin, By: Subject, Party: "asker", Choice: Withdraw}, ErrWho},
		{Input{At: begin + 599}, ErrEarly},
		{Input{At: begin + 600, By: Worker, Party: "worker", Choice: Result}, ErrLate},
		{Input{At: begin, By: "", Party: "", Choice: "x"}, ErrNone},
	} {
		if n, out, err := s.Step(c.in); !errors.Is(err, c.want) || out != nil || n.Held != s.Held {
			t.Errorf("%+v: %v, want %v", c.in, err, c.want)
		}
	}
	over, _ := step(t, s, Subject, "subject", Withdraw, begin)
	if _, _, err := over.Step(Input{At: last}); !errors.Is(err, ErrOver) {
		t.Errorf("a step after the end: %v", err)
	}
}

func TestSharedFeePays(t *testing.T) {
	terms, parts := SharedFee(Fee{Asker: "asker", Subject: "subject", ModelOwner: "owner", Exchange: "exchange", Asked: begin, Last: last},
		[ledger.Sharers]ledger.PartyID{"health", "credit", "exchange"})
	for name, c := range map[string]struct {
		in   Input
		want map[ledger.PartyID]string
	}{
		"one result": {Input{At: last - 1, By: Sharers, Party: "a holder", Choice: Result},
			map[ledger.PartyID]string{"health": "0.13", "credit": "0.13", "exchange": "0.23", "subject": "0.2", "owner": "0.31"}},
		"they differ": {Input{At: begin, By: Sharers, Party: "a holder", Choice: Wrong}, map[ledger.PartyID]string{"asker": "1"}},
		"withdrawn":   {Input{At: begin, By: Subject, Party: "subject", Choice: Withdraw}, map[ledger.PartyID]string{"asker": "1"}},
		"not signed":  {Input{At: last}, map[ledger.PartyID]string{"asker": "1"}},
	} {
		s, err := Open(ledger.MAN(1), terms, parts, begin, last)
		if err != nil {
			t.Fatal(err)
		}
		n, out, err := s.Step(c.in)
		if err != nil || !n.Over() || paidSum(t, n) != ledger.MAN(1) {
			t.Fatalf("%s: over %v, %v", name, n.Over(), err)
		}
		got := map[ledger.PartyID]ledger.Amount{}
		for _, o := range out {
			if got[o.To], err = got[o.To].Add(o.Amount); err != nil {
				t.Fatal(err)
			}
		}
		for who, a := range c.want {
			if got[who].String() != a {
				t.Errorf("%s: paid %s to %s, want %s", name, got[who], who, a)
			}
		}
		if len(got) != len(c.want) {
			t.Errorf("%s: paid %v", name, got)
		}
	}
}

// Every choice and every lapse from every reachable state ends by the last
// deadline, and loses nothing on the way.
func TestInvariant4_EveryPathEndsByTheDeadline(t *testing.T) {
	for _, held := range []ledger.Amount{ledger.Units(1), ledger.Units(9), ledger.MAN(3), ledger.Units(1_000_000_007)} {
		for _, self := range []bool{true, false} {
			paths := 0
			var walk func(State, ledger.Time)
			walk = func(s State, at ledger.Time) {
				if sum := paidSum(t, s); sum != held {
					t.Fatalf("held and paid sum to %v of %v", sum, held)
				}
				if s.Over() {
					if !s.Held.IsZero() {
						t.Fatalf("%v is stranded", s.Held)
					}
					paths++
					return
				}
				end, _, err := s.Step(Input{At: last})
				if err != nil || !end.Over() {
					t.Fatalf("not over at the last deadline: %v", err)
				}
				for _, c := range s.Terms.When.Cases {
					for _, when := range []ledger.Time{at, s.Until() - 1} {
						if when < at || when >= s.Until() {
							continue
						}
						n, _, err := s.Step(Input{At: when, By: c.By, Party: ledger.PartyID(c.By), Choice: c.Choice})
						if err != nil {
							t.Fatal(err)
						}
						walk(n, when)
					}
				}
				n, _, err := s.Step(Input{At: s.Until()})
				if err != nil {
					t.Fatal(err)
				}
				walk(n, s.Until())
			}
			walk(fee(t, self, held), begin)
			if paths < 10 {
				t.Errorf("only %d paths walked", paths)
			}
		}
	}
}

func paidSum(t *testing.T, s State) ledger.Amount {
	t.Helper()
	sum := s.Held
	for _, o := range s.Paid {
		var err error
		if sum, err = sum.Add(o.Amount); err != nil {
			t.Fatal(err)
		}
	}
	return sum
}

// Terms made at random either do not open, or end by their last deadline with
// every unit paid, whatever is chosen.
func TestInvariant4_RandomTerms(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 4))
	opened := 0
	for range 20_000 {
		parts := []Part{{"a", "pa"}, {"b", "pb"}}
		s, err := Open(ledger.Units(r.Uint64N(1000)), randomTerms(r, 0), parts, begin, last)
		if err != nil {
			continue
		}
		opened++
		held, at := s.Held, begin
		for steps := 0; !s.Over(); steps++ {
			if at >= last && steps > maxDepth*2 {
				t.Fatal("not over after its last deadline")
			}
			at = min(at+ledger.Time(r.IntN(300)), last)
			in := Input{At: at}
			if cs := s.Terms.When.Cases; len(cs) > 0 && r.IntN(3) > 0 {
				c := cs[r.IntN(len(cs))]
				in = Input{At: at, By: c.By, Party: ledger.PartyID("p" + c.By), Choice: c.Choice}
			}
			n, _, err := s.Step(in)
			if err != nil && !errors.Is(err, ErrEarly) && !errors.Is(err, ErrLate) {
				t.Fatal(err)
			}
			if s = n; paidSum(t, s) != held {
				t.Fatal("money was made or lost")
			}
		}
	}
	if opened < 500 {
		t.Errorf("only %d terms opened", opened)
	}
}

func randomTerms(r *rand.Rand, depth int) Terms {
	roles := []Role{"a", "b", "c"}
	role := func() Role { return roles[r.IntN(len(roles))] }
	switch k := r.IntN(3); {
	case depth == 0 || k == 0 && depth < 4:
		w := &When{Until: begin + 1 + ledger.Time(r.IntN(900)), Then: randomTerms(r, depth+1)}
		for range r.IntN(3) {
			w.Cases = append(w.Cases, Case{role(), Choice([]string{"x", "y"}[r.IntN(2)]), randomTerms(r, depth+1)})
		}
		return Terms{When: w}
	case k == 1 && depth < 4:
		p := &Pay{Then: randomTerms(r, depth+1)}
		for range r.IntN(3) {
			p.Shares = append(p.Shares, Share{role(), uint32(r.IntN(6000))})
		}
		return Terms{Pay: p}
	case r.IntN(50) == 0:
		return Terms{}
	}
	return Terms{Close: &Close{To: role()}}
}

func TestOpenRefuses(t *testing.T) {
	end := Terms{Close: &Close{To: "a"}}
	wait := func(until ledger.Time, then Terms, cases ...Case) Terms {
		return Terms{When: &When{Cases: cases, Until: until, Then: then}}
	}
	deep := end
	for range maxDepth + 2 {
		deep = Terms{Pay: &Pay{Then: deep}}
	}
	for name, terms := range map[string]Terms{
		"no end":              wait(begin+1, Terms{}),
		"after the last":      wait(last+1, end),
		"in the past":         wait(begin, end),
		"back in time":        wait(begin+10, wait(begin+5, end)),
		"two words at once":   wait(begin+1, Terms{Pay: &Pay{Then: end}, Close: end.Close}),
		"more than all":       wait(begin+1, Terms{Pay: &Pay{Shares: []Share{{"a", 6000}, {"a", 4001}}, Then: end}}),
		"share overflow":      wait(begin+1, Terms{Pay: &Pay{Shares: []Share{{"a", 1}, {"a", 1<<32 - 1}}, Then: end}}),
		"nobody plays it":     wait(begin+1, Terms{Close: &Close{To: "z"}}),
		"bound elsewhere":     wait(begin+1, Terms{Close: &Close{To: "z"}}, Case{"z", "x", end}),
		"same case twice":     wait(begin+1, end, Case{"a", "x", end}, Case{"a", "x", end}),
		"case without choice": wait(begin+1, end, Case{"a", "", end}),
		"too deep":            wait(begin+1, deep),
		"does not wait":       end,
	} {
		if _, err := Open(ledger.MAN(1), terms, []Part{{"a", "pa"}}, begin, last); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
	if _, err := Open(ledger.MAN(1), wait(begin+1, end), []Part{{"a", "pa"}, {"a", "pb"}}, begin, last); err == nil {
		t.Error("one role played by two parties: opened")
	}
}

func TestStepDoesNotChangeItsState(t *testing.T) {
	s := fee(t, true, ledger.MAN(1))
	parts := slices.Clone(s.Parties)
	one, _ := step(t, s, Worker, "w1", Result, begin)
	two, _ := step(t, s, Worker, "w2", Result, begin)
	if one.Party(Worker) != "w1" || two.Party(Worker) != "w2" || !slices.Equal(parts, s.Parties) {
		t.Error("steps from one state see each other")
	}
}
