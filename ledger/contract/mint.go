package contract

import (
	"fmt"

	"manx/ledger"
	"manx/privacy/notice"
)

// setSchedule puts a schedule in force that a majority has signed.
func setSchedule(t *txn, b ledger.SetSchedule) error {
	if err := t.governed(); err != nil {
		return err
	}
	old, _, err := load[ledger.Schedule](t, ledger.ScheduleKey)
	if err != nil {
		return err
	}
	if b.Schedule.Version != old.Version+1 {
		return refuse(notice.Conflict, fmt.Sprintf("the schedule in force has version %d, so that the next has %d", old.Version, old.Version+1), "read it and sign anew: `manx coin schedule`")
	}
	return t.save(ledger.ScheduleKey, b.Schedule, ledger.ScheduleSet)
}

// fees returns what the author pays the exchange.
func (t *txn) fees() (ledger.Fees, error) {
	s, ok, err := load[ledger.Schedule](t, ledger.ScheduleKey)
	if err != nil {
		return ledger.Fees{}, err
	}
	if !ok {
		s.Fees = ledger.DefaultFees()
	}
	if t.author.Role == ledger.Governor {
		s.Fees.Send, s.Fees.Open = ledger.Amount{}, ledger.Amount{}
	}
	return s.Fees, nil
}

// due is the coin that a fee makes, if it is any.
func (t *txn) due(fee ledger.Amount) []ledger.Output {
	if fee.IsZero() {
		return nil
	}
	return []ledger.Output{{To: Exchange(*t.genesis), Amount: fee}}
}

func issueCoins(t *txn, b ledger.IssueCoins) error {
	if err := t.governed(); err != nil {
		return err
	}
	if err := t.wall(ledger.Common, b.Out); err != nil {
		return err
	}
	out, err := total(b.Out)
	if err != nil {
		return err
	}
	m := ledger.Mint{Amount: out, Reason: b.Reason}
	s, set, err := load[ledger.Schedule](t, ledger.ScheduleKey)
	switch {
	case err != nil:
		return err
	case b.Payment != nil:
		err = t.attested(s, *b.Payment, &m)
	case b.Granted != nil:
		err = t.granted(s, *b.Granted, &m)
	case set:
		err = refuse(notice.Denied, "an issue of MAN rests on an attested payment or on a reward of the schedule", "name it: `manx coin issue --payment FILE`, or --reward; `manx coin schedule` lists what there is")
	}
	if err != nil {
		return err
	}
	supply, _, err := load[ledger.Amount](t, ledger.SupplyKey)
	if err != nil {
		return err
	}
	if m.Supply, err = supply.Add(out); err != nil {
		return refuse(notice.Exhausted, "the supply of MAN cannot be so large", "issue less")
	}
	if err := t.minted(m); err != nil {
		return err
	}
	return t.pay(b.Out)
}

func burnCoins(t *txn, b ledger.BurnCoins) error {
	if err := t.governed(); err != nil {
		return err
	}
	sum, err := t.spend(b.In)
	if err != nil {
		return err
	}
	m := ledger.Mint{Burnt: true, Amount: sum, Reason: b.Reason}
	if p := b.Payment; p != nil {
		if p.Party != t.cmd.Author || p.Amount != sum {
			return refuse(notice.Invalid, "the payment is another organisation's, or of another sum than the coins", "burn exactly what was paid out: `manx coin burn` picks the coins")
		}
		s, _, err := load[ledger.Schedule](t, ledger.ScheduleKey)
		if err != nil {
			return err
		}
		if err := t.attested(s, *p, &m); err != nil {
			return err
		}
	}
	supply, _, err := load[ledger.Amount](t, ledger.SupplyKey)
	if err != nil {
		return err
	}
	if m.Supply, err = supply.Sub(sum); err != nil {
		return fmt.Errorf("coins exceed the supply: %w", err)
	}
	return t.minted(m)
}

// minted changes the supply and keeps who changed it and why.
func (t *txn) minted(m ledger.Mint) error {
	m.ID, m.At, m.By = ledger.NewMintID(t.cmd.ID), t.now, t.genesis.Signers(t.cmd)
	if err := t.save(ledger.KeyOf(m.ID), m, ledger.CoinsMinted); err != nil {
		return err
	}
	return t.save(ledger.SupplyKey, m.Supply, "")
}

// attested checks that enough oracles signed a payment, lately, and that it has
// not counted before.
func (t *txn) attested(s ledger.Schedule, p ledger.Payment, m *ledger.Mint) error {
	m.Oracles = s.Attested(p)
	switch {
	case p.Network != t.cmd.Network:
		return refuse(notice.Denied, "the payment was attested for another network", "have it attested again: `manx coin attest`")
	case s.Need == 0:
		return refuse(notice.Denied, "the schedule names no oracle whose word on payments counts", "name one: `manx coin schedule --set FILE`")
	case len(m.Oracles) < s.Need:
		return refuse(notice.Denied, fmt.Sprintf("the payment is attested by %d oracles of the schedule, and %d are needed", len(m.Oracles), s.Need), "have another attest it: `manx coin attest FILE`")
	case p.At > t.now || t.now-p.At > ledger.MaxPaymentAge:
		return refuse(notice.Expired, "the payment was made more than 30 days ago, or is yet to come", "have a newer one attested")
	}
	k := ledger.PaymentKey(p.Reference)
	if _, used, err := load[ledger.MintID](t, k); used || err != nil {
		return either(err, refuse(notice.Conflict, "the payment has counted already", "`manx coin list` shows for what"))
	}
	d := p.Digest()
	m.Payment = &d
	return t.save(k, ledger.NewMintID(t.cmd.ID), "")
}

// granted checks that a period of a reward has begun, allows the sum, and was not
// issued before.
func (t *txn) granted(s ledger.Schedule, g ledger.Granted, m *ledger.Mint) error {
	for _, r := range s.Rewards {
		if r.Name != g.Reward {
			continue
		}
		begins, ok := r.Begins(g.Period)
		switch {
		case !ok:
			return refuse(notice.NotFound, "the reward has no such period", "see its periods: `manx coin schedule`")
		case begins > t.now:
			return refuse(notice.Conflict, "the reward's period has not begun", "see when it does: `manx coin schedule`")
		case m.Amount.Cmp(r.Amount) > 0:
			return refuse(notice.Exhausted, "the reward is "+r.Amount.String()+" MAN a period, and not more", "issue less")
		}
		if _, used, err := load[ledger.MintID](t, g.Key()); used || err != nil {
			return either(err, refuse(notice.Conflict, "the reward of this period is issued already", "`manx coin list` shows to which"))
		}
		m.Granted = &g
		return t.save(g.Key(), ledger.NewMintID(t.cmd.ID), "")
	}
	return refuse(notice.NotFound, "the schedule has no such reward", "list them: `manx coin schedule`")
}
