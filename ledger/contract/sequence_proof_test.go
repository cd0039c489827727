package contract

import (
	"slices"
	"testing"

	"manx/ledger"
	"manx/ledger/ledgertest"
)

// proof is what a random job asks for, often nothing.
func (c *cast) proof() *ledger.Proof {
	switch c.r.IntN(6) {
	case 0:
		return &ledger.Proof{Replicas: 1 + c.r.IntN(3)}
	case 1:
		return &ledger.Proof{Confidence: []uint32{7000, 9000, 9800}[c.r.IntN(3)]}
	}
	return nil
}

// prove locks or frees a stake, or has an organisation say or show what it knew of a job.
func (c *cast) prove() (ledger.Signer, ledger.Body) {
	w := c.parties[len(c.parties)-1-c.r.IntN(3)]
	org := c.World.Organisations[0]
	switch c.r.IntN(5) {
	case 0:
		return w, ledger.LockStake{Worker: w.Party(), Amount: ledger.Units(1 + c.r.Uint64N(1<<40)), Fund: c.coins(w.Party(), 1)}
	case 1:
		if c.r.IntN(4) > 0 {
			return pick(c.r, c.parties), ledger.FreeStake{Worker: w.Party()}
		}
		return w, ledger.FreeStake{Worker: w.Party()}
	case 2:
		return org, ledger.CommitCanary{Commitment: ledger.Hash{byte(c.r.IntN(255) + 1)}}
	case 3:
		return org, ledger.RevealCanary{Job: pick(c.r, c.jobs), Hash: ledger.Hash{1}, Salt: ledger.Hash{1}}
	}
	return pick(c.r, c.World.Organisations), ledger.RevealBeacon{Link: ledger.Hash{1}}
}

// draw draws a job by the right value, where there is one, or by the latest.
func (c *cast) draw(j ledger.Job) ledger.DrawJob {
	v := latest(c.Story)
	for n := v.Number; n > 0; n-- {
		if w, ok := ledgertest.Find[ledger.BeaconValue](c.Story, ledger.BeaconValueKey(n)); ok && w.First(j.At[ledger.Ready]) {
			v = w
		}
	}
	return ledger.DrawJob{Job: j.ID, Value: max(v.Number, 1)}
}

// replicate has one of a job's replicas say its next word, or the organisations theirs.
func (c *cast) replicate(j ledger.Job) (ledger.Signer, ledger.Body) {
	r := pick(c.r, j.Proving.Replicas)
	at := slices.IndexFunc(c.parties, func(k *ledgertest.Key) bool { return k.Party() == r.Worker })
	word := string(j.ID) + string(r.Worker)
	reply, ok := c.replies[word]
	if !ok {
		h := ledger.Hash{1}
		if c.r.IntN(5) == 0 {
			h = ledger.Hash{2}
		}
		reply = ledgertest.Replying(c.parties[at], h)
		c.replies[word] = reply
	}
	switch j.Stage {
	case ledger.Drawn:
		return reply.By, reply.Commit(j.ID)
	case ledger.Committed:
		return reply.By, reply.Reveal(j.ID)
	}
	b := ledger.FindResults{Job: j.ID}
	if c.r.IntN(6) == 0 {
		b.Lost = []ledger.PartyID{r.Worker}
	}
	return c.World.Organisations[0], b
}

// freeStakes gives every stake back, when nothing is open any more.
func (c *cast) freeStakes(t testing.TB) {
	t.Helper()
	all := ledgertest.Read[[]ledger.Stake](c.Story, ledger.StakesKey)
	for _, s := range all {
		if s.Notice == 0 {
			c.Do(c.key(s.Operator), ledger.FreeStake{Worker: s.Worker})
		}
	}
	c.Wait(ledger.NoticePeriod)
	for _, s := range all {
		c.Do(c.key(s.Operator), ledger.FreeStake{Worker: s.Worker})
	}
	if left := ledgertest.Read[[]ledger.Stake](c.Story, ledger.StakesKey); len(left) > 0 {
		t.Fatalf("%d stakes are stranded", len(left))
	}
}
