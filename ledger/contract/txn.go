package contract

import (
	"encoding/json"
	"fmt"

	"manx/ledger"
	"manx/ledger/receipt"
	"manx/privacy/notice"
)

// A txn is one command being applied: it reads the state as it was before, and
// keeps what it writes until every rule has passed.
type txn struct {
	genesis *ledger.Genesis
	state   ledger.State
	cmd     ledger.Command
	now     ledger.Time
	author  ledger.Party // Governor without keys of recovery for organisations

	writes  []write
	written map[ledger.Key]bool
	events  []ledger.Event
	tree    *receipt.Tree // nil until a receipt is added
	coins   int           // made so far, for their ids
	gathers bool          // pay only notes what is owed
	owed    []ledger.Output
	models  map[ledger.ModelID]ledger.Model // that were read

	// Read and changed by every proved job that the command ends, written once.
	standings []ledger.Standing // that changed
	drawn     []drawn           // lists of jobs that changed
	staked    []ledger.Stake
	stakes    struct{ read, changed bool }
}

type write struct {
	key   ledger.Key
	value []byte // nil deletes
}

// load reads what is kept under k; false when it is absent.
func load[T any](t *txn, k ledger.Key) (v T, ok bool, err error) {
	b, err := t.state.Get(k)
	if err != nil || b == nil {
		return v, false, err
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return v, false, fmt.Errorf("state under %s is damaged: %w", k, err)
	}
	return v, true, nil
}

// put keeps a write. No command writes a key twice: on Fabric the second would
// not see the first.
func (t *txn) put(k ledger.Key, v []byte) error {
	if t.written[k] {
		return fmt.Errorf("a command writes %s twice", k)
	}
	t.written[k] = true
	t.writes = append(t.writes, write{k, v})
	return nil
}

// save puts a value as JSON and tells of it, unless event is "".
func (t *txn) save(k ledger.Key, v any, event string) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s: %w", k, err)
	}
	if event != "" {
		t.tell(event, k, b)
	}
	return t.put(k, b)
}

func (t *txn) remove(k ledger.Key, event string) error {
	t.tell(event, k, nil)
	return t.put(k, nil)
}

func (t *txn) tell(event string, k ledger.Key, body []byte) {
	t.events = append(t.events, ledger.Event{Name: event, Key: k, Body: body, Cause: t.cmd.ID})
}

func (t *txn) flush() ([]ledger.Event, error) {
	if err := t.saveStakes(); err != nil {
		return nil, err
	}
	if t.tree != nil {
		if err := t.tree.Flush(t.put); err != nil {
			return nil, err
		}
	}
	for _, w := range t.writes {
		var err error
		if w.value == nil {
			err = t.state.Delete(w.key)
		} else {
			err = t.state.Put(w.key, w.value)
		}
		if err != nil {
			return nil, err
		}
	}
	if n := len(t.events); n > 0 {
		t.events[n-1].Last = true
	}
	return t.events, nil
}

// authenticate checks that the author signed the command with its present key,
// and loads who that is.
func (t *txn) authenticate(b ledger.Body) error {
	switch b := b.(type) {
	case ledger.RegisterParty:
		if !t.cmd.SignedBy(b.Key) || t.cmd.Author != ledger.NewPartyID(b.Vertical, b.Key) {
			return unsigned()
		}
		return nil
	case ledger.RecoverParty:
		p, ok, err := load[ledger.Party](t, ledger.KeyOf(t.cmd.Author))
		if err != nil {
			return err
		}
		if !ok || !t.cmd.SignedBy(b.Shown) || ledger.RecoveryHash(b.Shown) != p.Recovery {
			return unsigned()
		}
		t.author = p
		return nil
	}
	p, err := t.party(t.cmd.Author)
	if err != nil {
		return err
	}
	if !t.cmd.SignedBy(p.Key) {
		return unsigned()
	}
	t.author = p
	return nil
}

func unsigned() error {
	return refuse(notice.Denied, "the command is not signed by its author's current key",
		"use the keyring that holds it, or replace a lost key: `manx keys recover`")
}

// inTime checks the command's validity against contract time. Before the first
// tick nothing but a tick is possible.
func (t *txn) inTime(b ledger.Body) error {
	clock, _, err := load[ledger.Clock](t, ledger.NowKey)
	if err != nil {
		return err
	}
	t.now = clock.Now
	now := clock.Now
	if k, ok := b.(ledger.Tick); ok {
		now = max(now, k.Time) // the first tick has no time to be compared with
	} else if now == 0 {
		return refuse(notice.Unavailable, "the network has no time yet", "try again when a majority of its organisations run: `manx up`")
	}
	switch {
	case t.cmd.NotAfter < now:
		return refuse(notice.Expired, "the command's validity has ended", "sign it again; compare this device's clock with the network's")
	case t.cmd.NotAfter-now > ledger.MaxValidity:
		return refuse(notice.Invalid, "the command is valid for more than a day", "sign it again; compare this device's clock with the network's")
	}
	return nil
}

// party returns a registered party, or an organisation of the genesis.
func (t *txn) party(id ledger.PartyID) (ledger.Party, error) {
	if o, ok := t.genesis.Organisation(id); ok {
		return ledger.Party{ID: o.ID, Role: ledger.Governor, Name: o.Name, Key: o.Key, Sealing: o.Sealing}, nil
	}
	if ledger.CheckID(id, "p") != nil {
		return ledger.Party{}, refuse(notice.Invalid, "not the id of a party", "list yours: `manx keys show`")
	}
	p, ok, err := load[ledger.Party](t, ledger.KeyOf(id))
	if err != nil {
		return ledger.Party{}, err
	}
	if !ok {
		return ledger.Party{}, refuse(notice.NotFound, "a party the command names is not registered", "register it first: `manx keys new`")
	}
	return p, nil
}

// governed refuses a command that no majority of the organisations signed.
func (t *txn) governed() error {
	if t.author.Role != ledger.Governor || t.genesis.Endorsements(t.cmd) < t.genesis.Majority() {
		return refuse(notice.Denied, "a majority of the network's organisations must sign this", "ask the other organisations to cosign it")
	}
	return nil
}
