// Package coordinator is the other side of a training's rounds: who proposed it opens
// them, waits for sites at the hub, has their sum made, under masks or on shares, and
// closes them with the next version. It sees no site's update.
package coordinator

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
	"manx/privacy/secagg/trio"
	"manx/storage/durable"
	"manx/web/owner"
	"manx/web/owner/training/evaluation"
	"manx/web/owner/training/house"
	"manx/web/owner/training/local"
	"manx/web/owner/training/masked"
	"manx/web/owner/training/measured"
	"manx/web/owner/training/recipe"
	"manx/web/owner/training/shares"
	"manx/web/owner/training/stream"
)

// A Coordinator is who proposed trainings, in their rounds.
type Coordinator struct {
	*house.House
	Hear func(io.Reader) io.Reader // of tests: what sites say goes through it; nil
}

// A serving is the coordinator's side of one round, under masks or on shares: it
// answers sites whenever they ask, and ends a step when all who are in it have spoken,
// or its time is over and enough have. After a crash it is made anew.
type serving interface {
	// Ask takes what a site says in a step and waits for the answer. It is stream.ErrLate
	// where the round goes on without the site.
	Ask(ctx context.Context, place int, step byte, message []byte) ([]byte, error)
	// Run waits for the sum: the places that are in it, and recipe.Vector's of all of them.
	Run(ctx context.Context, patience time.Duration) (places []int, totals []float64, err error)
	Release()                                      // what follows from the sum is kept, and sites may hear that they are done
	Fail(err error)                                // sites hear that the round goes on without them
	Drain(ctx context.Context, most time.Duration) // gives the sites a moment to hear it
}

// Lead opens rounds of a training that the party proposed, one after another,
// and closes each. A round that was under way is gone on with.
func (c *Coordinator) Lead(ctx context.Context, id ledger.TrainingID) error {
	for {
		on, err := c.Party.SignedTraining(ctx, id)
		if err != nil {
			return err
		}
		info, err := c.Party.Info(ctx)
		if err != nil {
			return err
		}
		waits := on.Stage == ledger.TrainingVoting && !on.Decided(info.Now)
		done := !on.Busy && (on.Round >= on.Rounds || info.Now > on.Until || local.Still(on.Training))
		if waits || done || on.Stage != ledger.TrainingVoting && on.Stage != ledger.TrainingRunning {
			return nil
		}
		terms, err := recipe.Read(on.ProposeTraining)
		if err != nil {
			return err
		}
		state, err := Last(c.House, on, terms)
		if err != nil {
			return err
		}
		if !on.Busy {
			if err := c.open(ctx, on); err != nil {
				return err
			}
			on.Round, on.Busy = on.Round+1, true
		}
		c.Show(house.Progress{Training: id, Round: on.Round, Rounds: on.Rounds, What: "a round is open"})
		if err := c.carry(ctx, on, terms, state); err != nil {
			return err
		}
	}
}

func (c *Coordinator) open(ctx context.Context, on owner.SignedTraining) error {
	if len(on.Taking()) < on.Quorum {
		return notice.New(notice.Conflict, "too few hospitals take part in the training", "ask for another: `manx train propose`; end this one: `manx train stop`")
	}
	_, err := c.Party.Do(ctx, ledger.OpenRound{Training: on.ID, Round: on.Round + 1, Parent: on.Last()})
	return err
}

// Last returns the last version of a training, as its coordinator has it.
func Last(h *house.House, on owner.SignedTraining, terms recipe.Recipe) (s federated.State, err error) {
	n := 0
	if k := len(on.Versions); k > 0 {
		n = on.Versions[k-1].Round
	}
	f := h.Folder
	b, err := os.ReadFile(f.Version(on.ID, n))
	switch {
	case errors.Is(err, fs.ErrNotExist) && n == 0 && on.From.IsZero():
		if s, err = terms.Begin(); err != nil {
			return s, err
		}
		b = recipe.WriteVersion(s)
	case errors.Is(err, fs.ErrNotExist) && n == 0:
		b, err = os.ReadFile(f.Version(on.From.Training, on.From.Round))
	}
	if err != nil {
		return s, notice.Because(err, notice.NotFound, "the coordinator has lost the last version of the model", "restore the folder trainings of its site's folder, or end the training: `manx train stop`")
	}
	if recipe.HashOf(b) != on.Last() {
		return s, notice.New(notice.Integrity, "the coordinator's last version is not the one on the ledger", "restore the folder trainings of its site's folder")
	}
	return recipe.ReadVersion(b, on.Model.Parameters)
}

// carry carries out the round under way and closes it, with a result or without. What
// it closes with is kept before any site hears that its part is done: a coordinator
// that is killed later needs none of them again.
func (c *Coordinator) carry(ctx context.Context, on owner.SignedTraining, terms recipe.Recipe, state federated.State) error {
	dir, err := house.Made(c.Folder.Round(on.ID, on.Round, house.Coordinator))
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
		roster, err := c.roster(ctx, on, dir)
		if err != nil {
			return err
		}
		keep := func(version []byte, sites []ledger.PartyID) error {
			closing.Result, closing.Sites, closing.Records = recipe.HashOf(version), sites, on.Minimum*len(sites)
			if _, err := house.Made(filepath.Dir(c.Folder.Version(on.ID, on.Round))); err != nil {
				return err
			}
			b, err := json.Marshal(closing)
			if err != nil {
				return fmt.Errorf("encode closing: %w", err)
			}
			if err := durable.WriteFile(c.Folder.Version(on.ID, on.Round), version); err != nil {
				return err
			}
			return durable.WriteFile(file, b)
		}
		if roster != nil {
			err := c.gather(ctx, on, terms, state, roster, keep)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				c.Tell(ctx, "round/"+string(on.ID), on.ID, err)
			}
		}
	}
	if _, err := c.Party.Do(ctx, closing); err != nil {
		return err
	}
	what := "the round has a result"
	if closing.Result.IsZero() {
		what = "the round has no result"
	}
	c.Show(house.Progress{Training: on.ID, Round: on.Round, Rounds: on.Rounds, What: what})
	return c.Folder.Forget(on.ID, on.Round+1, house.Coordinator)
}

// roster waits for sites to cover the round and settles, once, who is in it: nil
// where too few have come.
func (c *Coordinator) roster(ctx context.Context, on owner.SignedTraining, dir string) (roster []owner.TrainingMember, err error) {
	file := filepath.Join(dir, "roster.json")
	var begin stream.Beginning
	if b, err := os.ReadFile(file); err == nil {
		if err := ledger.Decode(b, &begin); err != nil {
			return nil, fmt.Errorf("roster: %w", err)
		}
	} else {
		for began := time.Now(); ; {
			open, err := c.Party.TrainingRound(ctx, on.ID, on.Round)
			if err != nil {
				return nil, err
			}
			waited := time.Since(began)
			all, enough := len(open.Covers) >= len(on.Members), len(open.Covers) >= on.Quorum
			if all || enough && waited >= c.Patience || waited >= 10*c.Patience {
				for _, c := range open.Covers {
					begin.Roster = append(begin.Roster, c.Site)
				}
				break
			}
			if !house.Pause(ctx, c.Every/4) {
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
		c.Tell(ctx, "round/"+string(on.ID), on.ID, notice.New(notice.Unavailable, "too few hospitals covered the round", "see that they run, and have grants enough: `manx train status`"))
		return nil, nil
	}
	return roster, nil
}

// gather adds the sites' masked updates and has the next version kept, and whose
// updates are in it.
func (c *Coordinator) gather(ctx context.Context, on owner.SignedTraining, terms recipe.Recipe, state federated.State, roster []owner.TrainingMember,
	keep func(version []byte, sites []ledger.PartyID) error) (err error) {
	own, err := c.Party.StreamKey(owner.Coordinates)
	if err != nil {
		return err
	}
	serve, done, err := c.serve(ctx, on, terms, roster, own)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	var begin stream.Beginning
	for _, m := range roster {
		begin.Roster = append(begin.Roster, m.Site)
	}
	said, err := json.Marshal(begin)
	if err != nil {
		return fmt.Errorf("encode roster: %w", err)
	}
	version, judge := recipe.WriteVersion(state), []byte(nil)
	if terms.Judge != nil {
		if judge, err = os.ReadFile(c.Folder.Judge(terms.Judge.Rows)); err != nil {
			return notice.Because(err, notice.NotFound, "the coordinator has lost the rows that contributions are judged on", "restore the folder judges of its site's folder")
		}
	}
	within, cancel := context.WithCancel(ctx)
	var streams sync.WaitGroup
	defer streams.Wait()
	defer cancel()
	for place, m := range roster {
		give := handout{said, version, judge, func(b []byte) error { return evaluation.KeepFigures(c.Folder, on, m, b) }}
		streams.Go(func() {
			at := stream.Meeting{Hub: on.Hub, Terms: on.Terms, Round: on.Round, Own: own, Peer: m.Stream, Most: recipe.MostFrame(on.Model.Parameters, len(on.Sites))}
			for {
				s, err := at.Await(within)
				if err == nil && c.Hear != nil {
					s.Hear(c.Hear)
				}
				if err == nil {
					err = c.attend(within, s, serve, place, give)
				}
				c.Log.DebugContext(within, "a site's stream has ended", "training", on.ID, "site", m.Site, "err", err)
				if !house.Pause(within, c.Every/4) {
					return
				}
			}
		})
	}
	places, totals, err := serve.Run(ctx, c.Patience)
	if err != nil {
		return err
	}
	var sites []ledger.PartyID
	for _, place := range places {
		sites = append(sites, roster[place].Site)
	}
	next, e, err := terms.Next(on, state, totals)
	if err != nil {
		serve.Fail(err)
		return err
	}
	if err := errors.Join(evaluation.Keep(c.Folder, on.ID, e), keep(recipe.WriteVersion(next), sites)); err != nil {
		return err
	}
	serve.Release()
	serve.Drain(within, max(c.Every, c.Patience/4))
	return nil
}

// serve begins the serving of a round, or goes on with it; done ends it.
func (c *Coordinator) serve(ctx context.Context, on owner.SignedTraining, terms recipe.Recipe, roster []owner.TrainingMember, own ed25519.PrivateKey) (s serving, done func() error, err error) {
	dir := c.Folder.Round(on.ID, on.Round, house.Coordinator)
	if len(terms.Bounded) > 0 {
		round, err := terms.Shares(on, roster)
		if err != nil {
			return nil, nil, err
		}
		named := func(place int, why string) {
			c.Log.WarnContext(ctx, "a hospital is left out of a round", "training", on.ID, "round", on.Round, "place", place, "site", roster[place].Site, "why", why)
			c.Show(house.Progress{Training: on.ID, Round: on.Round, Rounds: on.Rounds, What: fmt.Sprintf("hospital %d, %s: %s", place+1, roster[place].Site, why)})
		}
		s := shares.Serve(round, terms, dir, func(sum trio.Sum, ready [mpc.Parties][]byte) ([]measured.Round, error) {
			return c.shared(on, roster, sum, ready, named)
		}, named)
		return s, func() error { return nil }, nil
	}
	round := terms.Secure(on, on.Round, roster, c.Party.Keys.Public())
	return masked.Serve(round, c.Party.Keys, own, dir)
}

// shared keeps what the three have signed of a round, and names who is left out of it.
func (c *Coordinator) shared(on owner.SignedTraining, roster []owner.TrainingMember, sum trio.Sum, ready [mpc.Parties][]byte, named func(int, string)) ([]measured.Round, error) {
	m := measured.Round{Round: on.Round, Ready: ready}
	for _, r := range roster {
		m.Roster = append(m.Roster, r.Site)
	}
	for _, place := range sum.Out {
		named(place, "its update is beyond its bound and left out")
	}
	if err := measured.Keep(c.Folder, on.ID, m); err != nil {
		return nil, err
	}
	return measured.Since(c.Folder, on.ID, 0)
}

// A handout is what a site may ask for in any round, and say.
type handout struct {
	begin, version []byte
	judge          []byte // rows; none where nobody judges
	figures        func([]byte) error
}

// attend answers one site until its stream ends.
func (c *Coordinator) attend(ctx context.Context, s *stream.Stream, serve serving, place int, give handout) error {
	defer func() { _ = s.Close() }() // its end was heard of already
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	defer stop()
	for {
		step, m, err := s.Asked()
		if err != nil {
			return err
		}
		var answer []byte
		switch step {
		case stream.StepBegin:
			answer = give.begin
		case stream.StepVersion:
			answer = give.version
		case stream.StepRows:
			answer = give.judge
		case stream.StepFigures:
			err = give.figures(m)
		default:
			answer, err = serve.Ask(ctx, place, step, m)
		}
		if sent := s.Answer(answer, err); sent != nil || err != nil {
			return sent
		}
	}
}
