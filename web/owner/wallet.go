package owner

import (
	"context"
	"slices"
	"strings"
	"time"

	"manx/ledger"
	"manx/privacy/notice"
)

// Coins returns the party's unspent coins, largest first.
func (p *Party) Coins(ctx context.Context) ([]ledger.Coin, error) {
	all, err := Mine[ledger.Coin](ctx, p.Client, "coin")
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b ledger.Coin) int {
		if c := b.Amount.Cmp(a.Amount); c != 0 {
			return c
		}
		return strings.Compare(string(a.ID), string(b.ID))
	})
	return all, nil
}

// Balance returns the sum of the party's coins.
func (p *Party) Balance(ctx context.Context) (sum ledger.Amount, err error) {
	coins, err := p.Coins(ctx)
	for _, c := range coins {
		if sum, err = sum.Add(c.Amount); err != nil {
			return sum, err
		}
	}
	return sum, err
}

// pick chooses coins that cover an amount.
func (p *Party) pick(ctx context.Context, amount ledger.Amount) (ids []ledger.CoinID, sum ledger.Amount, err error) {
	coins, err := p.Coins(ctx)
	if err != nil {
		return nil, sum, err
	}
	for _, c := range coins {
		if sum.Cmp(amount) >= 0 || len(ids) == ledger.MaxCoins {
			break
		}
		ids = append(ids, c.ID)
		if sum, err = sum.Add(c.Amount); err != nil {
			return nil, sum, err
		}
	}
	if sum.Cmp(amount) < 0 {
		return nil, sum, notice.New(notice.Exhausted, "the wallet holds "+sum.String()+" MAN and "+amount.String()+" are needed",
			"get test MAN with `manx wallet faucet`, or ask for a payment to "+string(p.id))
	}
	return ids, sum, nil
}

// spend makes a command that spends coins and does it, once under a name as once
// does; a coin that another of the party's commands spent first, which the index
// had not shown yet, is picked anew.
func (p *Party) spend(ctx context.Context, name string, amount ledger.Amount, body func(coins []ledger.CoinID, sum ledger.Amount) (ledger.Body, error)) (cmd ledger.Command, done func() error, err error) {
	return p.spendAfter(ctx, name, amount, body, nil)
}

// spendAfter is spend with onceAfter.
func (p *Party) spendAfter(ctx context.Context, name string, amount ledger.Amount, body func(coins []ledger.CoinID, sum ledger.Amount) (ledger.Body, error), first func(ledger.Command) error) (cmd ledger.Command, done func() error, err error) {
	p.spending.Lock()
	defer p.spending.Unlock()
	if cmd, done, found, err := p.resume(ctx, name); found || err != nil {
		return cmd, done, err
	}
	for try := 0; ; try++ {
		coins, sum, err := p.pick(ctx, amount)
		if err != nil && (try == 0 || try == 5) {
			return cmd, done, err
		}
		if err == nil {
			b, err := body(coins, sum)
			if err != nil {
				return cmd, done, err
			}
			cmd, done, err = p.onceAfter(ctx, name, b, first)
			if try == 5 || !notice.Is(err, notice.Conflict) || p.held(ctx, coins) {
				return cmd, done, err
			}
		}
		if !pause(ctx, time.Duration(50<<try)*time.Millisecond) {
			return cmd, done, ctx.Err()
		}
	}
}

// held reports whether the ledger still holds all of the coins, so that a
// conflict was about something else.
func (p *Party) held(ctx context.Context, coins []ledger.CoinID) bool {
	for _, id := range coins {
		if _, err := Get[ledger.Coin](ctx, p.Client, id); notice.Is(err, notice.NotFound) {
			return false
		}
	}
	return true
}

// Send pays another party, and the exchange the fee that the schedule asks for.
// Where it fails without an answer, repeating it pays once.
func (p *Party) Send(ctx context.Context, to ledger.PartyID, amount ledger.Amount) (ledger.Command, error) {
	if v := ledger.VerticalOf(to); v != ledger.Common && v != p.Vertical() {
		return ledger.Command{}, notice.New(notice.Denied, "this payment would join a health wallet to a credit wallet on the ledger for ever",
			"pay from the persona of the same vertical: --as "+string(v))
	}
	s, err := p.Schedule(ctx)
	if err != nil {
		return ledger.Command{}, err
	}
	need, err := amount.Add(s.Fees.Send)
	if err != nil {
		return ledger.Command{}, notice.Because(err, notice.Invalid, "there is not as much MAN", "send less")
	}
	cmd, done, err := p.spend(ctx, "send/"+string(to)+"/"+amount.String(), need, func(coins []ledger.CoinID, sum ledger.Amount) (ledger.Body, error) {
		out := []ledger.Output{{To: to, Amount: amount}}
		change, err := sum.Sub(need)
		if err == nil && !change.IsZero() {
			out = append(out, ledger.Output{To: p.id, Amount: change})
		}
		return ledger.SendCoins{In: coins, Out: out}, err
	})
	if err == nil {
		err = done()
	}
	return cmd, err
}
