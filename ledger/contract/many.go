package contract

import (
	"errors"

	"manx/ledger"
	"manx/privacy/notice"
)

// each runs rules one after the other, every one on the state before the command. They
// write different keys, but for the receipt tree, which the command holds in memory, and
// the coins, which are made at the end: one for each payee and role. What a rule wrote
// that is refused in the end is taken back; where all are refused the command is, for
// the first's reason. A fault of the ledger's ends the command whole.
func (t *txn) each(rules []func() error) error {
	var first error
	t.gathers = true
	taken := 0
	for _, rule := range rules {
		writes, events, owed := len(t.writes), len(t.events), len(t.owed)
		err := rule()
		if err == nil {
			taken++
			continue
		}
		if _, refused := errors.AsType[*notice.Error](err); !refused || notice.Is(err, notice.Internal) {
			return err
		}
		if first == nil {
			first = err
		}
		for _, w := range t.writes[writes:] {
			delete(t.written, w.key)
		}
		t.writes, t.events, t.owed = t.writes[:writes], t.events[:events], t.owed[:owed]
	}
	t.gathers = false
	if taken == 0 {
		return first
	}
	return t.payOwed()
}

// payOwed makes the coins that the command's steps owe, in the order in which their
// payees came.
func (t *txn) payOwed() error {
	type as struct {
		to   ledger.PartyID
		role string
	}
	at := map[as]int{}
	var sums []ledger.Output
	for _, o := range t.owed {
		k := as{o.To, o.As}
		i, ok := at[k]
		if !ok {
			at[k] = len(sums)
			sums = append(sums, o)
			continue
		}
		sum, err := sums[i].Amount.Add(o.Amount)
		if err != nil {
			return err
		}
		sums[i].Amount = sum
	}
	return t.pay(sums)
}

func workJobs(t *txn, b ledger.WorkJobs) error {
	if t.author.Role != ledger.Worker {
		return refuse(notice.Denied, "only a worker claims jobs", "register as one: `manx worker run`")
	}
	rules := make([]func() error, 0, len(b.Results)+len(b.Claims))
	for _, r := range b.Results {
		rules = append(rules, func() error { return postResult(t, r) })
	}
	for _, id := range b.Claims {
		rules = append(rules, func() error { return claimJob(t, ledger.ClaimJob{Job: id}) })
	}
	return t.each(rules)
}

func settleJobs(t *txn, b ledger.SettleJobs) error {
	rules := make([]func() error, 0, len(b.Accept)+len(b.Close))
	for _, id := range b.Accept {
		rules = append(rules, func() error { return acceptJob(t, ledger.AcceptJob{Job: id}) })
	}
	for _, id := range b.Close {
		rules = append(rules, func() error { return closeJob(t, ledger.CloseJob{Job: id}) })
	}
	return t.each(rules)
}
