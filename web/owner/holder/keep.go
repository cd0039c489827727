package holder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"manx/ledger"
	"manx/privacy/mpc"
	"manx/privacy/notice"
	"manx/storage/wraps"
	"manx/web/owner"
)

// What is kept for a grant, under "grant/<id>/": the share, sealed to the holder
// as it came; a mark for every session that was begun; and a mark for every job
// whose result has left. Journals lie beside the store, named by grant.
func shareName(g ledger.GrantID) string { return "grant/" + string(g) + "/share" }

func sessionName(g ledger.GrantID, j ledger.JobID, try int) string {
	return "grant/" + string(g) + "/session-" + string(j) + "." + strconv.Itoa(try)
}

func spentName(g ledger.GrantID, j ledger.JobID) string {
	return "grant/" + string(g) + "/spent-" + string(j)
}

func (h *Holder) journals(g ledger.GrantID) string { return filepath.Join(h.Journals, string(g)) }

// share returns the share of a grant: the kept one, or, where none is kept, the
// one that waits in the organisation's inbox, which is emptied. One that is not
// what the furnisher committed to is refused.
func (h *Holder) share(ctx context.Context, g ledger.Grant) (none mpc.Share, err error) {
	kept, err := h.Store.Get(ctx, shareName(g.ID))
	if err == nil {
		return h.open(ctx, g, kept)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return none, err
	}
	sealed, err := h.Party.Ask(ctx, h.Organisation, wraps.TakeShare{Service: h.Organisation, Grant: g.ID})
	if err != nil {
		return none, err
	}
	s, err := h.open(ctx, g, sealed)
	if err != nil {
		return none, err
	}
	if err := h.Store.Put(ctx, shareName(g.ID), sealed); err != nil {
		return none, err
	}
	_, err = h.Party.Ask(ctx, h.Organisation, wraps.DropShare{Service: h.Organisation, Grant: g.ID})
	return s, err
}

// open opens a sealed share and compares both its components with the digests
// that the furnisher put on the ledger.
func (h *Holder) open(ctx context.Context, g ledger.Grant, sealed []byte) (none mpc.Share, err error) {
	b, err := h.Party.Keys.OpenMessage(sealed)
	if err != nil {
		return none, err
	}
	r, err := owner.Get[ledger.Record](ctx, h.Party.Client, g.Record)
	if err != nil {
		return none, err
	}
	at := place(g, h.Organisation)
	if at < 0 || r.Commitment.Sharing.Organisations != g.Organisations {
		return none, notice.New(notice.Integrity, "the grant and the furnisher name different organisations", "its owner shares the file again: `manx credit share`")
	}
	m, err := owner.Get[ledger.Model](ctx, h.Party.Client, g.Model)
	if err != nil {
		return none, err
	}
	p, err := h.Engine.Load(ctx, m)
	if err != nil {
		return none, err
	}
	s, err := mpc.ReadShare(b, at, p.Values())
	if err != nil {
		return none, notice.Because(err, notice.Integrity, "what was left is no share of such a file", "its owner shares the file again: `manx credit share`")
	}
	d, want := s.Digests(), r.Commitment.Sharing.Digests
	if ledger.Hash(d[0]) != want[at] || ledger.Hash(d[1]) != want[(at+1)%ledger.Sharers] {
		return none, notice.New(notice.Integrity, "the share is not the one that the furnisher committed to", "its owner shares the furnisher's latest file: `manx credit share`")
	}
	return s, nil
}

// begin marks a session as begun, before anything of it leaves. One that was
// begun already is never begun again, whatever became of it.
func (h *Holder) begin(ctx context.Context, j ledger.Job) error {
	return h.mark(ctx, sessionName(j.Grant, j.ID, j.Try))
}

// mark makes the mark of a session, or errBegun where there is one.
func (h *Holder) mark(ctx context.Context, name string) error {
	if _, err := h.Store.Get(ctx, name); err == nil {
		return errBegun
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return h.Store.Put(ctx, name, []byte("1"))
}

var errBegun = errors.New("the session was begun before: a new try is a new session")

// A budget is the calls of one grant, as this holder has counted them itself. A
// further try of the same job costs nothing more.
type budget struct {
	h *Holder
	g ledger.Grant
	j ledger.JobID
}

// Spend implements privacy.Budget.
func (b budget) Spend(ctx context.Context) error {
	b.h.mu.Lock()
	defer b.h.mu.Unlock()
	if err := b.left(ctx); err != nil {
		return err
	}
	return b.h.Store.Put(ctx, spentName(b.g.ID, b.j), []byte("1"))
}

// left refuses a job beyond the calls that the grant's owner signed.
func (b budget) left(ctx context.Context) error {
	names, err := b.h.Store.Names(ctx, "grant/"+string(b.g.ID))
	if err != nil {
		return err
	}
	spent := 0
	for _, n := range names {
		if n == spentName(b.g.ID, b.j) {
			return nil
		}
		if strings.HasPrefix(n, spentName(b.g.ID, "")) {
			spent++
		}
	}
	if spent >= b.g.Calls {
		return notice.New(notice.Exhausted, "all calls that the grant's owner signed for were made", "ask its owner for a new one: `manx credit share`")
	}
	return nil
}

// A journal is a file that hears of every message before it leaves.
type journal struct{ file *os.File }

func (h *Holder) journal(j ledger.Job) (*journal, error) {
	return openJournal(h.journals(j.Grant), string(j.ID)+"."+strconv.Itoa(j.Try))
}

func openJournal(dir, name string) (*journal, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make journal: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, errBegun
	}
	if err != nil {
		return nil, fmt.Errorf("make journal: %w", err)
	}
	return &journal{f}, nil
}

// Sent implements mpc.Journal.
func (j *journal) Sent(step uint64, to int, digest [32]byte) error {
	b, err := json.Marshal(struct {
		Step   uint64      `json:"step"`
		To     int         `json:"to"`
		Digest ledger.Hash `json:"sha256"`
	}{step, to, digest})
	if err != nil {
		return err
	}
	_, err = j.file.Write(append(b, '\n'))
	return err
}

// close makes the journal durable.
func (j *journal) close() error { return errors.Join(j.file.Sync(), j.file.Close()) }

// destroy stops what runs under a grant, destroys all that is kept for it, and
// signs so on the ledger, once.
func (h *Holder) destroy(ctx context.Context, g ledger.Grant) error {
	h.mu.Lock()
	for _, id := range g.Jobs {
		if r := h.running[string(id)]; r != nil {
			r.stop(errors.New("the grant has ended"))
		}
	}
	h.mu.Unlock()
	names, err := h.Store.Names(ctx, "grant/"+string(g.ID))
	for _, n := range names {
		err = errors.Join(err, h.Store.Destroy(ctx, n))
	}
	if err = errors.Join(err, os.RemoveAll(h.journals(g.ID))); err != nil {
		return fmt.Errorf("destroy: %w", err)
	}
	if err := h.say(ctx, g); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.kept, g.ID)
	delete(h.wanted, g.ID)
	return nil
}

// say signs that nothing is kept for a grant, unless the ledger has it.
func (h *Holder) say(ctx context.Context, g ledger.Grant) error {
	if _, err := h.Party.Read(ctx, ledger.DestroyedKey(g.ID, place(g, h.Organisation))); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	_, err := h.Party.Do(ctx, ledger.DestroyShares{Grant: g.ID, Organisation: h.Organisation})
	if notice.Is(err, notice.Conflict) {
		return nil
	}
	return err
}

// sweep compares all that is kept with the ledger, as after the holder was down.
func (h *Holder) sweep(ctx context.Context) error {
	names, err := h.Store.Names(ctx, "grant")
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, n := range names {
		parts := strings.Split(n, "/")
		if len(parts) != 3 || seen[parts[1]] {
			continue
		}
		seen[parts[1]] = true
		if err := h.seeGrant(ctx, ledger.GrantID(parts[1])); err != nil {
			return err
		}
	}
	return nil
}
