package owner

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/privacy/seal"
	"manx/storage/vault"
	"manx/storage/wraps"
)

// keyName is where the keyring keeps the key of one version of a record.
func keyName(r ledger.RecordID, version int) string { return string(r) + "/" + strconv.Itoa(version) }

// Registered is a deposit that the ledger knows.
type Registered struct {
	Record  ledger.RecordID
	Version int
}

// RegisterDeposit puts a deposit on the ledger: as a record of its own where
// prev is "", and otherwise as that record's next version. It keeps the key, and
// a wrap of it with the organisations that serve the record, so that another
// device of the owner's, or she after a recovery, can open it. Repeating it
// after an interruption registers nothing twice.
func (p *Party) RegisterDeposit(ctx context.Context, d vault.Deposit, prev ledger.RecordID, as ledger.RegisterRecord) (Registered, error) {
	as.Manifest, as.Digest = d.Manifest, d.Digest
	var body ledger.Body = as
	version := 1
	if prev != "" {
		r, err := Get[ledger.Record](ctx, p.Client, prev)
		if err != nil {
			return Registered{}, err
		}
		latest, n := r.Latest()
		if version = n + 1; latest.Manifest == d.Manifest {
			version = n // the interrupted try had amended it
		}
		body = ledger.AmendRecord{Record: prev, Version: version, Manifest: d.Manifest, Digest: d.Digest}
	}
	cmd, done, err := p.once(ctx, "deposit/"+d.Manifest.String(), body)
	if err != nil {
		return Registered{}, err
	}
	id := prev
	if prev == "" {
		id = ledger.NewRecordID(p.Vertical(), cmd.ID)
	}
	if err := p.Keys.SetRecordKey(keyName(id, version), d.Key); err != nil {
		return Registered{}, err
	}
	if err := p.depositWrap(ctx, id, version, d.Key); err != nil {
		return Registered{}, err
	}
	if err := p.renewParts(ctx, id, version, d.Key); err != nil {
		return Registered{}, err
	}
	return Registered{id, version}, done()
}

// services returns the two organisations whose release services hold the parts
// of a vertical's keys: the one that serves the vertical, and the exchange.
func (p *Party) services() ([2]ledger.PartyID, error) {
	var out [2]ledger.PartyID
	for _, o := range p.Home.Network.Genesis.Organisations {
		switch o.Serves {
		case p.Vertical():
			out[0] = o.ID
		case ledger.Common:
			out[1] = o.ID
		}
	}
	if out[0] == "" || out[1] == "" {
		return out, notice.New(notice.Unsupported, "this network has no two release services for the vertical", "join a network with an organisation for it and an exchange")
	}
	return out, nil
}

// depositWrap keeps the owner's own wrap with both services.
func (p *Party) depositWrap(ctx context.Context, r ledger.RecordID, version int, key seal.Key) error {
	to, err := p.Keys.Recipient()
	if err != nil {
		return err
	}
	w, err := seal.Wrap(key, to)
	if err != nil {
		return err
	}
	services, err := p.services()
	if err != nil {
		return err
	}
	for _, s := range services {
		if _, err := p.Ask(ctx, s, wraps.PutWrap{Service: s, Record: r, Version: version, Wrap: w}); err != nil {
			return err
		}
	}
	return nil
}

// RecordKey returns the key of a version of a record of the party's own, from
// the keyring or, on a device that has just been recovered, from a service.
func (p *Party) RecordKey(ctx context.Context, r ledger.RecordID, version int) (seal.Key, error) {
	key, err := p.Keys.RecordKey(keyName(r, version))
	if !notice.Is(err, notice.NotFound) {
		return key, err
	}
	services, serr := p.services()
	if serr != nil {
		return key, serr
	}
	for _, s := range services {
		w, werr := p.Ask(ctx, s, wraps.TakeWrap{Service: s, Record: r, Version: version})
		if werr != nil {
			err = werr
			continue
		}
		if key, err = p.Keys.Unwrap(w); err == nil {
			return key, p.Keys.SetRecordKey(keyName(r, version), key)
		}
	}
	return key, err
}

// OpenOwn opens a version of a record of the party's own; 0 is the latest.
func (p *Party) OpenOwn(ctx context.Context, id ledger.RecordID, version int) (*vault.Record, ledger.Record, error) {
	r, err := Get[ledger.Record](ctx, p.Client, id)
	if err != nil {
		return nil, r, err
	}
	v, n, err := versionOf(r, version)
	if err != nil {
		return nil, r, err
	}
	key, err := p.RecordKey(ctx, id, n)
	if err != nil {
		return nil, r, err
	}
	opened, err := openVersion(ctx, p.Vault, v, key)
	return opened, r, err
}

func versionOf(r ledger.Record, version int) (ledger.Version, int, error) {
	if r.Erased {
		return ledger.Version{}, 0, notice.New(notice.Denied, "the record was erased by its owner", "nothing brings it back")
	}
	if version == 0 {
		version = len(r.Versions)
	}
	if version < 1 || version > len(r.Versions) {
		return ledger.Version{}, 0, notice.New(notice.NotFound, "the record has no such version", "`manx study show` lists its versions")
	}
	return r.Versions[version-1], version, nil
}

// openVersion opens a version and compares it with the ledger's digest.
func openVersion(ctx context.Context, v *vault.Vault, of ledger.Version, key seal.Key) (*vault.Record, error) {
	opened, err := v.OpenRecord(ctx, of.Manifest, key)
	if err != nil {
		return nil, err
	}
	if opened.Digest() != of.Digest {
		return nil, notice.New(notice.Integrity, "the stored record is not the one registered on the ledger", "ask its owner to store it again")
	}
	return opened, nil
}

// Records lists the party's own records, newest first.
func (p *Party) Records(ctx context.Context) ([]ledger.Record, error) {
	all, err := Mine[ledger.Record](ctx, p.Client, "rec")
	return slices.DeleteFunc(all, func(r ledger.Record) bool { return r.Owner != p.id }), err
}

// Erase ends a record and every grant on it, then destroys its wraps, keys and
// shards. It says what could not be destroyed.
func (p *Party) Erase(ctx context.Context, id ledger.RecordID) error {
	r, err := Get[ledger.Record](ctx, p.Client, id)
	if err != nil {
		return err
	}
	if !r.Erased {
		_, done, err := p.once(ctx, "erase/"+string(id), ledger.EraseRecord{Record: id})
		if err != nil {
			return err
		}
		if err := done(); err != nil {
			return err
		}
	}
	var errs []error
	services, err := p.services()
	errs = append(errs, err)
	for _, s := range services {
		_, err := p.Ask(ctx, s, wraps.DropWrap{Service: s, Record: id})
		errs = append(errs, err)
	}
	for i := range r.Versions {
		errs = append(errs, p.Keys.DropRecordKey(keyName(id, i+1)))
	}
	for _, v := range r.Versions {
		if err := p.Vault.Erase(ctx, v.Manifest); err != nil && !notice.Is(err, notice.NotFound) {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return notice.Because(err, notice.Partial, "the record is erased on the ledger and its grants are void, but not every copy could be destroyed",
			"repeat the command: it goes on where it stopped")
	}
	return nil
}
