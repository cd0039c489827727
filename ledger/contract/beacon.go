package contract

import (
	"slices"

	"manx/ledger"
	"manx/privacy/notice"
)

// beacon returns the beacon, with a place for every organisation, and the author's.
func (t *txn) beacon() (b ledger.Beacon, at int, err error) {
	at = slices.IndexFunc(t.genesis.Organisations, func(o ledger.Organisation) bool { return o.ID == t.cmd.Author })
	if at < 0 {
		return b, at, refuse(notice.Denied, "only an organisation takes part in the beacon", "")
	}
	b, _, err = load[ledger.Beacon](t, ledger.BeaconKey)
	n := len(t.genesis.Organisations)
	if b.Links == nil {
		b.Links, b.Chains = make([]ledger.Hash, n), make([]ledger.BeaconChain, n)
	}
	return b, at, err
}

func commitBeacon(t *txn, c ledger.CommitBeacon) error {
	b, at, err := t.beacon()
	if err != nil {
		return err
	}
	now := ledger.EpochOf(t.now)
	b.Chains[at] = ledger.BeaconChain{Link: c.Link, Left: c.Length, From: now + 1, Last: now}
	return t.save(ledger.BeaconKey, b, ledger.BeaconMoved)
}

// revealBeacon takes one link. An epoch gives its value when all have revealed, or
// with the first link of a later one, where a majority had.
func revealBeacon(t *txn, r ledger.RevealBeacon) error {
	b, at, err := t.beacon()
	if err != nil {
		return err
	}
	c, now := b.Chains[at], ledger.EpochOf(t.now)
	switch {
	case c.Left == 0:
		return refuse(notice.Conflict, "the organisation has committed to no link", "commit to a chain first")
	case now < c.From || now <= c.Last:
		return refuse(notice.Conflict, "the organisation shows its next link in a later epoch", "")
	case ledger.NextLink(r.Link) != c.Link:
		return refuse(notice.Integrity, "the link is not the one the organisation committed to", "")
	}
	c.Link, c.Left, c.Last = r.Link, c.Left-1, now
	b.Chains[at] = c
	if b.Epoch != now {
		if err := t.mix(&b, t.genesis.Majority()); err != nil {
			return err
		}
		b.Epoch, b.Links = now, make([]ledger.Hash, len(b.Chains))
	}
	b.Links[at] = r.Link
	if err := t.mix(&b, len(b.Chains)); err != nil {
		return err
	}
	return t.save(ledger.BeaconKey, b, ledger.BeaconMoved)
}

// mix makes the value of the epoch that was gathered, once, where enough revealed.
func (t *txn) mix(b *ledger.Beacon, enough int) error {
	v := b.Latest.Mix(b.Epoch, b.Links)
	if b.Epoch <= b.Latest.Epoch || v.By < enough {
		return nil
	}
	b.Latest = v
	return t.save(ledger.BeaconValueKey(v.Number), v, "")
}

// drawing returns the value that draws what was ready at a time.
func (t *txn) drawing(number int64, ready ledger.Time) (v ledger.BeaconValue, err error) {
	v, ok, err := load[ledger.BeaconValue](t, ledger.BeaconValueKey(number))
	switch {
	case err != nil:
		return v, err
	case !ok || v.Number != number:
		return v, refuse(notice.NotFound, "the beacon has no such value, or has forgotten it", "draw by the first value after the job was ready")
	case !v.First(ready):
		return v, refuse(notice.Denied, "another value of the beacon draws this job", "draw by the first value after the job was ready")
	}
	return v, nil
}
