package owner

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"

	"manx/ledger"
	"manx/privacy/notice"
)

// Stake locks MAN of the party's for a worker: its share of all stakes is how often
// the worker is drawn. Interrupted, it goes on when it is repeated.
func (p *Party) Stake(ctx context.Context, worker ledger.PartyID, amount ledger.Amount) error {
	_, done, err := p.spend(ctx, "stake/"+string(worker)+"/"+amount.String(), amount, func(coins []ledger.CoinID, _ ledger.Amount) (ledger.Body, error) {
		return ledger.LockStake{Worker: worker, Amount: amount, Fund: coins}, nil
	})
	if err == nil {
		err = done()
	}
	return err
}

// Unstake gives notice of a worker's stake, or takes it back when its period is over.
func (p *Party) Unstake(ctx context.Context, worker ledger.PartyID) error {
	_, err := p.Do(ctx, ledger.FreeStake{Worker: worker})
	return err
}

// StakeOf returns a worker's stake and standing; a NotFound notice where it has none.
func (p *Party) StakeOf(ctx context.Context, worker ledger.PartyID) (s ledger.Stake, st ledger.Standing, err error) {
	none := notice.New(notice.NotFound, "nobody has locked a stake for this worker", "lock one: `manx worker stake AMOUNT`")
	var all []ledger.Stake
	if err := p.lookUp(ctx, ledger.StakesKey, &all); err != nil {
		return s, st, err
	}
	if err := p.lookUp(ctx, ledger.StandingKey(worker), &st); err != nil {
		return s, st, err
	}
	for _, s := range all {
		if s.Worker == worker {
			return s, st, nil
		}
	}
	return s, st, none
}

// lookUp reads state into v, and leaves v as it is where there is none.
func (p *Party) lookUp(ctx context.Context, k ledger.Key, v any) error {
	b, err := p.Client.Read(ctx, k)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}
