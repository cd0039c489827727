package owner

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"manx/ledger"
	"manx/privacy/keyring"
	"manx/privacy/notice"
	"manx/privacy/seal"
	"manx/storage/wraps"
)

// Rotate replaces the party's signing key and sealing identity. Records, MAN
// and grants stay: they belong to the PartyID. Wraps are made again for the new
// identity.
func (p *Party) Rotate(ctx context.Context) error {
	st, err := p.Keys.StageRotation()
	if err != nil {
		return err
	}
	if done, err := p.promoted(ctx, st); done || err != nil {
		return err
	}
	if _, err := p.Do(ctx, ledger.RotateKey{Key: st.Public, Sealing: st.Recipient.String()}); err != nil {
		return err
	}
	if err := p.Keys.Promote(); err != nil {
		return err
	}
	p.dropSession(p.token)
	return p.renewed(ctx)
}

// promoted finishes a rotation that the ledger knows already.
func (p *Party) promoted(ctx context.Context, st keyring.Stage) (bool, error) {
	on, err := Get[ledger.Party](ctx, p.Client, p.id)
	if err != nil || !on.Key.Equal(st.Public) {
		return false, err
	}
	if err := p.Keys.Promote(); err != nil {
		return false, err
	}
	return true, p.renewed(ctx)
}

// renewed is what follows on new keys: who is signed in by the old ones is signed out, and
// the keys of the records are wrapped, each whether or not the other fails.
func (p *Party) renewed(ctx context.Context) error {
	return errors.Join(p.signOutOthers(ctx), p.rewrap(ctx))
}

func (p *Party) signOutOthers(ctx context.Context) error {
	all, err := p.Sessions(ctx)
	for _, s := range all {
		if !s.Current {
			err = errors.Join(err, p.EndSession(ctx, s.ID))
		}
	}
	return err
}

// rewrap wraps the keys of the party's records for its current identity.
func (p *Party) rewrap(ctx context.Context) error {
	records, err := p.Records(ctx)
	if err != nil {
		return err
	}
	for _, r := range records {
		for v := 1; v <= len(r.Versions) && !r.Erased; v++ {
			key, err := p.RecordKey(ctx, r.ID, v)
			if err != nil {
				return err
			}
			if err := p.depositWrap(ctx, r.ID, v, key); err != nil {
				return err
			}
		}
	}
	return nil
}

// Backup stores the keyring, sealed under its recovery kit, with every
// organisation's release service. The newest replaces the older ones.
func (h *Home) Backup(ctx context.Context) error {
	b, err := h.Keys.Backup()
	if err != nil {
		return err
	}
	kit := h.Keys.Kit()
	c := NewClient(h.Network.Address, h.Network.Genesis.ID(), kitSigner{kit})
	defer c.Close()
	var errs []error
	for _, o := range h.Network.Genesis.Organisations {
		cmd, err := c.Sign(ctx, wraps.PutBackup{Service: o.ID, Key: kit.Public(), Sequence: b.Sequence, Digest: sha256.Sum256(b.Blob)})
		if err == nil {
			_, err = c.request(ctx, o.ID, wraps.Request{Command: cmd, Attached: b.Blob})
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	if n := len(errs); n > 0 && n < len(h.Network.Genesis.Organisations) {
		return notice.Because(errors.Join(errs...), notice.Partial, fmt.Sprintf("%d of %d organisations did not take the backup; the others have it", n, len(h.Network.Genesis.Organisations)),
			"repeat the command later")
	}
	return errors.Join(errs...)
}

// kitSigner signs for a recovery kit, which is no party on the ledger.
type kitSigner struct{ kit keyring.Kit }

func (s kitSigner) Party() ledger.PartyID  { return wraps.BackupAuthor(s.kit.Public()) }
func (s kitSigner) Sign(msg []byte) []byte { return s.kit.Sign(msg) }

// Recovered says what came back.
type Recovered struct {
	Parties []ledger.PartyID
	Records int
	Grants  int
	Balance map[ledger.PartyID]ledger.Amount
}

// Recover makes a home out of a recovery kit: it fetches the backup, replaces
// the lost signing keys on the ledger by commands of the recovery keys, wraps the
// record keys for new identities, and makes a new backup. Interrupted, it goes
// on when repeated with the same folder and passphrase.
func Recover(ctx context.Context, dir string, pass seal.Passphrase, kit keyring.Kit, address string) (*Home, Recovered, error) {
	var out Recovered
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, out, fmt.Errorf("make home: %w", err)
	}
	n, err := pin(ctx, dir, address)
	if err != nil {
		return nil, out, err
	}
	file := filepath.Join(dir, keyringFile)
	var keys *keyring.Keyring
	if _, serr := os.Stat(file); serr == nil {
		if keys, err = keyring.Open(file, pass); err == nil && !keys.Kit().Equal(kit) {
			err = errors.Join(notice.New(notice.Conflict, "the keyring in this folder belongs to another recovery kit", "choose another folder with --data"), keys.Close())
		}
	} else {
		keys, err = fetchKeyring(ctx, n, file, pass, kit)
	}
	if err != nil {
		return nil, out, err
	}
	h := &Home{dir, keys, n}
	if out, err = h.takeBack(ctx); err != nil {
		return nil, out, errors.Join(err, h.Close())
	}
	return h, out, h.Backup(ctx)
}

// fetchKeyring asks every organisation for the backup and takes the newest.
func fetchKeyring(ctx context.Context, n Network, file string, pass seal.Passphrase, kit keyring.Kit) (*keyring.Keyring, error) {
	c := NewClient(n.Address, n.Genesis.ID(), kitSigner{kit})
	defer c.Close()
	var blobs [][]byte
	var last error
	for _, o := range n.Genesis.Organisations {
		blob, err := c.Ask(ctx, o.ID, wraps.TakeBackup{Service: o.ID, Key: kit.Public()})
		if err != nil {
			last = err
			continue
		}
		blobs = append(blobs, blob)
	}
	if len(blobs) == 0 {
		return nil, last
	}
	return keyring.Recover(file, pass, kit, blobs...)
}

// takeBack puts every persona under new keys.
func (h *Home) takeBack(ctx context.Context) (out Recovered, err error) {
	out.Balance = map[ledger.PartyID]ledger.Amount{}
	for _, v := range h.Keys.Verticals() {
		p, err := h.As(ledger.Vertical(v))
		if err != nil {
			return out, err
		}
		defer p.Close()
		on, err := Get[ledger.Party](ctx, p.Client, p.id)
		if notice.Is(err, notice.NotFound) {
			continue // this persona was never registered
		}
		if err != nil {
			return out, err
		}
		if err := p.replaceKeys(ctx, on); err != nil {
			return out, err
		}
		if err := p.renewed(ctx); err != nil {
			return out, err
		}
		records, err := p.Records(ctx)
		if err != nil {
			return out, err
		}
		grants, err := p.Grants(ctx)
		if err != nil {
			return out, err
		}
		if out.Balance[p.id], err = p.Balance(ctx); err != nil {
			return out, err
		}
		out.Parties, out.Records, out.Grants = append(out.Parties, p.id), out.Records+len(records), out.Grants+len(grants)
	}
	return out, nil
}

func (p *Party) replaceKeys(ctx context.Context, on ledger.Party) error {
	st, staged, err := p.Keys.Staged()
	if err != nil {
		return err
	}
	if staged && on.Key.Equal(st.Public) {
		return p.Keys.Promote() // an interrupted try had told the ledger
	}
	if !staged && on.Key.Equal(p.Keys.Public()) {
		return nil // and had finished
	}
	if err := p.Keys.AlignRecovery(func(k ed25519.PublicKey) bool { return ledger.RecoveryHash(k) == on.Recovery }); err != nil {
		return err
	}
	if st, err = p.Keys.StageRecovery(); err != nil {
		return err
	}
	info, err := p.Info(ctx)
	if err != nil {
		return err
	}
	cmd, err := ledger.NewCommand(p.network, recoverySigner{p}, info.Now+600, ledger.RecoverParty{
		Key: st.Public, Sealing: st.Recipient.String(), Shown: p.Keys.Recovery(), Recovery: ledger.RecoveryHash(st.Recovery)})
	if err != nil {
		return err
	}
	if _, err := p.Submit(ctx, cmd); err != nil {
		return err
	}
	return p.Keys.Promote()
}

// recoverySigner signs for a party with its recovery key.
type recoverySigner struct{ p *Party }

func (s recoverySigner) Party() ledger.PartyID  { return s.p.id }
func (s recoverySigner) Sign(msg []byte) []byte { return s.p.Keys.SignRecovery(msg) }
