package contract

import (
	"slices"

	"manx/ledger"
	"manx/privacy/notice"
)

// present returns the network's committee, ok false where it has none.
func (t *txn) present() (c ledger.Committee, ok bool, err error) {
	id, ok, err := load[ledger.CommitteeID](t, ledger.CommitteeNow)
	if err != nil || !ok {
		return c, false, err
	}
	return load[ledger.Committee](t, ledger.KeyOf(id))
}

// proposeCommittee names those who are to hold a key together. The charter is
// theirs to check: each signs later that it holds a share under it.
func proposeCommittee(t *txn, b ledger.ProposeCommittee) error {
	c := ledger.Committee{ID: ledger.NewCommitteeID(t.cmd.ID), Organisations: b.Organisations, Need: b.Need,
		Charter: b.Charter, After: b.After, Proposed: t.now, Said: make([]ledger.Hash, len(b.Organisations))}
	for _, o := range b.Organisations {
		if _, ok := t.genesis.Organisation(o); !ok {
			return refuse(notice.Denied, "a committee's members are organisations of the network", "read who they are: `manx audit`")
		}
		s, ok, err := t.seat(o)
		if err != nil {
			return err
		}
		if !ok || s.Sealing == "" {
			return refuse(notice.Unavailable, "an organisation's holder takes no part in committees", "it runs one: `manx party run`")
		}
		c.Holders = append(c.Holders, s.Holder)
	}
	if c.Holders[0] != t.cmd.Author {
		return refuse(notice.Denied, "the holder of the first member proposes a committee", "`manx party status` says who that is")
	}
	now, ok, err := t.present()
	if err != nil {
		return err
	}
	if b.After != "" && (!ok || now.ID != b.After) {
		return refuse(notice.Conflict, "another committee holds the key now", "read it: `manx party status`")
	}
	return t.save(ledger.KeyOf(c.ID), c, ledger.CommitteeChanged)
}

// joinCommittee keeps one member's word. With the last, if all name one key, the
// committee is the network's.
func joinCommittee(t *txn, b ledger.JoinCommittee) error {
	c, ok, err := load[ledger.Committee](t, ledger.KeyOf(b.Committee))
	if err != nil {
		return err
	}
	at := c.Place(t.cmd.Author)
	switch {
	case !ok || at < 0:
		return refuse(notice.NotFound, "the author is a member of no such committee", "read who are: `manx party status`")
	case !c.Said[at].IsZero():
		return refuse(notice.Conflict, "the member has said so already", "")
	case b.Charter != c.CharterHash():
		return refuse(notice.Integrity, "the member has agreed to another charter", "read it again")
	case (at == 0) != !b.Public.IsZero():
		return refuse(notice.Invalid, "the first member stores the public key", "")
	}
	was, ok, err := t.present()
	if err != nil {
		return err
	}
	if c.After != "" && (!ok || was.ID != c.After || was.Key != b.Key) {
		return refuse(notice.Conflict, "the key is another than the one that was to be shared anew", "propose again")
	}
	c.Said = slices.Clone(c.Said)
	c.Said[at] = b.Key
	if at == 0 {
		c.Public = b.Public
	}
	if !slices.ContainsFunc(c.Said, func(h ledger.Hash) bool { return h != b.Key }) {
		c.Key, c.Ready = b.Key, t.now
		if err := t.save(ledger.CommitteeNow, c.ID, ""); err != nil {
			return err
		}
	}
	if err := t.save(ledger.JoinedKey(c.ID, at), t.cmd, ""); err != nil {
		return err
	}
	return t.save(ledger.KeyOf(c.ID), c, ledger.CommitteeChanged)
}

// commissionKeys has members make evaluation keys. One that came to nothing is
// replaced.
func commissionKeys(t *txn, b ledger.CommissionKeys) error {
	c, ok, err := t.present()
	if err != nil {
		return err
	}
	if !ok {
		return refuse(notice.Unavailable, "the network has no committee", "its organisations run one: `manx party run`")
	}
	if len(b.Serve) != c.Need || b.Serve[0] != t.cmd.Author {
		return refuse(notice.Denied, "as many members as the committee needs make keys, and the first of them asks for it", "read who they are: `manx party status`")
	}
	for i, h := range b.Serve {
		if c.Place(h) < 0 || slices.Contains(b.Serve[:i], h) {
			return refuse(notice.Denied, "only the committee's members make its keys", "read who they are: `manx party status`")
		}
	}
	m, err := t.model(b.Model)
	if err != nil {
		return err
	}
	if m.Joint.IsZero() || m.Retired {
		return refuse(notice.Unsupported, "the model is not on offer with a plan for a committee", "read it: `manx model show`")
	}
	k := ledger.CommitteeKeysKey(m.ID, c.Key)
	was, ok, err := load[ledger.CommitteeKeys](t, k)
	if err != nil {
		return err
	}
	if ok && was.Ready != 0 {
		return refuse(notice.Conflict, "the committee has made the keys for this model", "")
	}
	return t.save(k, ledger.CommitteeKeys{Model: m.ID, Committee: c.ID, Commission: b.Commission, Serve: b.Serve, Asked: t.now,
		Said: make([]ledger.Hash, len(b.Serve))}, ledger.CommitteeKeyed)
}

// postKeys keeps the word of one of those that made keys.
func postKeys(t *txn, b ledger.PostKeys) error {
	c, ok, err := load[ledger.Committee](t, ledger.KeyOf(b.Committee))
	if err != nil {
		return err
	}
	key := ledger.CommitteeKeysKey(b.Model, c.Key)
	k, found, err := load[ledger.CommitteeKeys](t, key)
	if err != nil {
		return err
	}
	at := slices.Index(k.Serve, t.cmd.Author)
	switch {
	case !ok || !found || at < 0 || k.Committee != c.ID:
		return refuse(notice.NotFound, "the author was not asked for such keys", "")
	case !k.Said[at].IsZero():
		return refuse(notice.Conflict, "the member has said so already", "")
	case (at == 0) != !b.Keys.IsZero():
		return refuse(notice.Invalid, "the first member stores the keys", "")
	}
	k.Said = slices.Clone(k.Said)
	k.Said[at] = b.Hash
	if at == 0 {
		k.Keys = b.Keys
	}
	if !slices.ContainsFunc(k.Said, func(h ledger.Hash) bool { return h != b.Hash }) {
		k.Hash, k.Ready = b.Hash, t.now
	}
	return t.save(key, k, ledger.CommitteeKeyed)
}

// jointly has a worker compute a job on shares first, under the committee's key:
// the three that hold shares are its members.
func (t *txn) jointly(j *ledger.Job, g ledger.Grant) error {
	c, ok, err := t.present()
	if err != nil {
		return err
	}
	if !ok || c.Key != g.Key {
		return refuse(notice.Unavailable, "the file is encrypted under no key that a committee holds now", "ask on shares alone: `manx credit request --by mpc`")
	}
	for _, h := range j.Holders {
		if c.Place(h) < 0 {
			return refuse(notice.Unavailable, "an organisation that holds a share is no member of the committee now", "ask on shares alone: `manx credit request --by mpc`")
		}
	}
	k, ok, err := load[ledger.CommitteeKeys](t, ledger.CommitteeKeysKey(j.Model, c.Key))
	if err != nil {
		return err
	}
	if !ok || k.Ready == 0 {
		return refuse(notice.Unavailable, "the committee has made no keys for this model yet", "ask again in a moment, or on shares alone: `manx credit request --by mpc`")
	}
	j.Committee, j.EvalKeys = c.ID, k.Keys
	j.Inputs = append(j.Inputs, g.Input)
	return nil
}
