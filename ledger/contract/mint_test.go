package contract

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"testing"

	"manx/escrow"
	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/privacy/notice"
)

// A bank and a notary are the oracles of these tests.
type oracle struct {
	name   string
	secret ed25519.PrivateKey
}

func newOracle(name string) oracle {
	_, secret, _ := ed25519.GenerateKey(rand.Reader)
	return oracle{name, secret}
}

func (o oracle) named() ledger.Oracle {
	return ledger.Oracle{Name: o.name, Key: o.secret.Public().(ed25519.PublicKey)}
}

func (o oracle) attest(p ledger.Payment) ledger.Payment {
	p.Attests = append(append([]ledger.Attesting{}, p.Attests...), ledger.Attesting{Oracle: o.name, Sig: ed25519.Sign(o.secret, p.SigningBytes())})
	return p
}

// paidIn is a payment of so much by a party, under a reference of its own.
func paidIn(s *ledgertest.Story, by ledger.PartyID, a ledger.Amount, reference byte) ledger.Payment {
	return ledger.Payment{Network: s.World.Genesis.ID(), Party: by, Amount: a, Reference: ledger.Hash{reference}, At: s.World.Now()}
}

// MAN is issued for an attested payment, once, and for nothing else after the first
// schedule; what was done, by whom and why, is on record.
func TestInvariant3_IssuesRestOnAttestedPayments(t *testing.T) {
	s, m := begin(t)
	orgs := s.World.Organisations
	bank, notary, stranger := newOracle("bank"), newOracle("notary"), newOracle("stranger")
	alice := s.Party(ledger.Health, ledger.Person)
	set := func(version uint64) ledger.SetSchedule {
		return ledger.SetSchedule{Schedule: ledger.Schedule{Version: version, Oracles: []ledger.Oracle{bank.named(), notary.named()}, Need: 2, Fees: ledger.DefaultFees()}}
	}
	five := ledger.MAN(5)
	issue := func(p ledger.Payment) ledger.IssueCoins {
		return ledger.IssueCoins{Out: []ledger.Output{{To: p.Party, Amount: p.Amount}}, Reason: "bought at the counter", Payment: &p}
	}
	try := func(b ledger.Body) error { return s.Try(orgs[0], b, orgs[1]) }
	p := bank.attest(notary.attest(paidIn(s, alice.Party(), five, 1)))

	denied(t, "before oracles are named", try(issue(p)), notice.Denied)
	denied(t, "a schedule of one organisation", s.Try(orgs[0], set(1)), notice.Denied)
	denied(t, "a schedule out of turn", try(set(2)), notice.Conflict)
	s.Do(orgs[0], set(1), orgs[1])
	denied(t, "the same schedule again", try(set(1)), notice.Conflict)

	before := m.copy()
	for what, bad := range map[string]struct {
		p    ledger.Payment
		kind notice.Kind
	}{
		"one oracle":        {bank.attest(paidIn(s, alice.Party(), five, 1)), notice.Denied},
		"one oracle twice":  {bank.attest(bank.attest(paidIn(s, alice.Party(), five, 1))), notice.Denied},
		"a stranger's word": {stranger.attest(bank.attest(paidIn(s, alice.Party(), five, 1))), notice.Denied},
		"another sum":       {func() ledger.Payment { q := p; q.Amount = ledger.MAN(6); return q }(), notice.Denied},
		"another payee":     {func() ledger.Payment { q := p; q.Party = orgs[0].Party(); return q }(), notice.Denied},
		"another network": {func() ledger.Payment {
			q := paidIn(s, alice.Party(), five, 1)
			q.Network = "other"
			return bank.attest(notary.attest(q))
		}(), notice.Denied},
		"a payment to come": {func() ledger.Payment {
			q := paidIn(s, alice.Party(), five, 1)
			q.At++
			return bank.attest(notary.attest(q))
		}(), notice.Expired},
		"a payment of long ago": {func() ledger.Payment {
			q := paidIn(s, alice.Party(), five, 1)
			q.At -= ledger.MaxPaymentAge + 1
			return bank.attest(notary.attest(q))
		}(), notice.Expired},
		"no reference": {bank.attest(notary.attest(paidIn(s, alice.Party(), five, 0))), notice.Invalid},
		"paid out": {func() ledger.Payment {
			q := paidIn(s, alice.Party(), five, 1)
			q.Out = true
			return bank.attest(notary.attest(q))
		}(), notice.Invalid},
	} {
		denied(t, what, try(issue(bad.p)), bad.kind)
	}
	more := issue(p)
	more.Out[0].Amount = ledger.MAN(6)
	denied(t, "more than was paid", try(more), notice.Invalid)
	denied(t, "on its reason alone", try(ledger.IssueCoins{Out: []ledger.Output{{To: alice.Party(), Amount: five}}, Reason: "because"}), notice.Denied)
	denied(t, "one organisation alone", s.Try(orgs[0], issue(p)), notice.Denied)
	same(t, "refused issues", before, m.state)

	id := s.Do(orgs[0], issue(p), orgs[2])
	denied(t, "the payment again", try(issue(p)), notice.Conflict)
	got := ledgertest.Read[ledger.Mint](s, ledger.KeyOf(ledger.NewMintID(id)))
	if got.Amount != five || got.Supply != five || got.Burnt || got.Payment == nil || *got.Payment != p.Digest() || len(got.Oracles) != 2 || got.At == 0 ||
		len(got.By) != 2 || got.By[0] != orgs[0].Party() || got.By[1] != orgs[2].Party() || got.Reason == "" {
		t.Errorf("the record is %+v", got)
	}
	if m.money(t) != five || m.supply(t) != five {
		t.Error("money was made or lost")
	}
}

// What an organisation paid out is burnt, once, exactly.
func TestInvariant3_BurntForWhatWasPaidOut(t *testing.T) {
	s, m := begin(t)
	orgs, bank := s.World.Organisations, newOracle("bank")
	four, five := s.Fund(orgs[0], ledger.MAN(4)), s.Fund(orgs[0], ledger.MAN(5))
	s.Do(orgs[0], ledger.SetSchedule{Schedule: ledger.Schedule{Version: 1, Oracles: []ledger.Oracle{bank.named()}, Need: 1}}, orgs[1])
	p := paidIn(s, orgs[0].Party(), ledger.MAN(4), 9)
	p.Out = true
	p = bank.attest(p)
	burn := func(in ledger.CoinID) ledger.BurnCoins {
		return ledger.BurnCoins{In: []ledger.CoinID{in}, Reason: "withdrawn", Payment: &p}
	}
	denied(t, "another sum", s.Try(orgs[0], burn(five), orgs[1]), notice.Invalid)
	id := s.Do(orgs[0], burn(four), orgs[1])
	denied(t, "the payment again", s.Try(orgs[0], ledger.BurnCoins{In: []ledger.CoinID{five}, Reason: "r", Payment: &p}, orgs[1]), notice.Invalid)
	if got := ledgertest.Read[ledger.Mint](s, ledger.KeyOf(ledger.NewMintID(id))); !got.Burnt || got.Supply != ledger.MAN(5) {
		t.Errorf("the record is %+v", got)
	}
	if m.money(t) != ledger.MAN(5) || m.supply(t) != ledger.MAN(5) {
		t.Error("money was made or lost")
	}
}

// A reward is issued once for each period that has begun, and never more of it.
func TestRewardsByTheSchedule(t *testing.T) {
	s, _ := begin(t)
	orgs, lab := s.World.Organisations, s.Party(ledger.Health, ledger.Scientist)
	reward := ledger.Reward{Name: "storage", Amount: ledger.MAN(10), Start: s.World.Now() + 100, Every: 3600, Periods: 2}
	s.Do(orgs[0], ledger.SetSchedule{Schedule: ledger.Schedule{Version: 1, Rewards: []ledger.Reward{reward}}}, orgs[1])
	issue := func(name string, n int, a ledger.Amount) error {
		return s.Try(orgs[0], ledger.IssueCoins{Out: []ledger.Output{{To: lab.Party(), Amount: a}}, Reason: "storage kept", Granted: &ledger.Granted{Reward: name, Period: n}}, orgs[1])
	}
	ten := ledger.MAN(10)
	denied(t, "too early", issue("storage", 1, ten), notice.Conflict)
	s.Wait(100)
	denied(t, "an unknown reward", issue("gift", 1, ten), notice.NotFound)
	denied(t, "a name that is none", issue("a/b", 1, ten), notice.Invalid)
	denied(t, "period 0", issue("storage", 0, ten), notice.NotFound)
	denied(t, "period 3 of 2", issue("storage", 3, ten), notice.NotFound)
	denied(t, "more than the reward", issue("storage", 1, ledger.MAN(11)), notice.Exhausted)
	denied(t, "the next period", issue("storage", 2, ten), notice.Conflict)
	if err := issue("storage", 1, ten); err != nil {
		t.Fatal(err)
	}
	denied(t, "period 1 again", issue("storage", 1, ledger.Units(1)), notice.Conflict)
	s.Wait(3600)
	if err := issue("storage", 2, ledger.MAN(3)); err != nil {
		t.Fatal(err)
	}
}

// Fees go to the exchange by the schedule; organisations pay none, and a job keeps
// the fee it was asked under.
func TestInvariant3_FeesByTheSchedule(t *testing.T) {
	c := contractOf(t)
	s, orgs := c.Story, c.World.Organisations
	cent, _ := ledger.ParseAmount("0.01")
	fees := ledger.Fees{Send: cent, Open: ledger.MAN(1), Jobs: 500}
	s.Do(orgs[0], ledger.SetSchedule{Schedule: ledger.Schedule{Version: 1, Rewards: []ledger.Reward{{Name: "test", Amount: ledger.MAN(9), Start: 1, Every: 3600, Periods: 99}}, Fees: fees}}, orgs[1])
	period := 0
	fund := func(k *ledgertest.Key, a ledger.Amount) ledger.CoinID {
		period++
		id := s.Do(orgs[0], ledger.IssueCoins{Out: []ledger.Output{{To: k.Party(), Amount: a}}, Reason: "test", Granted: &ledger.Granted{Reward: "test", Period: period}}, orgs[1])
		return ledger.NewCoinID(id, 0)
	}
	to := func(p ledger.PartyID, a ledger.Amount) ledger.Output { return ledger.Output{To: p, Amount: a} }
	two, coin := ledger.MAN(2), fund(c.lender, ledger.MAN(2))
	in := []ledger.CoinID{coin}
	denied(t, "no fee", s.Try(c.lender, ledger.SendCoins{In: in, Out: []ledger.Output{to(c.borrower.Party(), two)}}), notice.Invalid)
	rest, _ := two.Sub(cent)
	short, _ := rest.Sub(ledger.Units(1))
	denied(t, "a unit too much", s.Try(c.lender, ledger.SendCoins{In: in, Out: []ledger.Output{to(c.borrower.Party(), short)}}), notice.Invalid)
	id := s.Do(c.lender, ledger.SendCoins{In: in, Out: []ledger.Output{to(c.borrower.Party(), rest)}})
	exchange := Exchange(c.World.Genesis)
	if got := ledgertest.Read[ledger.Coin](s, ledger.KeyOf(ledger.NewCoinID(id, 1))); got.Owner != exchange || got.Amount != cent {
		t.Errorf("the fee is %+v", got)
	}
	free := fund(orgs[1], two)
	s.Do(orgs[1], ledger.SendCoins{In: []ledger.CoinID{free}, Out: []ledger.Output{to(orgs[0].Party(), two)}})

	b, err := c.price(ledger.MAN(5))
	if err != nil {
		t.Fatal(err)
	}
	denied(t, "a contract for nothing", s.Try(c.lender, b), notice.Exhausted)
	b.Coins = []ledger.CoinID{ledger.NewCoinID(id, 0)}
	denied(t, "with another's coin", s.Try(c.lender, b), notice.Denied)
	b.Coins = []ledger.CoinID{fund(c.lender, ledger.MAN(3))}
	id = s.Do(c.lender, b)
	if got := ledgertest.Read[ledger.Coin](s, ledger.KeyOf(ledger.NewCoinID(id, 1))); got.Owner != c.lender.Party() || got.Amount != two {
		t.Errorf("the change is %+v", got)
	}
	c.whole(t)

	_, parts := jobTerms(t, s, fund)
	if parts != 500 {
		t.Errorf("the exchange gets %d of a job's fee", parts)
	}
}

// jobTerms asks a job and returns the exchange's part of its fee.
func jobTerms(t *testing.T, s *ledgertest.Story, fund func(*ledgertest.Key, ledger.Amount) ledger.CoinID) (ledger.JobID, uint32) {
	lab, alice := s.Party(ledger.Health, ledger.Scientist), s.Party(ledger.Health, ledger.Person)
	j := s.Diagnose(alice, s.HealthModel(lab), s.Study(alice), fund(alice, ledger.MAN(3)), 3600)
	b, err := s.Ledger.Read(t.Context(), ledger.EscrowKey(j))
	if err != nil {
		t.Fatal(err)
	}
	var f fee
	if err := json.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	for _, c := range f.Terms.Clauses {
		if c.Pay == nil {
			continue
		}
		for _, sh := range c.Pay.Shares {
			if sh.To == escrow.Exchange {
				return j, sh.Value.Parts
			}
		}
	}
	return j, 0
}

func TestSchedulesAreBounded(t *testing.T) {
	key := newOracle("x").named().Key
	ok := ledger.Reward{Name: "r", Amount: ledger.Units(1), Start: 1, Every: 3600, Periods: 1}
	for what, s := range map[string]ledger.Schedule{
		"no version":         {},
		"no oracle needed":   {Version: 1, Oracles: []ledger.Oracle{{Name: "x", Key: key}}},
		"more than there be": {Version: 1, Oracles: []ledger.Oracle{{Name: "x", Key: key}}, Need: 2},
		"a key twice":        {Version: 1, Oracles: []ledger.Oracle{{Name: "x", Key: key}, {Name: "y", Key: key}}, Need: 1},
		"a short key":        {Version: 1, Oracles: []ledger.Oracle{{Name: "x", Key: key[:31]}}, Need: 1},
		"a name with a path": {Version: 1, Oracles: []ledger.Oracle{{Name: "x/y", Key: key}}, Need: 1},
		"a fee of all":       {Version: 1, Fees: ledger.Fees{Jobs: ledger.MaxJobsFee + 1}},
		"a dear payment":     {Version: 1, Fees: ledger.Fees{Send: ledger.MAN(2)}},
		"a reward twice":     {Version: 1, Rewards: []ledger.Reward{ok, ok}},
		"a reward a second":  {Version: 1, Rewards: []ledger.Reward{{Name: "r", Amount: ok.Amount, Start: 1, Every: 1, Periods: 1}}},
		"a reward for ever":  {Version: 1, Rewards: []ledger.Reward{{Name: "r", Amount: ok.Amount, Start: 1, Every: 3600, Periods: 1 << 30}}},
		"times past times":   {Version: 1, Rewards: []ledger.Reward{{Name: "r", Amount: ok.Amount, Start: 1 << 62, Every: 3600, Periods: 1}}},
	} {
		if (ledger.SetSchedule{Schedule: s}).Check() == nil {
			t.Errorf("%s is taken", what)
		}
	}
	if err := (ledger.SetSchedule{Schedule: ledger.Schedule{Version: 1, Rewards: []ledger.Reward{ok}}}).Check(); err != nil {
		t.Error(err)
	}
}
