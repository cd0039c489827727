package node

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/storage"
	"manx/storage/holding"
)

// A prover does what an embedded network's organisations do about holding: storage
// node n is run by organisation n modulo their number; another organisation asks it
// for blobs drawn at random, it answers, the other reads the blobs from it and
// judges, and a majority, each of which has looked itself, pays out of the
// exchange's part. Here one process is all of them, so that it shows the way and is
// one party's word.
type prover struct {
	*clerk
	stores   []storage.Blobs
	followed mark
}

// The schedule of an embedded network: an organisation may earn 0.192 MAN a day.
const (
	holdingEvery = ledger.Time(3600)
	holdingBlobs = 8
)

func holdingEach() ledger.Amount { return ledger.MAN(1).Part(1, 1000) }

// run follows the ledger from its mark until ctx ends. The first challenges come when
// the schedule's time has passed since it began.
func (p *prover) run(ctx context.Context) error {
	from, err := p.followed.read()
	if err != nil {
		return err
	}
	began := ledger.Time(0)
	open := map[ledger.HoldingID]ledger.Height{}
	for e, err := range p.ledger.Events(ctx, from) {
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("prover: %w", err)
		}
		switch e.Name {
		case ledger.HoldingChanged:
			var h ledger.Holding
			if err := json.Unmarshal(e.Body, &h); err != nil {
				return fmt.Errorf("challenge on the ledger: %w", err)
			}
			if _, known := open[h.ID]; !known {
				open[h.ID] = e.Height
			}
			p.duty(ctx, h, open)
		case ledger.TimeTicked:
			var now ledger.Clock
			if err := json.Unmarshal(e.Body, &now); err != nil {
				return fmt.Errorf("time on the ledger: %w", err)
			}
			oldest := e.Height
			for id, since := range open { // what failed is tried again
				if h, err := read[ledger.Holding](ctx, p.ledger, id); err == nil {
					p.duty(ctx, h, open)
				}
				if _, is := open[id]; is {
					oldest = min(oldest, since)
				}
			}
			if began == 0 {
				began = now.Now
			}
			if now.Now-began >= holdingEvery {
				began = now.Now
				p.try(ctx, "holding", p.ask)
			}
			if err := p.followed.keep(oldest); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *prover) duty(ctx context.Context, h ledger.Holding, open map[ledger.HoldingID]ledger.Height) {
	p.try(ctx, "holding", func(ctx context.Context) error {
		over, err := p.further(ctx, h)
		if over {
			delete(open, h.ID)
		}
		if notice.Is(err, notice.Conflict) {
			return nil // it has gone further meanwhile
		}
		return err
	})
}

// ask challenges every organisation that runs storage nodes and is not the exchange,
// by the next one, over blobs of its nodes.
func (p *prover) ask(ctx context.Context) error {
	now, err := p.now(ctx)
	if err != nil {
		return err
	}
	if _, err := p.ledger.Read(ctx, ledger.HoldingScheduleKey); errors.Is(err, fs.ErrNotExist) {
		c, err := sign(ctx, p.genesis, p.orgs, now, idOf("holding schedule", string(p.genesis.ID())),
			ledger.SetHoldings{HoldingSchedule: ledger.HoldingSchedule{Each: holdingEach(), Every: holdingEvery, Blobs: holdingBlobs}})
		if err == nil {
			_, err = p.ledger.Submit(ctx, c)
		}
		if err != nil {
			return err
		}
	} else if err != nil {
		return err
	}
	var errs []error
	for i, o := range p.orgs {
		if o.ID == p.exchange().ID {
			continue
		}
		blobs, err := p.sample(ctx, i)
		if err != nil || len(blobs) == 0 {
			errs = append(errs, err)
			continue
		}
		c, err := ledger.NewCommand(p.genesis.ID(), p.orgs[(i+1)%len(p.orgs)], now+600, ledger.AskHolding{Provider: o.ID, Blobs: blobs})
		if err == nil {
			_, err = p.ledger.Submit(ctx, c)
		}
		if !notice.Is(err, notice.Exhausted) { // asked not long ago
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// sample draws blobs of an organisation's nodes, as many of each.
func (p *prover) sample(ctx context.Context, org int) (blobs []storage.Ref, err error) {
	var mine []int
	for n := org; n < len(p.stores); n += len(p.orgs) {
		mine = append(mine, n)
	}
	seen := map[storage.Ref]bool{}
	for _, n := range mine {
		for range holdingBlobs / len(mine) { // each from a place of its own
			var at storage.Ref
			_, _ = rand.Read(at[:])
			some, err := p.index.Some(ctx, n, at.String(), 1)
			if err != nil {
				return nil, err
			}
			for _, s := range some {
				r, err := storage.ParseRef(s)
				if err != nil {
					return nil, fmt.Errorf("blob of the index: %w", err)
				}
				if !seen[r] {
					seen[r] = true
					blobs = append(blobs, r)
				}
			}
		}
	}
	return blobs, nil
}

// get reads a blob off the nodes of an organisation, nil where none has it whole.
func (p *prover) get(ctx context.Context, org int, r storage.Ref) ([]byte, error) {
	for n := org; n < len(p.stores); n += len(p.orgs) {
		b, err := p.stores[n].Get(ctx, r)
		switch {
		case err == nil:
			return b, nil
		case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, storage.ErrCorrupt):
			return nil, err
		}
	}
	return nil, nil
}

// further takes a challenge a step further, as whose turn it is; over says that
// nothing more is to be done about it.
func (p *prover) further(ctx context.Context, h ledger.Holding) (over bool, err error) {
	org, verifier := p.place(h.Provider), p.place(h.Verifier)
	if org < 0 || verifier < 0 || h.Stage == ledger.HoldingPaid || h.Stage == ledger.HoldingJudged && h.Shown() == 0 {
		return true, nil
	}
	now, err := p.now(ctx)
	if err != nil {
		return false, err
	}
	by, body := p.orgs[verifier], ledger.Body(nil)
	switch {
	case h.Stage == ledger.HoldingAsked && now < h.Due:
		answers := make([]ledger.Hash, len(h.Blobs))
		for i, r := range h.Blobs {
			b, err := p.get(ctx, org, r)
			if err != nil {
				return false, err
			}
			if b != nil {
				answers[i] = holding.Answer(h.Seed, r, b)
			}
		}
		by, body = p.orgs[org], ledger.AnswerHolding{Holding: h.ID, Answers: answers}
	case h.Stage == ledger.HoldingAsked:
		body = ledger.JudgeHolding{Holding: h.ID}
	case h.Stage == ledger.HoldingAnswered:
		right, err := p.right(ctx, org, h)
		if err != nil {
			return false, err
		}
		body = ledger.JudgeHolding{Holding: h.ID, Right: right}
	default:
		return p.reward(ctx, org, h)
	}
	c, err := ledger.NewCommand(p.genesis.ID(), by, now+600, body)
	if err == nil {
		_, err = p.ledger.Submit(ctx, c)
	}
	return false, err
}

func (p *prover) place(id ledger.PartyID) int {
	for i, o := range p.orgs {
		if o.ID == id {
			return i
		}
	}
	return -1
}

// right checks answers against the blobs' own bytes, read from the provider.
func (p *prover) right(ctx context.Context, org int, h ledger.Holding) ([]bool, error) {
	right := make([]bool, len(h.Blobs))
	for i, r := range h.Blobs {
		b, err := p.get(ctx, org, r)
		if err != nil {
			return nil, err
		}
		right[i] = b != nil && holding.Right(h.Seed, r, b, h.Answers[i])
	}
	return right, nil
}

// reward pays for a challenge, once the organisations that sign have looked again. A
// blob that its owner has deleted since cannot be looked at: then the verifier's word
// stands. What they find wrong they do not sign for, and nobody is paid.
func (p *prover) reward(ctx context.Context, org int, h ledger.Holding) (over bool, err error) {
	for i, r := range h.Blobs {
		b, err := p.get(ctx, org, r)
		if err != nil {
			return false, err
		}
		if h.Right[i] && b != nil && !holding.Right(h.Seed, r, b, h.Answers[i]) {
			p.log.WarnContext(ctx, "a wrong answer about holding was judged right", slog.String("challenge", string(h.ID)))
			return true, nil
		}
	}
	raw, err := p.ledger.Read(ctx, ledger.HoldingScheduleKey)
	if err != nil {
		return false, err
	}
	var s ledger.HoldingSchedule
	if err := json.Unmarshal(raw, &s); err != nil {
		return false, fmt.Errorf("schedule on the ledger: %w", err)
	}
	due := ledger.Amount{}
	for range h.Shown() {
		if due, err = due.Add(s.Each); err != nil {
			return false, err
		}
	}
	p.till.Lock()
	defer p.till.Unlock()
	c, now, err := p.purse(ctx, due)
	if errors.Is(err, errNotYet) {
		return false, nil // until it has earned as much
	}
	if err != nil {
		return false, err
	}
	first := p.exchange()
	signers := append([]organisation{first}, slices.DeleteFunc(slices.Clone(p.orgs), func(o organisation) bool { return o.ID == first.ID })...)
	id := idOf("holding", string(h.ID), string(c.ID)) // with another coin it is another command
	cmd, err := sign(ctx, p.genesis, signers, now, id, ledger.PayHoldings{Holdings: []ledger.HoldingID{h.ID}, Fund: []ledger.CoinID{c.ID}})
	if err == nil {
		_, err = p.ledger.Submit(ctx, cmd)
	}
	return err == nil, err
}
