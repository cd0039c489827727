package contract

import (
	"slices"
	"strings"

	"manx/ledger"
	"manx/ledger/proof"
	"manx/privacy/notice"
)

// allStakes returns all stakes, by worker, and the place of a worker's or where it
// would stand.
func (t *txn) allStakes(worker ledger.PartyID) (all []ledger.Stake, at int, ok bool, err error) {
	if !t.stakes.read {
		if t.staked, _, err = load[[]ledger.Stake](t, ledger.StakesKey); err != nil {
			return nil, 0, false, err
		}
		t.stakes.read = true
	}
	at, ok = find(t.staked, worker)
	return t.staked, at, ok, nil
}

func (t *txn) setStakes(all []ledger.Stake) { t.staked, t.stakes.changed = all, true }

func (t *txn) standing(worker ledger.PartyID) (ledger.Standing, error) {
	for _, s := range t.standings {
		if s.Worker == worker {
			return s, nil
		}
	}
	s, _, err := load[ledger.Standing](t, ledger.StandingKey(worker))
	s.Worker = worker
	return s, err
}

func (t *txn) setStanding(s ledger.Standing) {
	if i := slices.IndexFunc(t.standings, func(o ledger.Standing) bool { return o.Worker == s.Worker }); i >= 0 {
		t.standings[i] = s
		return
	}
	t.standings = append(t.standings, s)
}

// drawnFor changes the list of a job's side of the jobs that a worker is drawn for.
func (t *txn) drawnFor(worker ledger.PartyID, j ledger.JobID, change func([]ledger.JobID) []ledger.JobID) error {
	k := ledger.DrawnKey(ledger.VerticalOf(j), worker)
	at := slices.IndexFunc(t.drawn, func(d drawn) bool { return d.key == k })
	if at < 0 {
		open, _, err := load[[]ledger.JobID](t, k)
		if err != nil {
			return err
		}
		at, t.drawn = len(t.drawn), append(t.drawn, drawn{k, open})
	}
	t.drawn[at].jobs = change(t.drawn[at].jobs)
	return nil
}

// drawn is what a worker is drawn for on one side.
type drawn struct {
	key  ledger.Key
	jobs []ledger.JobID
}

// saveStakes writes what the command changed of standings, of what they are drawn for,
// and of stakes.
func (t *txn) saveStakes() error {
	for _, s := range t.standings {
		if err := t.save(ledger.StandingKey(s.Worker), s, ledger.StandingChanged); err != nil {
			return err
		}
	}
	for _, d := range t.drawn {
		if err := t.save(d.key, d.jobs, ledger.DrawnChanged); err != nil {
			return err
		}
	}
	if !t.stakes.changed {
		return nil
	}
	return t.save(ledger.StakesKey, t.staked, ledger.StakesChanged)
}

func find(all []ledger.Stake, worker ledger.PartyID) (at int, ok bool) {
	return slices.BinarySearchFunc(all, worker, func(s ledger.Stake, w ledger.PartyID) int { return strings.Compare(string(s.Worker), string(w)) })
}

func lockStake(t *txn, b ledger.LockStake) error {
	if ledger.VerticalOf(t.cmd.Author) != ledger.Common {
		return refuse(notice.Denied, "stakes are locked by those who serve both sides: workers, holders and organisations", "lock it as the worker's own party: `manx worker stake`")
	}
	p, err := t.party(b.Worker)
	if err != nil {
		return err
	}
	if p.Role != ledger.Worker {
		return refuse(notice.Denied, "a stake is locked for a worker", "register one: `manx worker run`")
	}
	all, at, ok, err := t.allStakes(b.Worker)
	switch {
	case err != nil:
		return err
	case ok && all[at].Operator != t.cmd.Author:
		return refuse(notice.Denied, "another operator has locked a stake for this worker", "it gives notice first: `manx worker unstake`")
	case ok && all[at].Notice != 0:
		return refuse(notice.Conflict, "notice of this stake is given", "take it back first: `manx worker unstake`")
	case !ok && len(all) >= ledger.MaxStakes:
		return refuse(notice.Exhausted, "as many workers have a stake as can", "")
	}
	sum, err := t.spend(b.Fund)
	if err != nil {
		return err
	}
	change, err := sum.Sub(b.Amount)
	if err != nil {
		return refuse(notice.Exhausted, "the coins given do not cover the stake", "see what you hold: `manx wallet balance`")
	}
	s := ledger.Stake{Worker: b.Worker, Operator: t.cmd.Author, Amount: b.Amount, Since: t.now}
	if ok {
		if s.Amount, err = all[at].Amount.Add(b.Amount); err != nil {
			return err
		}
		all[at] = s
	} else {
		all = slices.Insert(all, at, s)
	}
	if s.Amount.Cmp(ledger.MinStake()) < 0 {
		return refuse(notice.Invalid, "a stake is "+ledger.MinStake().String()+" MAN or more", "lock more")
	}
	t.setStakes(all)
	if change.IsZero() {
		return nil
	}
	return t.pay([]ledger.Output{{To: t.cmd.Author, Amount: change}})
}

func freeStake(t *txn, b ledger.FreeStake) error {
	all, at, ok, err := t.allStakes(b.Worker)
	if err != nil {
		return err
	}
	if !ok || t.cmd.Author != b.Worker && t.cmd.Author != all[at].Operator {
		return refuse(notice.NotFound, "the author has no stake for such a worker", "see yours: `manx worker stake`")
	}
	if all[at].Notice == 0 {
		all[at].Notice = t.now
		t.setStakes(all)
		return nil
	}
	st, err := t.standing(b.Worker)
	switch {
	case err != nil:
		return err
	case t.now < all[at].Notice+ledger.NoticePeriod:
		return refuse(notice.Conflict, "the stake is held for seven days after notice", "ask again then: `manx worker unstake`")
	case st.Open > 0:
		return refuse(notice.Conflict, "a job that drew the worker has not ended", "ask again later: `manx worker unstake`")
	}
	out := []ledger.Output{{To: all[at].Operator, Amount: all[at].Amount}}
	t.setStakes(slices.Delete(all, at, at+1))
	return t.pay(out)
}

// punish takes from stakes what a job's verdicts cost and gives the stated part
// to those who were right and the rest to the exchange.
func (t *txn) punish(of []ledger.Replica, verdicts []proof.Verdict) error {
	all, _, _, err := t.allStakes("")
	if err != nil {
		return err
	}
	lost, changed := ledger.Amount{}, false
	var right []ledger.PartyID
	for i, r := range of {
		if verdicts[i] == proof.Right {
			right = append(right, r.Worker)
		}
		at, ok := find(all, r.Worker)
		if !ok {
			continue
		}
		p := proof.Penalty(all[at].Amount, verdicts[i])
		if p.IsZero() {
			continue
		}
		if all[at].Amount, err = all[at].Amount.Sub(p); err != nil {
			return err
		}
		if lost, err = lost.Add(p); err != nil {
			return err
		}
		changed = true
	}
	if !changed {
		return nil
	}
	t.setStakes(all)
	out, err := divided(lost, proof.Share(lost, len(right)), right, Exchange(*t.genesis))
	if err != nil {
		return err
	}
	return t.pay(out)
}

// divided gives each of some a share of a sum, and the rest to another.
func divided(sum, share ledger.Amount, to []ledger.PartyID, rest ledger.PartyID) (out []ledger.Output, err error) {
	for _, p := range to {
		if share.IsZero() {
			break
		}
		if sum, err = sum.Sub(share); err != nil {
			return nil, err
		}
		out = append(out, ledger.Output{To: p, Amount: share})
	}
	if !sum.IsZero() {
		out = append(out, ledger.Output{To: rest, Amount: sum})
	}
	return out, nil
}
