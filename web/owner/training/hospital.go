// Package training is a hospital's node that trains a model together with others: it votes
// by the site's own policy, takes part in rounds, coordinates those of what it proposed
// itself, assents to releases, and does what its people order. What that is made of are
// the packages below it, in a line: house (who the hospital is, and its folder),
// evaluation (counts of held-out rows), recipe (what terms mean), stream (how site and
// coordinator talk), masked and measured and shares (a round under masks; what was signed
// of rounds on shares; such a round), policy, cover (which rows take part), site,
// coordinator, release. What a hospital does with its data is package local's.
//
// A hospital only dials out: to its exchange node and to the hub that the proposal
// names, where coordinator and sites meet on streams of their own TLS. What crosses
// its door is signed commands, digests with a salt, and the messages of privacy/secagg,
// in which its update is masked, or of privacy/secagg/trio, in which it is on shares that
// three hospitals hold; and, where the site's policy says so, how a version did on its
// held-out rows. Its tables stay in its folder.
//
// It trusts the exchange node to carry bytes, and to tell of revoked grants: what
// was proposed and who takes part it takes from signatures. It does not choose what
// is trained, nor how noise is priced.
package training

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"manx/ledger"
	"manx/web/owner"
	"manx/web/owner/training/coordinator"
	"manx/web/owner/training/cover"
	"manx/web/owner/training/house"
	"manx/web/owner/training/release"
	"manx/web/owner/training/shares"
	"manx/web/owner/training/site"
)

// A Hospital is the node inside a hospital's walls. Its fields are set before it is used.
type Hospital struct {
	Party *owner.Party // role ledger.Hospital; a ledger.Scientist only coordinates
	Dir   string       // the site's folder, a house.Folder
	Log   *slog.Logger // nil: none

	Launcher []string      // this binary, and how it is asked to shut a program in (sandbox.Enter); none: no trainer of the site's own
	Patience time.Duration // for the others, in a step of a round; 0 means 30 s
	Every    time.Duration // how often the ledger is asked; 0 means a second
	Show     func(house.Progress)

	once  sync.Once
	rooms rooms

	mu   sync.Mutex                     // guards what follows
	busy map[string]bool                // what is being done now: a side of a training
	held map[ledger.TrainingID]heldBack // votes that wait for the site's table

	// Of tests: what sites say to the coordinator goes through hear; deals deals in the
	// place of a hospital that keeps to the protocol.
	hear  func(io.Reader) io.Reader
	deals shares.Deals
}

// rooms are what a hospital's work is done in.
type rooms struct {
	*house.House
	lists       *cover.Lists
	site        *site.Site
	coordinator *coordinator.Coordinator
}

// in returns the rooms.
func (h *Hospital) in() *rooms {
	h.once.Do(func() {
		all := &house.House{Party: h.Party, Folder: house.Folder(h.Dir), Log: cmp.Or(h.Log, slog.New(slog.DiscardHandler)), Launcher: h.Launcher,
			Patience: cmp.Or(h.Patience, 30*time.Second), Every: cmp.Or(h.Every, time.Second), Watch: h.Show}
		lists := &cover.Lists{House: all}
		h.rooms = rooms{all, lists, &site.Site{House: all, Lists: lists, Deals: h.deals}, &coordinator.Coordinator{House: all, Hear: h.hear}}
	})
	return &h.rooms
}

// Run takes part until ctx ends, and returns nil then. A node or a hub that does not
// answer is waited for.
func (h *Hospital) Run(ctx context.Context) error {
	in := h.in()
	h.busy = map[string]bool{}
	if _, err := house.Made(in.Folder.Table("")); err != nil {
		return err
	}
	var work sync.WaitGroup
	defer work.Wait()
	for {
		h.obey(ctx)
		all, err := h.Party.Trainings(ctx)
		if err != nil && ctx.Err() == nil {
			in.Log.WarnContext(ctx, "the hospital does not see the ledger", "err", err)
		}
		for _, on := range all {
			if on.Stage.Over() {
				continue
			}
			if slices.Contains(on.Sites, h.Party.ID()) {
				h.start(ctx, &work, "site/"+string(on.ID), on.ID, h.member)
			}
			if on.Proposer == h.Party.ID() {
				h.start(ctx, &work, "coordinator/"+string(on.ID), on.ID, in.coordinator.Lead)
			}
		}
		if !house.Pause(ctx, in.Every) {
			return nil
		}
	}
}

// start does a side's next work beside others', unless it is at it.
func (h *Hospital) start(ctx context.Context, work *sync.WaitGroup, side string, id ledger.TrainingID, do func(context.Context, ledger.TrainingID) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.busy[side] {
		return
	}
	h.busy[side] = true
	work.Go(func() {
		err := do(ctx, id)
		h.mu.Lock()
		h.busy[side] = false
		h.mu.Unlock()
		if ctx.Err() == nil {
			h.in().Tell(ctx, side, id, err)
		}
	})
}

// member does what a site has to do next in a training: vote, take part in the round
// under way, or assent to a release.
func (h *Hospital) member(ctx context.Context, id ledger.TrainingID) error {
	on, err := h.Party.SignedTraining(ctx, id)
	if err != nil {
		return err
	}
	me := h.Party.ID()
	voted := slices.ContainsFunc(on.Votes, func(v ledger.TrainingVote) bool { return v.Site == me })
	switch {
	case on.Stage == ledger.TrainingVoting && !voted:
		return h.vote(ctx, on)
	case on.Stage == ledger.TrainingRunning && on.Busy && on.KeyOf(me) != nil:
		return h.in().site.TakePart(ctx, on)
	case on.Stage == ledger.TrainingAsked && on.Release != nil && !slices.Contains(on.Release.Agreed, me):
		return release.Agree(ctx, h.in().House, on)
	}
	return nil
}
