package ledgertest

import (
	"encoding/json"
	"math/rand/v2"
	"slices"

	"manx/escrow"
	"manx/escrow/check"
	"manx/escrow/escrowtest"
	"manx/ledger"
	"manx/privacy/notice"
)

// A mirrored contract is one on the ledger beside what the pure step function
// makes of the same history.
type mirrored struct {
	step  ledger.StepEscrow // that says nothing yet
	terms escrow.Terms
	state escrow.State
}

// agreement opens contracts of random terms and does things to them, some of which
// nobody may: the ledger takes exactly what escrow.Terms.Step takes, and holds the
// bytes of the state that Step returns. A command sent again changes nothing, a
// spent coin pays for nothing, and every coin is somewhere at the end.
func agreement(s *Story) {
	seed := rand.Uint64() //nolint:gosec // printed, to be told again
	s.T.Logf("seed %d", seed)
	a := &agreeing{Story: s, r: rand.New(rand.NewPCG(seed, 11)), done: map[string]int{}} //nolint:gosec // likewise
	for range 3 {
		a.parties = append(a.parties, s.Party(ledger.Health, ledger.Person))
	}
	steps := 60 // of a ledger by the machine's clock, whose deadlines do not come
	if s.World.Advance != nil {
		steps = 400
	}
	for range steps {
		a.move()
	}
	if s.World.Advance != nil {
		s.Wait(20_000)
		for _, m := range a.all {
			if !m.state.Over() {
				a.try(m, a.parties[0], m.step, escrow.Input{At: a.now()})
			}
			if !m.state.Over() || !m.state.Held().IsZero() {
				s.T.Errorf("past its last deadline: %+v", m.state)
			}
		}
	}
	sum := ledger.Amount{}
	for _, c := range s.Coins() {
		if slices.ContainsFunc(a.parties, func(k *Key) bool { return k.Party() == c.Owner }) {
			sum, _ = sum.Add(c.Amount)
		}
	}
	for _, m := range a.all {
		sum, _ = sum.Add(m.state.Held())
	}
	if sum != a.funded {
		s.T.Errorf("%s MAN were given, %s are held", a.funded, sum)
	}
	s.T.Logf("%d contracts, %v", len(a.all), a.done)
	for _, k := range []string{"choice", "deposit", "refused", "again"} {
		if a.done[k] == 0 && steps > 100 {
			s.T.Errorf("no step was one of %s", k)
		}
	}
}

type agreeing struct {
	*Story
	r       *rand.Rand
	parties []*Key
	all     []*mirrored
	past    []ledger.Command
	spent   []ledger.CoinID
	funded  ledger.Amount
	done    map[string]int
}

func (a *agreeing) now() ledger.Time { return Read[ledger.Clock](a.Story, ledger.NowKey).Now }

func (a *agreeing) key(p ledger.PartyID) *Key {
	i := slices.IndexFunc(a.parties, func(k *Key) bool { return k.Party() == p })
	return a.parties[max(i, 0)]
}

// begin opens a contract of sound terms.
func (a *agreeing) begin() {
	a.T.Helper()
	now, waits := a.now(), ledger.Time(1000)
	if a.World.Advance == nil {
		now, waits = now+3600, 100_000
	}
	plan := escrowtest.Plan{Begin: now, Most: 1000, Extra: []uint64{1, 1_000_000_000_000_000_000}, Waits: waits, Size: 9}
	var players []ledger.Player
	var parts []escrow.Part
	for i, role := range escrowtest.Roles() {
		players = append(players, ledger.Player{Role: string(role), Party: a.parties[i].Party()})
		parts = append(parts, escrow.Part{Role: role, Party: a.parties[i].Party()})
	}
	last := now + 10*waits
	for {
		terms := plan.Terms(a.r)
		report, err := check.Terms(terms, parts, nil, a.now(), last)
		if err != nil || len(report.Findings) > 0 || len(report.Paid) == 0 {
			continue
		}
		m := &mirrored{step: a.open(a.parties[0], terms, last, players...), terms: terms}
		if m.state, err = escrow.Open(terms, parts, nil, a.now(), last); err != nil {
			a.T.Fatal(err)
		}
		a.all = append(a.all, m)
		return
	}
}

func (a *agreeing) move() {
	a.T.Helper()
	if a.World.Advance != nil && a.r.IntN(8) == 0 {
		a.Wait(1 + ledger.Time(a.r.IntN(300)))
	}
	if len(a.past) > 0 && a.r.IntN(12) == 0 {
		a.again()
		return
	}
	running := slices.DeleteFunc(slices.Clone(a.all), func(m *mirrored) bool { return m.state.Over() && a.r.IntN(20) > 0 })
	if len(running) < 4 {
		a.begin()
		return
	}
	m := running[a.r.IntN(len(running))]
	b, in := m.step, escrow.Input{At: a.now()}
	if m.state.Over() || len(m.terms.Clauses[m.state.At].Wait.Cases) == 0 || m.terms.Until(m.state) <= in.At || a.r.IntN(12) == 0 {
		a.try(m, a.parties[a.r.IntN(3)], b, in)
		return
	}
	w := m.terms.Clauses[m.state.At].Wait
	c := w.Cases[a.r.IntN(len(w.Cases))]
	in.By = c.By
	what := "choice"
	switch {
	case c.Deposit != nil:
		what, in.Deposit = "deposit", &c.Deposit.Amount
	case c.Spend != nil:
		sum := m.state.Pots[c.Spend.From]
		if a.r.IntN(2) == 0 {
			sum = sum.Part(uint32(a.r.IntN(escrow.Whole+1)), escrow.Whole)
		}
		what, in.Spend = "spend", &escrow.Spending{To: c.Spend.Payees[a.r.IntN(len(c.Spend.Payees))], Amount: sum}
		b.Pay, b.To = &sum, string(in.Spend.To)
	case c.Attest != nil:
		in.By = c.Attest.By[a.r.IntN(len(c.Attest.By))]
		what, in.Attest = "fact", &escrow.Attestation{Stated: escrow.Stated{Fact: c.Attest.Fact, Value: int64(a.r.IntN(2))}, At: in.At - ledger.Time(a.r.IntN(40))}
		b.Fact, b.Value, b.When = c.Attest.Fact, in.Attest.Value, in.Attest.At
	default:
		in.Choice, b.Choice = c.Choice, string(c.Choice)
		if a.r.IntN(2) == 0 {
			in.Evidence = ledger.Hash{1, byte(a.r.IntN(256))}
			b.Evidence = &in.Evidence
		}
	}
	b.Role = string(in.By)
	by := a.key(m.state.Party(in.By))
	if a.r.IntN(8) == 0 { // anybody's move, or somebody else's
		by = a.parties[a.r.IntN(3)]
	}
	in.Party = by.Party()
	if in.Deposit != nil && !a.pays(&b, by, *in.Deposit) {
		if err := a.Try(by, b); err == nil {
			a.T.Error("a spent coin pays")
		}
		a.done["refused"]++
		return
	}
	if a.try(m, by, b, in) {
		a.done[what]++
	} else if in.Deposit != nil {
		a.spent = a.spent[:len(a.spent)-1] // the coin is there still
	}
}

// pays gives a deposit a coin, now and then one that is spent.
func (a *agreeing) pays(b *ledger.StepEscrow, by *Key, sum ledger.Amount) bool {
	b.Deposit = &sum
	if len(a.spent) > 0 && a.r.IntN(6) == 0 {
		b.Coins = []ledger.CoinID{a.spent[a.r.IntN(len(a.spent))]}
		return false
	}
	more, err := sum.Add(ledger.Units(a.r.Uint64N(3))) // change comes back
	if err != nil {
		more = sum
	}
	b.Coins = []ledger.CoinID{a.Fund(by, more)}
	a.spent, a.funded = append(a.spent, b.Coins[0]), mustAdd(a, a.funded, more)
	return true
}

func mustAdd(a *agreeing, x, y ledger.Amount) ledger.Amount {
	a.T.Helper()
	sum, err := x.Add(y)
	if err != nil {
		a.T.Fatal(err)
	}
	return sum
}

// try does a step on the ledger and on the mirror, and compares what they say and
// where they stand.
func (a *agreeing) try(m *mirrored, by *Key, b ledger.StepEscrow, in escrow.Input) bool {
	a.T.Helper()
	next, _, refused := m.terms.Step(m.state, in)
	cmd := a.Sign(by, b)
	_, err := a.Submit(cmd)
	if (err == nil) != (refused == nil) || notice.Is(err, notice.Internal) {
		a.T.Fatalf("clause %d at %d, %+v: the ledger says %v, the step function %v", m.state.At, in.At, b, err, refused)
	}
	if refused == nil {
		m.state, a.past = next, append(a.past, cmd)
	} else {
		a.done["refused"]++
	}
	a.same(m)
	return refused == nil
}

func (a *agreeing) same(m *mirrored) {
	a.T.Helper()
	want, err := json.Marshal(m.state)
	if err != nil {
		a.T.Fatal(err)
	}
	got, err := a.Ledger.Read(a.T.Context(), ledger.EscrowStateKey(m.step.Escrow))
	if err != nil || string(got) != string(want) {
		a.T.Fatalf("the ledger holds\n%s\nand the step function makes\n%s\n%v", got, want, err)
	}
}

// again sends a command that was applied before.
func (a *agreeing) again() {
	a.T.Helper()
	if _, err := a.Submit(a.past[a.r.IntN(len(a.past))]); err != nil {
		a.T.Errorf("a command sent again is refused: %v", err)
	}
	a.done["again"]++
	for _, m := range a.all {
		a.same(m)
	}
}
