// Package holder is the process that holds shares for one organisation and
// computes on them with those of two others: it follows the ledger, takes the
// shares that borrowers leave for it, checks for itself that a grant permits each
// computation, and destroys what it keeps when the grant ends.
//
// It trusts its node to carry bytes, and with two things that nobody can prove:
// that a grant was not revoked, and that it hears of jobs. What a grant permits it
// takes from the owner's signature. It computes nothing itself: that is an
// Engine's.
package holder

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"sync"
	"time"

	"manx/ledger"
	"manx/privacy/ckks/committee"
	"manx/privacy/mpc"
	"manx/privacy/notice"
	"manx/storage/wraps"
	"manx/web/owner"
)

// An Engine readies models.
type Engine interface {
	// Load readies the model with a hash, from what its owner published. Another
	// model than the hash names is an error.
	Load(ctx context.Context, m ledger.Model) (Program, error)
}

// A Program computes a model on shares.
type Program interface {
	// Values is how many values an input has.
	Values() int
	// Run returns the party's share of the result, rounded and bounded.
	Run(s *mpc.Session, input mpc.Share) (mpc.Share, error)
	// Jointly returns how a committee serves the model, nil where none does.
	Jointly() Joint
}

// A Wire reaches the other holders. It is authenticated: a connection is with who
// has the private key.
type Wire interface {
	// Dial connects to a holder for a session.
	Dial(ctx context.Context, address string, key ed25519.PublicKey, session [32]byte) (net.Conn, error)
	// Await returns the connection that a holder dials for a session.
	Await(ctx context.Context, key ed25519.PublicKey, session [32]byte) (net.Conn, error)
	// Admit says whose connections are let in, and nobody else's.
	Admit(keys ...ed25519.PublicKey)
}

// A Holder works until Run ends. Its fields are set before.
type Holder struct {
	Party        *owner.Party   // role ledger.Holder
	Organisation ledger.PartyID // in whose seat
	Wire         Wire           // to the other two
	Engine       Engine
	Store        wraps.Store        // of its own, which can really delete
	Journals     string             // a folder: what was sent, a file a session
	Identity     committee.Identity // as a committee's member; none: it is no member
	Log          *slog.Logger

	Patience time.Duration    // for the other two; 0 means 10 s
	Now      func() time.Time // its own clock; nil is time.Now

	mu      sync.Mutex
	running map[string]*run                // by the job or sum
	wanted  map[ledger.GrantID]int         // whose share is not here yet, and how often it was asked for
	kept    map[ledger.GrantID]ledger.Time // for which something may be here, and their end
	seat    membership
	sums    map[ledger.SumID]bool // that are not over
	work    sync.WaitGroup
}

const retryAfter = time.Second

// Run follows the ledger until ctx ends, and returns nil then. A node that does
// not answer is waited for.
func (h *Holder) Run(ctx context.Context) error {
	if h.Log == nil {
		h.Log = slog.New(slog.DiscardHandler)
	}
	if h.Patience == 0 {
		h.Patience = 10 * time.Second
	}
	if h.Now == nil {
		h.Now = time.Now
	}
	h.seat = membership{busy: map[string]bool{}, asked: map[string]time.Time{}, books: map[ledger.CommitteeID]committee.Journal{}}
	h.running, h.wanted, h.kept = map[string]*run{}, map[ledger.GrantID]int{}, map[ledger.GrantID]ledger.Time{}
	h.sums = map[ledger.SumID]bool{}
	defer h.work.Wait()
	defer h.stopAll()
	for {
		err := h.follow(ctx)
		if ctx.Err() != nil {
			return nil // it was told to end
		}
		h.Log.WarnContext(ctx, "the holder does not see the ledger", "err", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(retryAfter):
		}
	}
}

const heightName = "state/height"

// follow reads events from where the oldest job or grant that concerns the holder
// may be told of. State is read again, so that events that come late or twice do
// no harm.
func (h *Holder) follow(ctx context.Context) error {
	if err := errors.Join(h.admit(ctx), h.sweep(ctx)); err != nil {
		return err
	}
	from, err := h.height(ctx)
	if err != nil {
		return err
	}
	for e, err := range h.Party.Events(ctx, from) {
		if err != nil {
			return err
		}
		if err := h.see(ctx, e); err != nil {
			return err
		}
	}
	return errors.New("events ended")
}

func (h *Holder) height(ctx context.Context) (ledger.Height, error) {
	b, err := h.Store.Get(ctx, heightName)
	if errors.Is(err, fs.ErrNotExist) {
		return 1, nil
	}
	var at ledger.Height
	if err == nil {
		err = json.Unmarshal(b, &at)
	}
	return at, err
}

func (h *Holder) see(ctx context.Context, e ledger.Event) error {
	if e.Key == ledger.NowKey {
		return h.beat(ctx, e.Height)
	}
	switch e.Name {
	case ledger.SeatTaken:
		return h.admit(ctx)
	case ledger.CommitteeKeyed:
		return h.seeKeys(ctx, e)
	}
	id, word := ledger.IDOf(e.Key)
	switch word {
	case "job":
		return h.seeJob(ctx, ledger.JobID(id))
	case "grant":
		return h.seeGrant(ctx, ledger.GrantID(id))
	case "committee":
		return h.seeCommittee(ctx, ledger.CommitteeID(id))
	case "rec":
		return h.sweep(ctx) // erased, perhaps
	case "sum":
		return h.seeSum(ctx, ledger.SumID(id))
	}
	return nil
}

// admit lets in those who sit for the other organisations.
func (h *Holder) admit(ctx context.Context) error {
	g := h.Party.Home.Network.Genesis
	var keys []ed25519.PublicKey
	for _, o := range g.Organisations {
		s, err := h.Party.Seat(ctx, g, o.ID)
		if notice.Is(err, notice.Unavailable) && errors.Is(err, fs.ErrNotExist) {
			continue // nobody sits there
		}
		if err != nil {
			return err
		}
		if o.ID != h.Organisation {
			keys = append(keys, s.Key)
		}
	}
	h.Wire.Admit(keys...)
	return nil
}

// beat takes shares that were not left yet, destroys what has expired, and
// remembers how far the ledger was read, where nothing is under way.
func (h *Holder) beat(ctx context.Context, at ledger.Height) error {
	info, err := h.Party.Info(ctx)
	if err != nil {
		return err
	}
	if err := h.tend(ctx); err != nil {
		h.Log.WarnContext(ctx, "the committee is not tended", "err", err)
	}
	h.mu.Lock()
	var due []ledger.GrantID
	for g := range h.wanted {
		due = append(due, g)
	}
	waits := len(h.wanted)+len(h.running)+len(h.sums) > 0
	for g, until := range h.kept {
		if until <= info.Now {
			due = append(due, g)
		}
	}
	h.mu.Unlock()
	for _, g := range due {
		if err := h.seeGrant(ctx, g); err != nil {
			return err
		}
	}
	if err := h.seeSums(ctx); err != nil {
		return err
	}
	if waits {
		return nil
	}
	b, err := json.Marshal(at)
	if err != nil {
		return fmt.Errorf("encode height: %w", err)
	}
	return h.Store.Put(ctx, heightName, b)
}

// maxWanted is how many beats a share is waited for that its owner has not left;
// after that it is asked for with the grant's first job.
const maxWanted = 30

// seeGrant takes the share that a live grant is about, or destroys what is kept
// for one that permits nothing more.
func (h *Holder) seeGrant(ctx context.Context, id ledger.GrantID) error {
	g, err := owner.Get[ledger.Grant](ctx, h.Party.Client, id)
	if err != nil {
		return err
	}
	if place(g, h.Organisation) < 0 || g.Calls == 0 {
		return nil
	}
	over, err := h.over(ctx, g)
	if err != nil {
		return err
	}
	if over {
		return h.destroy(ctx, g)
	}
	_, err = h.share(ctx, g)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.kept[g.ID] = g.Until
	if h.wanted[g.ID]++; err == nil || h.wanted[g.ID] > maxWanted {
		delete(h.wanted, g.ID)
	}
	if err != nil {
		h.Log.DebugContext(ctx, "no share yet", "grant", g.ID, "err", err)
	}
	return nil
}

// place returns where an organisation stands in a grant, or -1.
func place(g ledger.Grant, o ledger.PartyID) int {
	for i, id := range g.Organisations {
		if id == o {
			return i
		}
	}
	return -1
}

// over reports whether nothing can be computed under a grant any more.
func (h *Holder) over(ctx context.Context, g ledger.Grant) (bool, error) {
	info, err := h.Party.Info(ctx)
	if err != nil {
		return false, err
	}
	if !g.Live(info.Now) {
		return true, nil
	}
	if g.Left() > 0 {
		return false, nil
	}
	for _, id := range g.Jobs {
		j, err := owner.Get[ledger.Job](ctx, h.Party.Client, id)
		if err != nil || !j.Stage.Over() {
			return false, err
		}
	}
	return true, nil
}
