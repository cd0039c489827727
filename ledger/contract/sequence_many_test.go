package contract

import (
	"slices"

	"manx/ledger"
	"manx/ledger/ledgertest"
)

// many takes several jobs a step further in one command: of one side, most of them in a
// stage that allows it.
func (c *cast) many() (ledger.Signer, ledger.Body) {
	v := []ledger.Vertical{ledger.Health, ledger.Credit}[c.r.IntN(2)]
	some := func(stages ...ledger.Stage) (ids []ledger.JobID) {
		for _, id := range c.jobs {
			if ledger.VerticalOf(id) == v && len(ids) < 5 && (slices.Contains(stages, c.Job(id).Stage) || c.r.IntN(12) == 0) {
				ids = append(ids, id)
			}
		}
		return ids
	}
	worker := c.parties[len(c.parties)-1-c.r.IntN(2)]
	if c.r.IntN(2) == 0 {
		b := ledger.WorkJobs{Claims: some(ledger.Ready)}
		for _, id := range some(ledger.Claimed) {
			if c.Job(id).Worker == worker.Party() && !slices.Contains(b.Claims, id) {
				b.Results = append(b.Results, ledger.PostResult{Job: id, Result: ledgertest.Ref("x"), Hash: ledger.Hash{1}})
			}
		}
		return worker, b
	}
	b := ledger.SettleJobs{Accept: some(ledger.Done, ledger.Answered)}
	for _, id := range some() {
		if !slices.Contains(b.Accept, id) {
			b.Close = append(b.Close, id)
		}
	}
	if len(b.Accept) == 0 {
		return worker, b
	}
	return c.key(c.Job(b.Accept[0]).Asker), b
}
