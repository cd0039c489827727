//go:build !js || credit

package desk

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"

	"manx/escrow"
	"manx/escrow/tell"
	"manx/escrow/template"
	"manx/ledger"
	"manx/privacy/notice"
	"manx/web/owner"
)

type ofContract struct {
	Contract ledger.EscrowID `json:"contract"`
}

// A Standing is where a contract stands: one line of a list.
type Standing struct {
	ID      ledger.EscrowID `json:"id"`
	Title   Both            `json:"title"`
	Opened  ledger.Time     `json:"opened"`
	Last    ledger.Time     `json:"last"`
	Opener  Played          `json:"opener"`
	Over    bool            `json:"over"`              // it has ended
	Outcome Both            `json:"outcome,omitempty"` // how
	Off     bool            `json:"off"`               // it left the course that it was meant to take
	Begun   bool            `json:"begun"`             // something has happened in it
	Held    ledger.Amount   `json:"held"`
	Until   ledger.Time     `json:"until,omitempty"` // the present wait's end
	Turn    bool            `json:"turn"`            // who asks can do something now
	Players []Played        `json:"players"`
	Cost    []Cost          `json:"cost"`
	Left    ledger.Amount   `json:"left"`  // what who asks still has to pay, on course
	Comes   ledger.Amount   `json:"comes"` // what it is still to be paid
}

func (d *Desk) contracts(ctx context.Context, p *owner.Party, _ none, _ Show) (any, error) {
	all, err := p.Contracts(ctx)
	if err != nil {
		return nil, err
	}
	out := []Standing{}
	for _, e := range all {
		c, err := p.Contract(ctx, e.ID)
		if err != nil {
			return nil, err
		}
		l, err := standing(ctx, p, c)
		if err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	return out, nil
}

// titled tells a title that is a template's in both languages, and any other as it is.
func titled(title string) Both {
	for _, n := range template.Names() {
		if t, _ := template.Named(n); slices.Contains(t.Title[:], title) {
			return t.Title
		}
	}
	return Both{title, title}
}

// begun returns a contract as it was opened.
func begun(c owner.Contract) (escrow.State, error) {
	s, err := escrow.Open(c.Read, owner.Parts(c.Players), nil, c.Opened, c.Last)
	if err != nil {
		return s, notice.Because(err, notice.Integrity, "the contract that the node shows is none that a ledger holds", "do not act on it; tell the organisations")
	}
	return s, nil
}

func standing(ctx context.Context, p *owner.Party, c owner.Contract) (l Standing, err error) {
	l = Standing{ID: c.ID, Title: titled(c.Title), Opened: c.Opened, Last: c.Last, Over: c.State.Over(), Held: c.State.Held(), Until: c.Read.Until(c.State)}
	if l.Opener, err = player(ctx, p, c.Opener); err != nil {
		return l, err
	}
	if l.Players, err = played(ctx, p, c.State.Parties); err != nil {
		return l, err
	}
	start, err := begun(c)
	if err != nil {
		return l, err
	}
	l.Cost = costs(c.Read, start, c.Opened)
	if l.Over {
		l.Outcome = outcome(c.State.Outcome)
	}
	t := teller(tell.English)
	turns, done, off := t.Along(c.Read, start, c.State)
	l.Off, l.Begun = off, done > 0 || off || l.Over
	mine := c.Roles(p.ID())
	for _, m := range t.Next(c.Read, c.State) {
		l.Turn = l.Turn || slices.ContainsFunc(m.Who, func(r escrow.Role) bool { return slices.Contains(mine, r) })
	}
	if l.Over {
		return l, nil
	}
	for _, turn := range turns[done:] {
		if turn.Deposit != nil && slices.Contains(mine, turn.By) {
			l.Left, _ = l.Left.Add(*turn.Deposit)
		}
		for _, paid := range turn.Paid {
			if paid.To == p.ID() {
				l.Comes, _ = l.Comes.Add(paid.Amount)
			}
		}
	}
	return l, nil
}

// An Act is something that can happen to a contract now, and how to do it.
type Act struct {
	Kind   string       `json:"kind"` // choose, deposit, pay, state, verdict, pass
	Role   string       `json:"role,omitempty"`
	Who    Both         `json:"who"`  // those who may
	By     []Played     `json:"by"`   // the same, with who plays them
	What   Both         `json:"what"` // as the terms say it
	Mine   bool         `json:"mine"` // who asks may
	Until  ledger.Time  `json:"until,omitempty"`
	From   ledger.Time  `json:"from,omitempty"` // from which on it can: the end of a wait
	Then   int          `json:"then"`           // the clause that follows, from 0
	Choice string       `json:"choice,omitempty"`
	Amount string       `json:"amount,omitempty"` // MAN of a deposit; the most of a payment
	Payees []Played     `json:"payees,omitempty"`
	Fact   string       `json:"fact,omitempty"`
	Is     *int64       `json:"is,omitempty"`
	Job    ledger.JobID `json:"job,omitempty"`
	Shows  bool         `json:"shows,omitempty"` // evidence may go with it
}

// A Mark is one step of a contract's course, with where it stands.
type Mark struct {
	Clause int           `json:"clause"`
	Who    Both          `json:"who"`
	By     []Played      `json:"by"` // the same, with who plays it; nobody where no one's act is waited for
	What   Both          `json:"what"`
	Mine   bool          `json:"mine"`
	Until  ledger.Time   `json:"until"`
	State  string        `json:"state"` // done, now, late, later, missed
	Amount string        `json:"amount,omitempty"`
	Paid   ledger.Time   `json:"paid,omitempty"` // when who asks put it in
	Gets   ledger.Amount `json:"gets"`           // what who asks is paid by it
}

// Payment is what one command moved between who asks and a contract, in MAN.
type Payment struct {
	At     ledger.Time   `json:"at"`
	In     bool          `json:"in"`
	Amount ledger.Amount `json:"amount"`
	Cause  string        `json:"cause"` // the command that did it
}

// A Contract is one on the ledger, in plain words beside its course.
type Contract struct {
	Standing
	Now       ledger.Time     `json:"now"`
	Means     Meaning         `json:"means"`
	Certified bool            `json:"certified"` // exploring the terms again gives what the ledger signed
	At        int             `json:"at"`        // the clause that waits, from 0; -1 when it has ended
	Clause    Both            `json:"clause"`    // in words
	Acts      []Act           `json:"acts"`
	Course    []Mark          `json:"course"`
	Shown     []escrow.Shown  `json:"shown"`
	Payments  []Payment       `json:"payments"`
	Terms     json.RawMessage `json:"terms"`
}

func (d *Desk) contract(ctx context.Context, p *owner.Party, a ofContract, _ Show) (any, error) {
	c, err := contractOf(ctx, p, a.Contract)
	if err != nil {
		return nil, err
	}
	return shown(ctx, p, c)
}

func contractOf(ctx context.Context, p *owner.Party, id ledger.EscrowID) (c owner.Contract, err error) {
	if err := ledger.CheckID(id, "escrow"); err != nil {
		return c, notice.Because(err, notice.Invalid, "that is not the id of a contract", "open it from the list")
	}
	return p.Contract(ctx, id)
}

func shown(ctx context.Context, p *owner.Party, c owner.Contract) (out Contract, err error) {
	info, err := p.Info(ctx)
	if err != nil {
		return out, err
	}
	out = Contract{Now: info.Now, At: c.State.At, Shown: c.State.Shown, Terms: c.Escrow.Terms, Acts: []Act{}, Course: []Mark{}, Payments: []Payment{}}
	if out.Standing, err = standing(ctx, p, c); err != nil {
		return out, err
	}
	r, perr := c.Proof() // where it is another, the contract can be read all the same
	out.Certified = perr == nil
	out.Means = explored(c.Read, out.Players, r)
	out.Means.Hash, out.Means.Cost = c.Hash.String(), out.Cost
	if !c.State.Over() {
		out.Clause = both(func(t tell.Teller) string { return t.Clause(c.Read, c.State.At) })
		out.Acts = acts(p, c, out.Players)
	}
	start, err := begun(c)
	if err != nil {
		return out, err
	}
	if out.Payments, err = payments(ctx, p, c); err != nil {
		return out, err
	}
	out.Course = course(p, c, start, out.Players, out.Payments)
	return out, nil
}

// acts tells the cases of the present wait, and its end, in both languages.
func acts(p *owner.Party, c owner.Contract, players []Played) []Act {
	var told [2][]tell.Move
	for l := range told {
		told[l] = teller(tell.Language(l)).Next(c.Read, c.State)
	}
	mine := c.Roles(p.ID())
	cases := c.Read.Clauses[c.State.At].Wait.Cases
	out := []Act{}
	for i, m := range told[tell.English] {
		a := Act{Kind: "pass", What: Both{m.What, told[tell.Chinese][i].What}, Until: m.Until, From: m.From, Then: m.Then}
		a.Who, a.By = both(func(t tell.Teller) string { return t.Roles(m.Who) }), playing(players, m.Who...)
		for _, r := range m.Who {
			if slices.Contains(mine, r) {
				a.Mine, a.Role = true, string(r)
			}
		}
		if i < len(cases) {
			k := cases[i]
			switch {
			case k.Deposit != nil:
				a.Kind, a.Amount = "deposit", k.Deposit.Amount.String()
			case k.Spend != nil:
				a.Kind, a.Amount = "pay", c.State.Pots[k.Spend.From].String()
				a.Payees = playing(players, k.Spend.Payees...)
			case k.Attest != nil:
				a.Kind, a.Fact, a.Is = "state", k.Attest.Fact, k.Attest.Is
			case k.Verdict != nil:
				a.Kind, a.Job, a.Mine = "verdict", k.Verdict.Job, true // anybody may say so
			default:
				a.Kind, a.Choice, a.Shows = "choose", string(k.Choice), true
			}
		}
		out = append(out, a)
	}
	return out
}

// playing returns who plays the roles.
func playing(players []Played, roles ...escrow.Role) []Played {
	out := []Played{}
	for _, q := range players {
		if slices.Contains(roles, escrow.Role(q.Role)) {
			out = append(out, q)
		}
	}
	return out
}

// payments are the party's movements by a contract, oldest first.
func payments(ctx context.Context, p *owner.Party, c owner.Contract) ([]Payment, error) {
	s, err := p.Statement(ctx, c.Opened, owner.Forever)
	if err != nil {
		return nil, err
	}
	out := []Payment{}
	for _, l := range s.Lines {
		if l.Of != ledger.EscrowStateKey(c.ID) {
			continue
		}
		cause, err := l.Cause.MarshalText()
		if err != nil {
			return nil, err
		}
		if n := len(out) - 1; n >= 0 && out[n].Cause == string(cause) {
			out[n] = out[n].with(l.In, l.Amount) // coins of one step, and their change
			continue
		}
		out = append(out, Payment{At: l.Time, In: l.In, Amount: l.Amount, Cause: string(cause)})
	}
	return slices.DeleteFunc(out, func(q Payment) bool { return q.Amount.IsZero() }), nil
}

// with adds a movement of the same command.
func (q Payment) with(in bool, amount ledger.Amount) Payment {
	switch {
	case q.In == in:
		q.Amount, _ = q.Amount.Add(amount)
	case q.Amount.Cmp(amount) >= 0:
		q.Amount, _ = q.Amount.Sub(amount)
	default:
		q.Amount, _ = amount.Sub(q.Amount)
		q.In = in
	}
	return q
}

// course marks the steps that the contract is meant to take by where it stands.
func course(p *owner.Party, c owner.Contract, start escrow.State, players []Played, moved []Payment) []Mark {
	turns, done, off := teller(tell.English).Along(c.Read, start, c.State)
	zh, _, _ := teller(tell.Chinese).Along(c.Read, start, c.State)
	mine := c.Roles(p.ID())
	var paid []Payment // what the party put in
	for _, m := range moved {
		if !m.In {
			paid = append(paid, m)
		}
	}
	out := []Mark{}
	for i, turn := range turns {
		m := Mark{Clause: turn.Clause, What: Both{turn.What, zh[i].What}, Until: turn.Until, By: []Played{}, State: "later", Mine: slices.Contains(mine, turn.By)}
		if turn.By != "" {
			m.Who, m.By = roleBoth(turn.By), playing(players, turn.By)
		}
		switch over := c.State.Over(); {
		case i < done:
			m.State = "done"
		case over:
			m.State = "missed"
		case i == done && off:
			m.State = "late"
		case i == done:
			m.State = "now"
		}
		if turn.Deposit != nil {
			m.Amount = turn.Deposit.String()
			if m.Mine && m.State == "done" && len(paid) > 0 {
				m.Paid, paid = paid[0].At, paid[1:]
			}
		}
		for _, o := range turn.Paid {
			if o.To == p.ID() {
				m.Gets, _ = m.Gets.Add(o.Amount)
			}
		}
		out = append(out, m)
	}
	return out
}

// stepping is one thing that a contract waits for.
type stepping struct {
	ofContract
	Role    string       `json:"role"`
	Choice  string       `json:"choice"`
	Deposit string       `json:"deposit"` // MAN
	Pay     string       `json:"pay"`     // MAN
	To      string       `json:"to"`
	Fact    string       `json:"fact"`
	Value   int64        `json:"value"`
	Job     ledger.JobID `json:"job"`
	Path    string       `json:"path"` // a chosen file that is shown with a choice
	Hash    string       `json:"hash"` // of the terms that were read
}

// step signs one step and returns the contract as it stands then; of evidence, also
// what it is checked with, for its owner to keep and hand on.
func (d *Desk) step(ctx context.Context, p *owner.Party, a stepping, _ Show) (any, error) {
	c, err := contractOf(ctx, p, a.Contract)
	if err != nil {
		return nil, err
	}
	if c.Hash.String() != a.Hash {
		return nil, notice.New(notice.Integrity, "these are not the terms that were read", "open the contract again, and read it")
	}
	s, evidence, err := a.signed(ctx, p)
	if err != nil {
		return nil, err
	}
	if err := p.StepContract(ctx, c, s); err != nil {
		return nil, refused(ctx, p, c, err)
	}
	if c, err = p.Contract(ctx, a.Contract); err != nil {
		return nil, err
	}
	now, err := shown(ctx, p, c)
	return struct {
		Contract Contract        `json:"contract"`
		Evidence *owner.Evidence `json:"evidence,omitempty"`
	}{now, evidence}, err
}

func (a stepping) signed(ctx context.Context, p *owner.Party) (s ledger.StepEscrow, e *owner.Evidence, err error) {
	s = ledger.StepEscrow{Role: a.Role, Choice: a.Choice, To: a.To, Fact: a.Fact, Job: a.Job}
	for _, f := range []struct {
		text string
		to   **ledger.Amount
	}{{a.Deposit, &s.Deposit}, {a.Pay, &s.Pay}} {
		if f.text == "" {
			continue
		}
		amount, err := ledger.ParseAmount(f.text)
		if err != nil {
			return s, nil, notice.Because(err, notice.Invalid, "that is no amount", "write a number such as 12.5")
		}
		*f.to = &amount
	}
	if a.Fact != "" {
		info, err := p.Info(ctx)
		if err != nil {
			return s, nil, err
		}
		s.Value, s.When = a.Value, info.Now
	}
	if a.Path == "" {
		return s, nil, nil
	}
	f, err := os.Open(a.Path)
	if err != nil {
		return s, nil, notice.Because(err, notice.NotFound, "the evidence cannot be read", "choose one file; put several into an archive")
	}
	defer f.Close()
	shown, err := p.Evidence(a.Contract, f)
	s.Evidence = &shown.Digest
	return s, &shown, err
}

// refused says why a contract did not take a step, and where it stands.
func refused(ctx context.Context, p *owner.Party, c owner.Contract, err error) error {
	n := (*notice.Error)(nil)
	if !errors.As(err, &n) {
		return err
	}
	if now, rerr := p.Contract(ctx, c.ID); rerr == nil {
		c = now // another may have stepped it meanwhile
	}
	return notice.Because(err, n.Kind, teller(tell.English).Refused(c.Read, c.State, n.Text), "look at the contract again: it may have gone on")
}
