package contract

import (
	"slices"

	"manx/ledger"
	"manx/ledger/receipt"
	"manx/privacy/notice"
)

// tick moves contract time: the median of the organisations' latest ticks,
// where one that never ticked counts as 0 and of an even number the lower
// median counts, so that a majority has seen the time that the contract has.
func tick(t *txn, b ledger.Tick) error {
	if t.author.Role != ledger.Governor {
		return refuse(notice.Denied, "only an organisation tells the time", "")
	}
	clock, _, err := load[ledger.Clock](t, ledger.NowKey)
	if err != nil {
		return err
	}
	if b.Time <= clock.Ticks[t.cmd.Author] {
		return refuse(notice.Conflict, "the organisation has told this time or a later one already", "")
	}
	next := ledger.Clock{Ticks: map[ledger.PartyID]ledger.Time{}}
	var times []ledger.Time
	for _, o := range t.genesis.Organisations {
		at := clock.Ticks[o.ID]
		if o.ID == t.cmd.Author {
			at = b.Time
		}
		if at != 0 {
			next.Ticks[o.ID] = at
		}
		times = append(times, at)
	}
	slices.Sort(times)
	next.Now = max(clock.Now, times[(len(times)-1)/2])
	return t.save(ledger.NowKey, next, ledger.TimeTicked)
}

// checkpoint keeps the organisations' word on the receipt tree, after checking
// it against the tree.
func checkpoint(t *txn, b ledger.Checkpoint) error {
	if err := t.governed(); err != nil {
		return err
	}
	old, ok, err := load[ledger.Command](t, ledger.CheckpointKey)
	if err != nil {
		return err
	}
	if ok {
		var was ledger.Checkpoint
		if err := ledger.Decode(old.Body, &was); err != nil {
			return err
		}
		if b.Size <= was.Size {
			return refuse(notice.Conflict, "a checkpoint over as many receipts exists", "sign the present root")
		}
	}
	tree, err := receipt.Open(t.state.Get)
	if err != nil {
		return err
	}
	if b.Size > tree.Size() {
		return refuse(notice.Invalid, "the checkpoint covers more receipts than there are", "sign the present root")
	}
	root, err := tree.Root(b.Size)
	if err != nil {
		return err
	}
	if root != b.Root {
		return refuse(notice.Integrity, "the checkpoint's root is not the root of the receipts", "compare the ledgers of the organisations: `manx audit`")
	}
	return t.save(ledger.CheckpointKey, t.cmd, ledger.ReceiptCheckpointed)
}
