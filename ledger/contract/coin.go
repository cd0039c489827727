package contract

import (
	"fmt"
	"slices"

	"manx/ledger"
	"manx/privacy/notice"
)

func sendCoins(t *txn, b ledger.SendCoins) error {
	sum, err := t.spend(b.In)
	if err != nil {
		return err
	}
	if err := t.wall(ledger.VerticalOf(t.cmd.Author), b.Out); err != nil {
		return err
	}
	fees, err := t.fees()
	if err != nil {
		return err
	}
	out, err := total(b.Out)
	if err != nil {
		return err
	}
	left, err := sum.Sub(out)
	switch {
	case err == nil && left == fees.Send:
	case fees.Send.IsZero():
		return refuse(notice.Invalid, "the coins made do not sum to the coins spent", "send the change back to yourself: `manx wallet send` does")
	default:
		return refuse(notice.Invalid, "the coins made and the fee of "+fees.Send.String()+" MAN do not sum to the coins spent", "`manx wallet send` adds the fee, which `manx coin schedule` shows")
	}
	return t.pay(append(b.Out, t.due(fees.Send)...))
}

// wall refuses payments that would join a health persona to a credit persona,
// as payer and payee or as payees of one command.
func (t *txn) wall(from ledger.Vertical, out []ledger.Output) error {
	for _, o := range out {
		switch v := ledger.VerticalOf(o.To); {
		case v == ledger.Common:
		case from == ledger.Common:
			from = v
		case v != from:
			return refuse(notice.Denied, "coins do not pass between a health and a credit party, nor to both at once: health never meets credit",
				"fund each persona apart: `manx wallet faucet`")
		}
		if _, err := t.party(o.To); err != nil {
			return err
		}
	}
	return nil
}

func total(out []ledger.Output) (sum ledger.Amount, err error) {
	for _, o := range out {
		if sum, err = sum.Add(o.Amount); err != nil {
			return sum, refuse(notice.Invalid, "the amounts sum to more than MAN can be", "send less")
		}
	}
	return sum, nil
}

// spend destroys coins of the author's and returns their sum.
func (t *txn) spend(in []ledger.CoinID) (sum ledger.Amount, err error) {
	for i, id := range in {
		if ledger.CheckID(id, "coin") != nil || ledger.VerticalOf(id) != ledger.Common || slices.Contains(in[:i], id) {
			return sum, refuse(notice.Invalid, "the coins to spend are not distinct ids of coins", "list yours: `manx wallet balance`")
		}
		k := ledger.KeyOf(id)
		c, ok, err := load[ledger.Coin](t, k)
		if err != nil {
			return sum, err
		}
		if !ok {
			return sum, refuse(notice.Conflict, "a coin to spend does not exist or is spent already", "list yours and try again: `manx wallet balance`")
		}
		if c.Owner != t.cmd.Author {
			return sum, refuse(notice.Denied, "a coin to spend belongs to another party", "list yours: `manx wallet balance`")
		}
		if sum, err = sum.Add(c.Amount); err != nil {
			return sum, fmt.Errorf("coins exceed the supply: %w", err)
		}
		if err := t.remove(k, ledger.CoinSpent); err != nil {
			return sum, err
		}
	}
	return sum, nil
}

// pay makes coins, or notes that they are owed.
func (t *txn) pay(out []ledger.Output) error {
	if t.gathers {
		t.owed = append(t.owed, out...)
		return nil
	}
	for _, o := range out {
		c := ledger.Coin{ID: ledger.NewCoinID(t.cmd.ID, t.coins), Owner: o.To, Amount: o.Amount, As: o.As}
		t.coins++
		if err := t.save(ledger.KeyOf(c.ID), c, ledger.CoinMade); err != nil {
			return err
		}
	}
	return nil
}
