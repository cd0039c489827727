package training

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"manx/health/annotation"
	"manx/ledger"
	"manx/privacy/mpc"
	"manx/privacy/notice"
	"manx/privacy/seal"
	"manx/privacy/secagg/trio"
	"manx/web/owner"
	"manx/web/owner/training/local"
)

// A Hospital is the node inside a hospital's walls. Its fields are set before Run.
type Hospital struct {
	Party *owner.Party // role ledger.Hospital; a ledger.Scientist only coordinates
	Dir   string       // the site's folder
	Log   *slog.Logger // nil: none

	Launcher []string      // this binary, and how it is asked to shut a program in (sandbox.Enter); none: no trainer of the site's own
	Patience time.Duration // for the others, in a step of a round; 0 means 30 s
	Every    time.Duration // how often the ledger is asked; 0 means a second
	Show     func(Progress)

	mu   sync.Mutex      // guards what follows
	busy map[string]bool // what is being done now: a side of a training
	said map[string]string
	kept map[ledger.TrainingID]*local.Kept

	notes map[string]annotation.Annotation // that were opened, by record and version

	// Of tests: tap sees what the coordinator is told, deals deals in the place of a
	// hospital that keeps to the protocol.
	tap   func(*stream)
	deals func(r trio.Round, t trio.Try, place int, to [mpc.Parties]seal.Recipient, vector []float64) ([]byte, error)
}

// Progress is what a hospital's node tells whoever watches it. Problem is nil while
// all goes well.
type Progress struct {
	Training ledger.TrainingID `json:"training"`
	Round    int               `json:"round,omitempty"`
	Rounds   int               `json:"rounds,omitempty"`
	What     string            `json:"what"`
	Problem  *notice.Error     `json:"problem,omitempty"`
}

func (h *Hospital) show(p Progress) {
	if h.Show != nil {
		h.Show(p)
	}
}

// Run takes part until ctx ends, and returns nil then. A node or a hub that does not
// answer is waited for.
func (h *Hospital) Run(ctx context.Context) error {
	if h.Log == nil {
		h.Log = slog.New(slog.DiscardHandler)
	}
	if h.Patience == 0 {
		h.Patience = 30 * time.Second
	}
	if h.Every == 0 {
		h.Every = time.Second
	}
	h.busy, h.said = map[string]bool{}, map[string]string{}
	if _, err := made(folder(h.Dir).table("")); err != nil {
		return err
	}
	var work sync.WaitGroup
	defer work.Wait()
	for {
		h.obey(ctx)
		all, err := h.Party.Trainings(ctx)
		if err != nil && ctx.Err() == nil {
			h.Log.WarnContext(ctx, "the hospital does not see the ledger", "err", err)
		}
		for _, on := range all {
			if on.Stage.Over() {
				continue
			}
			if slices.Contains(on.Sites, h.Party.ID()) {
				h.start(ctx, &work, "site/"+string(on.ID), on.ID, h.member)
			}
			if on.Proposer == h.Party.ID() {
				h.start(ctx, &work, "coordinator/"+string(on.ID), on.ID, h.coordinate)
			}
		}
		if !pause(ctx, h.Every) {
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
			h.tell(ctx, side, id, err)
		}
	})
}

// tell tells of what went wrong, once: it is tried again anyway.
func (h *Hospital) tell(ctx context.Context, side string, id ledger.TrainingID, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	h.mu.Lock()
	same := h.said[side] == text
	h.said[side] = text
	h.mu.Unlock()
	if err == nil || same {
		return
	}
	n := notice.From(err)
	h.Log.WarnContext(ctx, "a training waits", "training", id, "err", err)
	h.show(Progress{Training: id, What: n.Text, Problem: n})
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
		return h.takePart(ctx, on)
	case on.Stage == ledger.TrainingAsked && on.Release != nil && !slices.Contains(on.Release.Agreed, me):
		return h.agree(ctx, on)
	}
	return nil
}

// vote votes yes where the site's policy allows the training, or its people have
// joined it. It says no for nobody: who does not answer takes no part.
func (h *Hospital) vote(ctx context.Context, on owner.SignedTraining) error {
	f := folder(h.Dir)
	if _, decided, err := f.joined(on.ID); err != nil || decided {
		return errors.Join(err, h.join(ctx, on))
	}
	policy, err := ReadPolicy(h.Dir)
	if err != nil {
		return err
	}
	rule, err := policy.Allows(on.Proposer, on.ProposeTraining)
	if err != nil {
		return err
	}
	if err := f.join(on.ID, joined{Table: rule.Table, Trainer: rule.Trainer, Terms: on.Terms, Lets: rule.Lets}); err != nil {
		return err
	}
	return h.join(ctx, on)
}

// join votes as has been decided.
func (h *Hospital) join(ctx context.Context, on owner.SignedTraining) error {
	j, _, err := folder(h.Dir).joined(on.ID)
	if err != nil {
		return err
	}
	if j.Terms != on.Terms {
		return notice.New(notice.Integrity, "the training has other terms than when this site joined it", "read it again: `manx train status`")
	}
	if j.Table != "" {
		r, err := ReadRecipe(on.ProposeTraining)
		if err != nil {
			return err
		}
		if _, err := h.program(r, j.Trainer); err != nil {
			return err
		}
	}
	if err := h.Party.VoteTraining(ctx, on, j.Table != ""); err != nil {
		return err
	}
	h.show(Progress{Training: on.ID, Rounds: on.Rounds, What: map[bool]string{true: "voted yes", false: "voted no"}[j.Table != ""]})
	return nil
}

// Join decides that a table takes part in a training, with a trainer of the site's
// policy or none; or with no table that none does, whatever the policy says; and votes
// so.
func (h *Hospital) Join(ctx context.Context, id ledger.TrainingID, table, trainer string, lets Lets) error {
	on, err := h.Party.SignedTraining(ctx, id)
	if err != nil {
		return err
	}
	j := joined{Table: table, Trainer: trainer, Terms: on.Terms, Lets: lets}
	if table != "" {
		if !plainName(table) {
			return notice.New(notice.Invalid, "the table is not named by a file's name", "put it into the folder tables of the site's folder, and give its name: `manx train join --table heart.csv`")
		}
		if err := h.fits(ctx, on, j); err != nil {
			return err
		}
	}
	if err := folder(h.Dir).join(id, j); err != nil {
		return err
	}
	return h.join(ctx, on)
}

// agree assents to a release, where the site has decided to by itself, and the release
// shares what the model earns by what this site knows that each has contributed.
func (h *Hospital) agree(ctx context.Context, on owner.SignedTraining) error {
	j, _, err := folder(h.Dir).joined(on.ID)
	if err != nil || !j.Export {
		return err
	}
	return h.assent(ctx, on, true)
}

// Assent agrees to the release that is asked for, once its signature and its shares
// are what the ledger shows. Shares that were measured on shares have to be those; others
// a person may assent to.
func (h *Hospital) Assent(ctx context.Context, on owner.SignedTraining) error {
	return h.assent(ctx, on, false)
}

func (h *Hospital) assent(ctx context.Context, on owner.SignedTraining, byItself bool) error {
	if on.Stage != ledger.TrainingAsked {
		return notice.New(notice.Conflict, "no release of this training is asked for", "read it: `manx train status`")
	}
	b, err := h.Party.SignedRelease(ctx, on.Training)
	if err != nil {
		return err
	}
	if !slices.Equal(on.Earn(b.Contributed), on.Release.Shares) || b.Model != on.Release.Model {
		return notice.New(notice.Integrity, "the node shows another release than its author has signed", "do not assent; tell the organisations")
	}
	r, err := ReadRecipe(on.ProposeTraining)
	if err != nil {
		return err
	}
	if byItself || r.Judge != nil {
		ok, err := h.agreed(ctx, on, r, b)
		if err != nil {
			return err
		}
		if !ok {
			return notice.New(notice.Denied, "the release shares what the model earns by other contributions than this site knows", "compare them: `manx train contribute`, `manx train status`; where nothing was measured, assent by hand: `manx train release --assent`")
		}
	}
	if err := h.Party.Once(ctx, "training/assent/"+string(on.ID)+"/"+on.Release.Terms.String()[:16], ledger.AssentTraining{Training: on.ID, Release: on.Release.Terms}); err != nil {
		return err
	}
	h.show(Progress{Training: on.ID, Round: on.Release.Round, Rounds: on.Rounds, What: "assented to the release"})
	return nil
}
