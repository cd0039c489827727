package training

import (
	"context"
	"crypto/hmac"
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
	"manx/privacy"
	"manx/privacy/notice"
	"manx/privacy/secagg"
	"manx/storage/durable"
	"manx/web/owner"
	"manx/web/owner/training/local"
)

// fits reads what a site takes part with as a round would, for every record that has a
// grant now, so that a site hears of another schema, or of a trainer that there is no
// place for, before it votes. Without a grant the whole table is read, and none of it
// is used.
func (h *Hospital) fits(ctx context.Context, on owner.SignedTraining, j joined) error {
	r, err := ReadRecipe(on.ProposeTraining)
	if err != nil {
		return err
	}
	if _, err := h.program(r, j.Trainer); err != nil {
		return err
	}
	rows, err := r.source().Read(ctx, h.place(on.ID, j), nil)
	if err == nil && local.Rows(rows) < on.Minimum {
		err = notice.New(notice.Denied, "the site's table has fewer rows than the training's minimum of records", "take no part, or add records")
	}
	return err
}

// takePart covers the round under way and makes the site's part of it. It returns
// when the round is over, or goes on without the site.
func (h *Hospital) takePart(ctx context.Context, on owner.SignedTraining) (err error) {
	j, decided, err := folder(h.Dir).joined(on.ID)
	if err != nil || !decided || j.Table == "" {
		return errors.Join(err, notice.New(notice.Conflict, "this site has lost which of its tables takes part in a training", "join it again: `manx train join`"))
	}
	recipe, err := ReadRecipe(on.ProposeTraining)
	if err != nil {
		return err
	}
	r, err := h.Party.TrainingRound(ctx, on.ID, on.Round)
	if err != nil || r.Over() {
		return err
	}
	if !r.Covered(h.Party.ID()) {
		if err := h.cover(ctx, on, recipe, j); err != nil {
			return err
		}
		h.show(Progress{Training: on.ID, Round: on.Round, Rounds: on.Rounds, What: "covers the round"})
	}
	if err := folder(h.Dir).forget(on.ID, on.Round, sideSite); err != nil { // what earlier ones left
		return err
	}
	running := ctx
	defer func() {
		if running.Err() == nil { // the round is over, and not this process
			err = errors.Join(err, folder(h.Dir).forget(on.ID, on.Round+1, sideSite))
		}
	}()
	ctx, cancel := context.WithCancel(ctx)
	var watch sync.WaitGroup
	defer watch.Wait()
	defer cancel()
	watch.Go(func() { h.whileOpen(ctx, cancel, on) })
	for wait := h.Every / 4; ; wait = min(2*wait, 5*time.Second) {
		err := h.converse(ctx, on, recipe, j)
		switch {
		case err == nil, errors.Is(err, errLate):
			h.show(Progress{Training: on.ID, Round: on.Round, Rounds: on.Rounds, What: map[bool]string{true: "has done its part", false: "goes on without this site"}[err == nil]})
			<-ctx.Done() // until the round is over
			return nil
		case ctx.Err() != nil:
			return nil
		case !notice.Is(err, notice.Unavailable) && notice.From(err).Kind != notice.Internal:
			h.tell(ctx, "site/"+string(on.ID), on.ID, err)
			<-ctx.Done()
			return nil
		}
		h.Log.DebugContext(ctx, "a round is taken up again", "training", on.ID, "err", err)
		if !pause(ctx, wait) {
			return nil
		}
	}
}

// whileOpen cancels when a round is over, or the training is.
func (h *Hospital) whileOpen(ctx context.Context, cancel func(), on owner.SignedTraining) {
	defer cancel()
	for pause(ctx, h.Every) {
		now, err := owner.Get[ledger.Training](ctx, h.Party.Client, on.ID)
		if err == nil && (now.Round != on.Round || !now.Busy || now.Stage != ledger.TrainingRunning) {
			return
		}
	}
}

// cover signs the list of the round. The same again while the same grants live has
// the same digest.
func (h *Hospital) cover(ctx context.Context, on owner.SignedTraining, r Recipe, j joined) error {
	mark, err := h.Party.TrainingMark(ctx, on.ID)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	c, err := folder(h.Dir).cover(on.ID, on.Round)
	if err != nil || c.Mark != mark || mark.IsZero() {
		if c, err = h.covering(ctx, on, r, j); err != nil {
			return err
		}
	}
	_, err = h.Party.Do(ctx, ledger.CoverRound{Training: on.ID, Round: on.Round, Digest: c.digest(), Mark: c.Mark})
	return err
}

// A beginning is what the coordinator says of a round first.
type beginning struct {
	Roster []ledger.PartyID `json:"roster"`
}

// mostFrame bounds a frame of a training's streams, in bytes: a version, or a masked
// update, or what so many sites dealt to one that computes, in letters.
func mostFrame(parameters, sites int) int {
	return max(versionSize(parameters), 22*min(parameters, MostBounded)*sites) + 1<<20
}

// converse goes through a round with the coordinator, from where the site's journal
// ends.
func (h *Hospital) converse(ctx context.Context, on owner.SignedTraining, recipe Recipe, j joined) (err error) {
	own, err := h.Party.StreamKey(owner.TakesPart)
	if err != nil {
		return err
	}
	s, err := meeting{on.Hub, on.Terms, on.Round, own, on.Key, mostFrame(on.Model.Parameters, len(on.Sites))}.dial(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = s.conn.Close() }() // its end was heard of already
	stop := context.AfterFunc(ctx, func() { _ = s.conn.Close() })
	defer stop()
	round, roster, err := h.beginning(ctx, s, on, recipe)
	if err != nil {
		return err
	}
	dir, err := made(folder(h.Dir).round(on.ID, on.Round, sideSite))
	if err != nil {
		return err
	}
	d := dialogue{s, dir}
	added := func() (secagg.Contribution, error) {
		return d.added(func() (secagg.Contribution, error) { return h.contribution(ctx, s, on, recipe, j, len(roster)) })
	}
	if len(recipe.Bounded) > 0 {
		shared, err := recipe.onShares(on, roster)
		if err != nil {
			return err
		}
		return dealer{h, d, on, recipe, shared, roster, own, added}.goThrough(ctx)
	}
	journal, err := secagg.OpenFiles(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, journal.Close()) }()
	site, err := secagg.NewSite(round, h.Party.Keys, seed(own, round.ID), journal)
	if err != nil {
		return err
	}
	told, err := d.say(stepKeys, site.Keys)
	if err == nil && d.has(stepMasked) {
		err = d.again(site, added)
	}
	if err == nil {
		told, err = d.say(stepShares, func() ([]byte, error) { return site.Shares(told) })
	}
	if err == nil {
		told, err = d.say(stepMasked, func() ([]byte, error) {
			c, err := added()
			if err != nil {
				return nil, err
			}
			return site.Masked(told, privacy.Hide(c))
		})
	}
	if err == nil {
		told, err = d.say(stepAgree, func() ([]byte, error) { return site.Agree(told) })
	}
	if err == nil {
		_, err = d.say(stepUnmask, func() ([]byte, error) { return site.Unmask(told) })
	}
	return err
}

// seed is what a site's secrets of a round follow from: a round's own, and the same
// after a crash.
func seed(stream []byte, round [32]byte) privacy.Secret[[32]byte] {
	h := hmac.New(sha256.New, stream)
	h.Write([]byte("manx/training-seed/v1\x00"))
	h.Write(round[:])
	return privacy.Hide([32]byte(h.Sum(nil)))
}

// A dialogue is a site's steps with the coordinator, each of which is done once: what
// it was answered is in the round's folder.
type dialogue struct {
	s   *stream
	dir string
}

func (d dialogue) file(step byte) string {
	return filepath.Join(d.dir, "told-"+strconv.Itoa(int(step)))
}

// has reports whether a step was answered.
func (d dialogue) has(step byte) bool {
	_, err := os.Stat(d.file(step))
	return err == nil
}

// added returns what the site adds in the round: made once, and kept in the round's
// folder until it is over, since what goes behind a mask must be the same again.
func (d dialogue) added(train func() (secagg.Contribution, error)) (c secagg.Contribution, err error) {
	file := filepath.Join(d.dir, "added")
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

// again sends the masked update once more, on a stream that is not the one that it
// was sent on.
func (d dialogue) again(site *secagg.Site, added func() (secagg.Contribution, error)) error {
	told, err := os.ReadFile(d.file(stepShares))
	if err != nil {
		return fmt.Errorf("what the coordinator said: %w", err)
	}
	c, err := added()
	if err != nil {
		return err
	}
	m, err := site.Masked(told, privacy.Hide(c))
	if err != nil {
		return err
	}
	_, err = d.s.ask(stepAgain, m)
	return err
}

func (d dialogue) say(step byte, message func() ([]byte, error)) ([]byte, error) {
	if b, err := os.ReadFile(d.file(step)); err == nil {
		return b, nil
	}
	m, err := message()
	if err != nil {
		return nil, err
	}
	told, err := d.s.ask(step, m)
	if err != nil {
		return nil, err
	}
	return told, durable.WriteFile(d.file(step), told)
}

// ask says something and waits for the answer.
func (s *stream) ask(step byte, m []byte) ([]byte, error) {
	if err := s.send(step, m); err != nil {
		return nil, err
	}
	what, b, err := s.receive()
	switch {
	case err != nil:
		return nil, err
	case what == late:
		return nil, errLate
	case what != answered:
		return nil, errFrame
	}
	return b, nil
}

// beginning asks what the round is, and refuses a roster that the ledger does not
// bear out.
func (h *Hospital) beginning(ctx context.Context, s *stream, on owner.SignedTraining, recipe Recipe) (r secagg.Round, roster []owner.TrainingMember, err error) {
	b, err := s.ask(stepBegin, nil)
	if err != nil {
		return r, nil, err
	}
	var begin beginning
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
		return r, nil, errLate
	}
	return recipe.secure(on, on.Round, roster, boss.Key), roster, nil
}

// given asks for the version that the round begins with.
func (h *Hospital) given(ctx context.Context, s *stream, on owner.SignedTraining) (state federated.State, err error) {
	open, err := h.Party.TrainingRound(ctx, on.ID, on.Round)
	if err != nil {
		return state, err
	}
	b, err := s.ask(stepVersion, nil)
	if err != nil {
		return state, err
	}
	if hashOf(b) != open.Parent {
		return state, notice.New(notice.Integrity, "the coordinator gives other parameters than the ledger says the round begins with", "leave the training: `manx train stop`")
	}
	if state, err = readVersion(b, on.Model.Parameters); err != nil {
		return state, notice.Because(err, notice.Integrity, "the parameters that the round begins with cannot be read", "leave the training: `manx train stop`")
	}
	return state, nil
}

// contribution trains on the rows of the site's list and returns what it adds.
func (h *Hospital) contribution(ctx context.Context, s *stream, on owner.SignedTraining, recipe Recipe, j joined, roster int) (c secagg.Contribution, err error) {
	state, err := h.given(ctx, s, on)
	if err != nil {
		return c, err
	}
	has, err := h.has(ctx, on, recipe, j)
	if err != nil {
		return c, err
	}
	h.show(Progress{Training: on.ID, Round: on.Round, Rounds: on.Rounds, What: "trains"})
	in := recipe.round(on.Training, state)
	in.Seed = h.seed(recipe)
	if in.Own, err = h.own(on, on.Round); err != nil {
		return c, err
	}
	v, own, err := recipe.vector(ctx, in, has)
	if err != nil {
		return c, err
	}
	if own != nil {
		if err := h.keepOwn(on, own); err != nil {
			return c, err
		}
	}
	if err := h.publish(ctx, s, on, recipe, j, in, has); err != nil {
		return c, err
	}
	most := most(roster)
	for i := range v { // beyond it there is next to nothing, and the sum must not wrap
		v[i] = min(max(v[i], -most), most)
	}
	return secagg.Contribution{Values: v, Weight: 1}, nil
}

// has returns what the site has for a round.
func (h *Hospital) has(ctx context.Context, on owner.SignedTraining, r Recipe, j joined) (s local.Site, err error) {
	if s.Program, err = h.program(r, j.Trainer); err != nil {
		return s, err
	}
	s.Groups = j.Groups
	s.Train, s.Test, err = h.covered(ctx, on, r, j)
	return s, err
}

// seed is of the site's own order of rows: another at each.
func (h *Hospital) seed(r Recipe) uint64 {
	sum := sha256.Sum256([]byte(h.Party.ID()))
	return r.Seed ^ binary.LittleEndian.Uint64(sum[:])
}

// own returns SCAFFOLD's control variate of this site from the last version that its
// update is in, nil where there is none.
func (h *Hospital) own(on owner.SignedTraining, round int) (v []float64, err error) {
	for i := len(on.Versions) - 1; i >= 0; i-- {
		at := on.Versions[i]
		if at.Round >= round || !slices.Contains(at.Sites, h.Party.ID()) {
			continue
		}
		b, err := os.ReadFile(filepath.Join(folder(h.Dir).of(on.ID), "own", strconv.Itoa(at.Round)))
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

func (h *Hospital) keepOwn(on owner.SignedTraining, v []float64) error {
	dir, err := made(filepath.Join(folder(h.Dir).of(on.ID), "own"))
	if err != nil {
		return err
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	return durable.WriteFile(filepath.Join(dir, strconv.Itoa(on.Round)), b)
}
