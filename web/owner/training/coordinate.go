package training

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"manx/ledger"
	"manx/ml/federated"
	"manx/privacy/mpc"
	"manx/privacy/notice"
	"manx/privacy/secagg"
	"manx/privacy/secagg/trio"
	"manx/storage/durable"
	"manx/web/owner"
	"manx/web/owner/training/local"
)

// coordinate opens rounds of a training that the party proposed, one after another,
// and closes each. A round that was under way is gone on with.
func (h *Hospital) coordinate(ctx context.Context, id ledger.TrainingID) error {
	for {
		on, err := h.Party.SignedTraining(ctx, id)
		if err != nil {
			return err
		}
		info, err := h.Party.Info(ctx)
		if err != nil {
			return err
		}
		waits := on.Stage == ledger.TrainingVoting && !on.Decided(info.Now)
		done := !on.Busy && (on.Round >= on.Rounds || info.Now > on.Until || local.Still(on.Training))
		if waits || done || on.Stage != ledger.TrainingVoting && on.Stage != ledger.TrainingRunning {
			return nil
		}
		recipe, err := ReadRecipe(on.ProposeTraining)
		if err != nil {
			return err
		}
		state, err := h.version(on, recipe)
		if err != nil {
			return err
		}
		if !on.Busy {
			if err := h.open(ctx, on); err != nil {
				return err
			}
			on.Round, on.Busy = on.Round+1, true
		}
		h.show(Progress{Training: id, Round: on.Round, Rounds: on.Rounds, What: "a round is open"})
		if err := h.lead(ctx, on, recipe, state); err != nil {
			return err
		}
	}
}

func (h *Hospital) open(ctx context.Context, on owner.SignedTraining) error {
	if len(on.Taking()) < on.Quorum {
		return notice.New(notice.Conflict, "too few hospitals take part in the training", "ask for another: `manx train propose`; end this one: `manx train stop`")
	}
	_, err := h.Party.Do(ctx, ledger.OpenRound{Training: on.ID, Round: on.Round + 1, Parent: on.Last()})
	return err
}

// version returns the last version of a training, as its coordinator has it.
func (h *Hospital) version(on owner.SignedTraining, recipe Recipe) (s federated.State, err error) {
	n := 0
	if k := len(on.Versions); k > 0 {
		n = on.Versions[k-1].Round
	}
	f := folder(h.Dir)
	b, err := os.ReadFile(f.version(on.ID, n))
	switch {
	case errors.Is(err, fs.ErrNotExist) && n == 0 && on.From.IsZero():
		if s, err = recipe.Begin(); err != nil {
			return s, err
		}
		b = writeVersion(s)
	case errors.Is(err, fs.ErrNotExist) && n == 0:
		b, err = os.ReadFile(f.version(on.From.Training, on.From.Round))
	}
	if err != nil {
		return s, notice.Because(err, notice.NotFound, "the coordinator has lost the last version of the model", "restore the folder trainings of its site's folder, or end the training: `manx train stop`")
	}
	if hashOf(b) != on.Last() {
		return s, notice.New(notice.Integrity, "the coordinator's last version is not the one on the ledger", "restore the folder trainings of its site's folder")
	}
	return readVersion(b, on.Model.Parameters)
}

// lead carries out the round under way and closes it, with a result or without. What
// it closes with is kept before any site hears that its part is done: a coordinator
// that is killed later needs none of them again.
func (h *Hospital) lead(ctx context.Context, on owner.SignedTraining, recipe Recipe, state federated.State) error {
	dir, err := made(folder(h.Dir).round(on.ID, on.Round, sideCoordinator))
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "closing.json")
	closing := ledger.CloseRound{Training: on.ID, Round: on.Round}
	if b, err := os.ReadFile(file); err == nil {
		if err := ledger.Decode(b, &closing); err != nil {
			return fmt.Errorf("closing: %w", err)
		}
	} else {
		roster, err := h.roster(ctx, on, dir)
		if err != nil {
			return err
		}
		keep := func(version []byte, sites []ledger.PartyID) error {
			closing.Result, closing.Sites, closing.Records = hashOf(version), sites, on.Minimum*len(sites)
			if _, err := made(filepath.Dir(folder(h.Dir).version(on.ID, on.Round))); err != nil {
				return err
			}
			b, err := json.Marshal(closing)
			if err != nil {
				return fmt.Errorf("encode closing: %w", err)
			}
			if err := durable.WriteFile(folder(h.Dir).version(on.ID, on.Round), version); err != nil {
				return err
			}
			return durable.WriteFile(file, b)
		}
		if roster != nil {
			err := h.gather(ctx, on, recipe, state, roster, keep)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				h.tell(ctx, "round/"+string(on.ID), on.ID, err)
			}
		}
	}
	if _, err := h.Party.Do(ctx, closing); err != nil {
		return err
	}
	what := "the round has a result"
	if closing.Result.IsZero() {
		what = "the round has no result"
	}
	h.show(Progress{Training: on.ID, Round: on.Round, Rounds: on.Rounds, What: what})
	return folder(h.Dir).forget(on.ID, on.Round+1, sideCoordinator)
}

// roster waits for sites to cover the round and settles, once, who is in it: nil
// where too few have come.
func (h *Hospital) roster(ctx context.Context, on owner.SignedTraining, dir string) (roster []owner.TrainingMember, err error) {
	file := filepath.Join(dir, "roster.json")
	var begin beginning
	if b, err := os.ReadFile(file); err == nil {
		if err := ledger.Decode(b, &begin); err != nil {
			return nil, fmt.Errorf("roster: %w", err)
		}
	} else {
		for began := time.Now(); ; {
			open, err := h.Party.TrainingRound(ctx, on.ID, on.Round)
			if err != nil {
				return nil, err
			}
			waited := time.Since(began)
			all, enough := len(open.Covers) >= len(on.Members), len(open.Covers) >= on.Quorum
			if all || enough && waited >= h.Patience || waited >= 10*h.Patience {
				for _, c := range open.Covers {
					begin.Roster = append(begin.Roster, c.Site)
				}
				break
			}
			if !pause(ctx, h.Every/4) {
				return nil, ctx.Err()
			}
		}
		b, err := json.Marshal(begin)
		if err != nil {
			return nil, fmt.Errorf("encode roster: %w", err)
		}
		if err := durable.WriteFile(file, b); err != nil {
			return nil, err
		}
	}
	for _, m := range on.Members {
		if slices.Contains(begin.Roster, m.Site) {
			roster = append(roster, m)
		}
	}
	if len(roster) < on.Quorum {
		h.tell(ctx, "round/"+string(on.ID), on.ID, notice.New(notice.Unavailable, "too few hospitals covered the round", "see that they run, and have grants enough: `manx train status`"))
		return nil, nil
	}
	return roster, nil
}

// gather adds the sites' masked updates and has the next version kept, and whose
// updates are in it.
func (h *Hospital) gather(ctx context.Context, on owner.SignedTraining, recipe Recipe, state federated.State, roster []owner.TrainingMember,
	keep func(version []byte, sites []ledger.PartyID) error) (err error) {
	own, err := h.Party.StreamKey(owner.Coordinates)
	if err != nil {
		return err
	}
	serve, done, err := h.serve(ctx, on, recipe, roster, own)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	var begin beginning
	for _, m := range roster {
		begin.Roster = append(begin.Roster, m.Site)
	}
	said, err := json.Marshal(begin)
	if err != nil {
		return fmt.Errorf("encode roster: %w", err)
	}
	version, judge := writeVersion(state), []byte(nil)
	if recipe.Judge != nil {
		if judge, err = os.ReadFile(folder(h.Dir).judge(recipe.Judge.Rows)); err != nil {
			return notice.Because(err, notice.NotFound, "the coordinator has lost the rows that contributions are judged on", "restore the folder judges of its site's folder")
		}
	}
	within, cancel := context.WithCancel(ctx)
	var streams sync.WaitGroup
	defer streams.Wait()
	defer cancel()
	for place, m := range roster {
		give := handout{said, version, judge, func(b []byte) error { return h.keepFigures(on, m, b) }}
		streams.Go(func() {
			at := meeting{on.Hub, on.Terms, on.Round, own, m.Stream, mostFrame(on.Model.Parameters, len(on.Sites))}
			for {
				s, err := at.await(within)
				if err == nil && h.tap != nil {
					h.tap(s)
				}
				if err == nil {
					err = h.attend(within, s, serve, place, give)
				}
				h.Log.DebugContext(within, "a site's stream has ended", "training", on.ID, "site", m.Site, "err", err)
				if !pause(within, h.Every/4) {
					return
				}
			}
		})
	}
	places, totals, err := serve.run(ctx, h.Patience)
	if err != nil {
		return err
	}
	var sites []ledger.PartyID
	for _, place := range places {
		sites = append(sites, roster[place].Site)
	}
	next, e, err := recipe.next(on, state, totals)
	if err != nil {
		serve.fail(err)
		return err
	}
	if err := errors.Join(folder(h.Dir).keepEvaluation(on.ID, e), keep(writeVersion(next), sites)); err != nil {
		return err
	}
	serve.release()
	serve.drain(within, max(h.Every, h.Patience/4))
	return nil
}

// serve begins the serving of a round, or goes on with it; done ends it.
func (h *Hospital) serve(ctx context.Context, on owner.SignedTraining, recipe Recipe, roster []owner.TrainingMember, own ed25519.PrivateKey) (s serving, done func() error, err error) {
	dir := folder(h.Dir).round(on.ID, on.Round, sideCoordinator)
	if len(recipe.Bounded) > 0 {
		round, err := recipe.onShares(on, roster)
		if err != nil {
			return nil, nil, err
		}
		named := func(place int, why string) {
			h.Log.WarnContext(ctx, "a hospital is left out of a round", "training", on.ID, "round", on.Round, "place", place, "site", roster[place].Site, "why", why)
			h.show(Progress{Training: on.ID, Round: on.Round, Rounds: on.Rounds, What: fmt.Sprintf("hospital %d, %s: %s", place+1, roster[place].Site, why)})
		}
		s := newSharing(round, recipe, dir, func(sum trio.Sum, ready [mpc.Parties][]byte) ([]measured, error) {
			return h.shared(on, roster, sum, ready, named)
		}, named)
		return s, func() error { return nil }, nil
	}
	round := recipe.secure(on, on.Round, roster, h.Party.Keys.Public())
	journal, err := secagg.OpenFiles(dir)
	if err != nil {
		return nil, nil, err
	}
	c, err := secagg.NewCoordinator(round, h.Party.Keys, seed(own, round.ID), journal)
	if err != nil {
		return nil, nil, errors.Join(err, journal.Close())
	}
	return newServer(c), journal.Close, nil
}

// shared keeps what the three have signed of a round, and names who is left out of it.
func (h *Hospital) shared(on owner.SignedTraining, roster []owner.TrainingMember, sum trio.Sum, ready [mpc.Parties][]byte, named func(int, string)) ([]measured, error) {
	m := measured{Round: on.Round, Ready: ready}
	for _, r := range roster {
		m.Roster = append(m.Roster, r.Site)
	}
	for _, place := range sum.Out {
		named(place, "its update is beyond its bound and left out")
	}
	if err := folder(h.Dir).keepMeasured(on.ID, m); err != nil {
		return nil, err
	}
	return folder(h.Dir).allMeasured(on.ID, 0)
}

// A handout is what a site may ask for in any round, and say.
type handout struct {
	begin, version []byte
	judge          []byte // rows; none where nobody judges
	figures        func([]byte) error
}

// attend answers one site until its stream ends.
func (h *Hospital) attend(ctx context.Context, s *stream, serve serving, place int, give handout) error {
	defer func() { _ = s.conn.Close() }() // its end was heard of already
	stop := context.AfterFunc(ctx, func() { _ = s.conn.Close() })
	defer stop()
	for {
		step, m, err := s.receive()
		if err != nil {
			return err
		}
		var answer []byte
		switch step {
		case stepBegin:
			answer = give.begin
		case stepVersion:
			answer = give.version
		case stepRows:
			answer = give.judge
		case stepFigures:
			err = give.figures(m)
		default:
			answer, err = serve.ask(ctx, place, step, m)
		}
		if errors.Is(err, errLate) {
			return s.send(late, nil)
		}
		if err != nil {
			return err
		}
		if err := s.send(answered, answer); err != nil {
			return err
		}
	}
}
