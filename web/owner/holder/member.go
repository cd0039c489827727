package holder

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"manx/ledger"
	"manx/privacy/ckks"
	"manx/privacy/ckks/committee"
	"manx/privacy/notice"
	"manx/web/owner/holder/council"
)

// What a holder does as a member of the network's committee: it makes a key with
// the others, keeps its share sealed to itself, shares it anew when another takes
// a seat, and makes evaluation keys for models. The holder of the first
// organisation proposes all that; each checks it for itself.

const (
	tendEvery  = 2 * time.Second  // how often the first holder looks what is to be done
	tendAgain  = 60 * time.Second // until it asks again for what came to nothing
	conferring = 60 * time.Second // the longest that members confer
	// nearCap is how many values a member has left to open when a new key is
	// founded: enough for the jobs that run meanwhile.
	nearCap = 1 << 10
)

// A membership is what goes on in committees.
type membership struct {
	busy   map[string]bool // foundings and commissions that run here
	asked  map[string]time.Time
	tended time.Time
	member *committee.Member // of the committee used last
	under  ledger.CommitteeID
	books  map[ledger.CommitteeID]committee.Journal
}

func memberName(c ledger.CommitteeID) string { return "committee/" + string(c) + "/member" }

func forgedName(key ledger.Hash, m ledger.ModelID) string {
	return "forged/" + key.String() + "/" + string(m)
}

// memberOf returns the holder's share of a committee's key.
func (h *Holder) memberOf(ctx context.Context, c ledger.Committee) (*committee.Member, error) {
	charter, err := committee.ReadCharter(c.Charter)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	m := h.seat.member
	h.mu.Unlock()
	if m != nil && m.Charter().ID() == charter.ID() {
		return m, nil
	}
	kept, err := h.Store.Get(ctx, memberName(c.ID))
	if err != nil {
		return nil, err
	}
	if m, err = committee.ReadMember(charter, h.Identity, kept); err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seat.member, h.seat.under = m, c.ID
	return m, nil
}

// memberJournal opens what the member of a committee has given.
func (h *Holder) memberJournal(c ledger.CommitteeID) (committee.Journal, error) {
	dir := filepath.Join(h.Journals, "committee", string(c))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make journal: %w", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if j := h.seat.books[c]; j != nil {
		return j, nil
	}
	j, err := committee.OpenFiles(dir)
	if err == nil {
		h.seat.books[c] = j
	}
	return j, err
}

// aside does something that a holder does once, beside its other duties.
func (h *Holder) aside(ctx context.Context, what string, do func(context.Context) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.seat.busy[what] {
		return
	}
	h.seat.busy[what] = true
	h.work.Go(func() {
		conferring, cancel := context.WithTimeout(ctx, conferring)
		defer cancel()
		err := do(conferring)
		h.mu.Lock()
		delete(h.seat.busy, what)
		h.mu.Unlock()
		if ctx.Err() == nil {
			level := slog.LevelInfo
			if err != nil {
				level = slog.LevelWarn
			}
			h.Log.Log(ctx, level, "conferred with the committee's members", "on", what, "err", err)
		}
	})
}

// seeCommittee takes part in what a proposal is about, where this holder is a
// member of it and has not done so. With a committee that has followed, the share
// under the one before is destroyed.
func (h *Holder) seeCommittee(ctx context.Context, id ledger.CommitteeID) error {
	if h.Identity.IsZero() {
		return nil
	}
	c, err := h.Party.CommitteeOf(ctx, id)
	if err != nil {
		return err
	}
	if c.Ready != 0 {
		return h.followed(ctx, c)
	}
	at := c.Place(h.Party.ID())
	dealer := -1
	var before ledger.Committee
	if c.After != "" {
		if before, err = h.Party.CommitteeOf(ctx, c.After); err != nil {
			return err
		}
		dealer = before.Place(h.Party.ID())
	}
	if at < 0 && dealer < 0 || at >= 0 && !c.Said[at].IsZero() || !slices.ContainsFunc(c.Said, ledger.Hash.IsZero) {
		return nil
	}
	info, err := h.Party.Info(ctx)
	if err != nil {
		return err
	}
	if info.Now > c.Proposed+ledger.Time(conferring/time.Second) {
		return nil // it came to nothing
	}
	h.aside(ctx, string(c.ID), func(ctx context.Context) error { return h.confer(ctx, c, before, at) })
	return nil
}

// followed destroys what this holder keeps under committees that a present one
// has followed.
func (h *Holder) followed(ctx context.Context, c ledger.Committee) error {
	if c.After == "" {
		return nil // jobs under the one before end as they can
	}
	names, err := h.Store.Names(ctx, "committee/"+string(c.After))
	if err != nil {
		return err
	}
	for _, n := range names {
		err = errors.Join(err, h.Store.Destroy(ctx, n))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if m := h.seat.member; m != nil && h.seat.under == c.After {
		m.Destroy()
		h.seat.member = nil
	}
	return err
}

// confer founds a key with the other members, or shares one anew, and says so. A
// share that is kept already, as before a crash, is only told of.
func (h *Holder) confer(ctx context.Context, c, before ledger.Committee, at int) error {
	charter, seats, err := h.Party.CharterOf(ctx, c)
	if err != nil {
		return err
	}
	var m *committee.Member
	if at >= 0 {
		if m, err = h.memberOf(ctx, c); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if m == nil {
		if c.After == "" {
			m, err = h.found(ctx, c, charter, seats, at)
		} else {
			m, err = h.reshare(ctx, c, before, charter, seats)
		}
		if err != nil || m == nil {
			return err
		}
	}
	return h.join(ctx, c, m, at)
}

// session names what members confer on, once.
func (h *Holder) conference(what string, subject []byte) [32]byte {
	return sha256.Sum256(fmt.Appendf(nil, "manx/conference/v1\x00%s\x00%s\x00%s", h.Party.Home.Network.Genesis.ID(), what, subject))
}

func peersOf(seats []ledger.Seat) (out []council.Peer) {
	for _, s := range seats {
		out = append(out, council.Peer{Address: s.Address, Key: s.Key})
	}
	return out
}

func (h *Holder) found(ctx context.Context, c ledger.Committee, charter *committee.Charter, seats []ledger.Seat, at int) (m *committee.Member, err error) {
	if err := h.wantsNewKey(ctx); err != nil {
		return nil, err
	}
	t, err := council.Sit(ctx, h.Wire, h.conference("found", []byte(c.ID)), at, peersOf(seats))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	if m, err = council.Found(ctx, t, charter, h.Identity); err != nil {
		return nil, err
	}
	return m, h.keep(ctx, c.ID, m)
}

// wantsNewKey refuses a new key while the present one serves: files that were
// encrypted under it would be lost to who is away.
func (h *Holder) wantsNewKey(ctx context.Context) error {
	c, err := h.Party.CommitteeNow(ctx)
	if notice.Is(err, notice.Unavailable) && errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if c.Place(h.Party.ID()) < 0 {
		return nil // it holds no share of it
	}
	left, err := h.left(ctx, c)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // its share is lost
	}
	if err == nil && left > nearCap {
		err = notice.New(notice.Denied, "the committee's key still serves; this member takes part in no other", "share it anew instead")
	}
	return err
}

// left returns how many values the holder's share of a committee's key still opens.
func (h *Holder) left(ctx context.Context, c ledger.Committee) (int, error) {
	m, err := h.memberOf(ctx, c)
	if err != nil {
		return 0, err
	}
	j, err := h.memberJournal(c.ID)
	if err != nil {
		return 0, err
	}
	return m.Left(j)
}

func (h *Holder) keep(ctx context.Context, id ledger.CommitteeID, m *committee.Member) error {
	kept, err := m.Keep()
	if err != nil {
		return err
	}
	return h.Store.Put(ctx, memberName(id), kept)
}

// join tells the ledger which key this holder keeps a share of. The first member
// stores the public key.
func (h *Holder) join(ctx context.Context, c ledger.Committee, m *committee.Member, at int) error {
	var public bytes.Buffer
	if _, err := m.PublicKey().WriteTo(&public); err != nil {
		return fmt.Errorf("write public key: %w", err)
	}
	b := ledger.JoinCommittee{Committee: c.ID, Charter: c.CharterHash(), Key: sha256.Sum256(public.Bytes())}
	if at == 0 {
		var err error
		if b.Public, err = h.Party.Vault.Write(ctx, &public); err != nil {
			return err
		}
	}
	_, err := h.Party.Do(ctx, b)
	return err
}

// committeeSet is the parameters of the network's committee: models of one linear
// part, which scorecards are.
const committeeSet = ckks.Shared
