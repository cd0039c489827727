// Package site is a hospital's part of a training's rounds: it covers a round, trains on
// the rows of its list, and sends what it adds under masks or on shares. It decides about
// no taking part, and learns of other sites what the ledger tells.
package site

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"manx/ledger"
	"manx/ml/federated"
	"manx/privacy/notice"
	"manx/privacy/secagg"
	"manx/storage/durable"
	"manx/web/owner"
	"manx/web/owner/training/cover"
	"manx/web/owner/training/house"
	"manx/web/owner/training/local"
	"manx/web/owner/training/masked"
	"manx/web/owner/training/policy"
	"manx/web/owner/training/recipe"
	"manx/web/owner/training/shares"
	"manx/web/owner/training/stream"
)

// A Site is a hospital in the rounds of trainings.
type Site struct {
	*house.House
	Lists *cover.Lists
	Deals shares.Deals // of tests; nil
}

// TakePart covers the round under way and makes the site's part of it. It returns
// when the round is over, or goes on without the site.
func (h *Site) TakePart(ctx context.Context, on owner.SignedTraining) (err error) {
	d, decided, err := policy.Decided(h.Folder, on.ID)
	if err != nil || !decided || d.Table == "" {
		return errors.Join(err, notice.New(notice.Conflict, "this site has lost which of its tables takes part in a training", "join it again: `manx train join`"))
	}
	terms, err := recipe.Read(on.ProposeTraining)
	if err != nil {
		return err
	}
	r, err := h.Party.TrainingRound(ctx, on.ID, on.Round)
	if err != nil || r.Over() {
		return err
	}
	if !r.Covered(h.Party.ID()) {
		if err := h.Lists.Cover(ctx, on, terms, d); err != nil {
			return err
		}
		h.Show(house.Progress{Training: on.ID, Round: on.Round, Rounds: on.Rounds, What: "covers the round"})
	}
	if err := h.Folder.Forget(on.ID, on.Round, house.Site); err != nil { // what earlier ones left
		return err
	}
	running := ctx
	defer func() {
		if running.Err() == nil { // the round is over, and not this process
			err = errors.Join(err, h.Folder.Forget(on.ID, on.Round+1, house.Site))
		}
	}()
	ctx, cancel := context.WithCancel(ctx)
	var watch sync.WaitGroup
	defer watch.Wait()
	defer cancel()
	watch.Go(func() { h.whileOpen(ctx, cancel, on) })
	for wait := h.Every / 4; ; wait = min(2*wait, 5*time.Second) {
		err := h.converse(ctx, on, terms, d)
		switch {
		case err == nil, errors.Is(err, stream.ErrLate):
			h.Show(house.Progress{Training: on.ID, Round: on.Round, Rounds: on.Rounds, What: map[bool]string{true: "has done its part", false: "goes on without this site"}[err == nil]})
			<-ctx.Done() // until the round is over
			return nil
		case ctx.Err() != nil:
			return nil
		case !notice.Is(err, notice.Unavailable) && notice.From(err).Kind != notice.Internal:
			h.Tell(ctx, "site/"+string(on.ID), on.ID, err)
			<-ctx.Done()
			return nil
		}
		h.Log.DebugContext(ctx, "a round is taken up again", "training", on.ID, "err", err)
		if !house.Pause(ctx, wait) {
			return nil
		}
	}
}

// whileOpen cancels when a round is over, or the training is.
func (h *Site) whileOpen(ctx context.Context, cancel func(), on owner.SignedTraining) {
	defer cancel()
	for house.Pause(ctx, h.Every) {
		now, err := owner.Get[ledger.Training](ctx, h.Party.Client, on.ID)
		if err == nil && (now.Round != on.Round || !now.Busy || now.Stage != ledger.TrainingRunning) {
			return
		}
	}
}

// converse goes through a round with the coordinator, from where the site's journal
// ends.
func (h *Site) converse(ctx context.Context, on owner.SignedTraining, terms recipe.Recipe, d policy.Decision) (err error) {
	own, err := h.Party.StreamKey(owner.TakesPart)
	if err != nil {
		return err
	}
	s, err := stream.Meeting{Hub: on.Hub, Terms: on.Terms, Round: on.Round, Own: own, Peer: on.Key, Most: recipe.MostFrame(on.Model.Parameters, len(on.Sites))}.Dial(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }() // its end was heard of already
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	defer stop()
	round, roster, err := h.beginning(ctx, s, on, terms)
	if err != nil {
		return err
	}
	dir, err := house.Made(h.Folder.Round(on.ID, on.Round, house.Site))
	if err != nil {
		return err
	}
	talk := stream.Dialogue{Stream: s, Dir: dir}
	added := func() (secagg.Contribution, error) {
		return kept(filepath.Join(dir, "added"), func() (secagg.Contribution, error) { return h.contribution(ctx, s, on, terms, d, len(roster)) })
	}
	if len(terms.Bounded) > 0 {
		shared, err := terms.Shares(on, roster)
		if err != nil {
			return err
		}
		return shares.Dealer{House: h.House, Dialogue: talk, On: on, Recipe: terms, Round: shared, Roster: roster, Own: own, Added: added,
			Given: func(ctx context.Context) (federated.State, error) { return h.given(ctx, s, on) }, Deals: h.Deals}.GoThrough(ctx)
	}
	return masked.TakePart(talk, round, h.Party.Keys, own, added)
}

// kept returns what the site adds in the round: made once, and kept in the round's
// folder until it is over, since what goes behind a mask must be the same again.
func kept(file string, train func() (secagg.Contribution, error)) (c secagg.Contribution, err error) {
	if b, err := os.ReadFile(file); err == nil && len(b)%8 == 0 {
		c.Weight = 1
		for ; len(b) > 0; b = b[8:] {
			c.Values = append(c.Values, math.Float64frombits(binary.LittleEndian.Uint64(b)))
		}
		return c, nil
	}
	if c, err = train(); err != nil {
		return c, err
	}
	b := make([]byte, 0, 8*len(c.Values))
	for _, v := range c.Values {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	return c, durable.WriteFile(file, b)
}

// beginning asks what the round is, and refuses a roster that the ledger does not
// bear out.
func (h *Site) beginning(ctx context.Context, s *stream.Stream, on owner.SignedTraining, terms recipe.Recipe) (r secagg.Round, roster []owner.TrainingMember, err error) {
	b, err := s.Ask(stream.StepBegin, nil)
	if err != nil {
		return r, nil, err
	}
	var begin stream.Beginning
	if err := ledger.Decode(b, &begin); err != nil {
		return r, nil, notice.Because(err, notice.Integrity, "the coordinator does not say what the round is", "leave the training: `manx train stop`")
	}
	open, err := h.Party.TrainingRound(ctx, on.ID, on.Round)
	if err != nil {
		return r, nil, err
	}
	boss, err := h.Party.Counterparty(ctx, on.Proposer)
	if err != nil {
		return r, nil, err
	}
	for _, m := range on.Members {
		if slices.Contains(begin.Roster, m.Site) && open.Covered(m.Site) {
			roster = append(roster, m)
		}
	}
	switch {
	case len(roster) != len(begin.Roster) || len(roster) < on.Quorum:
		return r, nil, notice.New(notice.Integrity, "the coordinator names hospitals that have not covered the round", "leave the training: `manx train stop`")
	case !slices.Contains(begin.Roster, h.Party.ID()):
		return r, nil, stream.ErrLate
	}
	return terms.Secure(on, on.Round, roster, boss.Key), roster, nil
}

// given asks for the version that the round begins with.
func (h *Site) given(ctx context.Context, s *stream.Stream, on owner.SignedTraining) (state federated.State, err error) {
	open, err := h.Party.TrainingRound(ctx, on.ID, on.Round)
	if err != nil {
		return state, err
	}
	b, err := s.Ask(stream.StepVersion, nil)
	if err != nil {
		return state, err
	}
	if recipe.HashOf(b) != open.Parent {
		return state, notice.New(notice.Integrity, "the coordinator gives other parameters than the ledger says the round begins with", "leave the training: `manx train stop`")
	}
	if state, err = recipe.ReadVersion(b, on.Model.Parameters); err != nil {
		return state, notice.Because(err, notice.Integrity, "the parameters that the round begins with cannot be read", "leave the training: `manx train stop`")
	}
	return state, nil
}

// contribution trains on the rows of the site's list and returns what it adds.
func (h *Site) contribution(ctx context.Context, s *stream.Stream, on owner.SignedTraining, terms recipe.Recipe, d policy.Decision, roster int) (c secagg.Contribution, err error) {
	state, err := h.given(ctx, s, on)
	if err != nil {
		return c, err
	}
	has, err := h.Has(ctx, on, terms, d)
	if err != nil {
		return c, err
	}
	h.Show(house.Progress{Training: on.ID, Round: on.Round, Rounds: on.Rounds, What: "trains"})
	in := terms.Round(on.Training, state)
	in.Seed = h.Seed(terms)
	if in.Own, err = h.own(on, on.Round); err != nil {
		return c, err
	}
	v, own, err := terms.Vector(ctx, in, has, roster)
	if err != nil {
		return c, err
	}
	if own != nil {
		if err := h.keepOwn(on, own); err != nil {
			return c, err
		}
	}
	if err := h.publish(ctx, s, on, terms, d, in, has); err != nil {
		return c, err
	}
	return secagg.Contribution{Values: v, Weight: 1}, nil
}

// Has returns what the site has for a round.
func (h *Site) Has(ctx context.Context, on owner.SignedTraining, r recipe.Recipe, d policy.Decision) (s local.Site, err error) {
	if s.Program, err = policy.Trainer(h.House, r, d.Trainer); err != nil {
		return s, err
	}
	s.Groups = d.Groups
	rows, of, err := h.Lists.Rows(ctx, on, r, d)
	if err != nil {
		return s, err
	}
	s.Train, s.Test = r.Part(rows, of, on.Terms)
	return s, nil
}

// Seed is of the site's own order of rows: another at each.
func (h *Site) Seed(r recipe.Recipe) uint64 {
	sum := sha256.Sum256([]byte(h.Party.ID()))
	return r.Seed ^ binary.LittleEndian.Uint64(sum[:])
}

// own returns SCAFFOLD's control variate of this site from the last version that its
// update is in, nil where there is none.
func (h *Site) own(on owner.SignedTraining, round int) (v []float64, err error) {
	for i := len(on.Versions) - 1; i >= 0; i-- {
		at := on.Versions[i]
		if at.Round >= round || !slices.Contains(at.Sites, h.Party.ID()) {
			continue
		}
		b, err := os.ReadFile(filepath.Join(h.Folder.Of(on.ID), "own", strconv.Itoa(at.Round)))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		if err == nil {
			err = json.Unmarshal(b, &v)
		}
		return v, err
	}
	return nil, nil
}

func (h *Site) keepOwn(on owner.SignedTraining, v []float64) error {
	dir, err := house.Made(filepath.Join(h.Folder.Of(on.ID), "own"))
	if err != nil {
		return err
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	return durable.WriteFile(filepath.Join(dir, strconv.Itoa(on.Round)), b)
}
