package fabric

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hyperledger/fabric-protos-go/common"
	pb "github.com/hyperledger/fabric-protos-go/peer"

	"manx/ledger"
	"manx/ledger/fabric/batch"
)

// A lane gathers commands into batches. Several batches may be under way; those
// that change what many change go one at a time, and a tick, which everybody
// reads, alone.
type lane struct {
	l       *Ledger
	name    ledger.Vertical
	waiting chan *request
	slots   chan struct{} // one a batch under way
	second  atomic.Int64  // which of the others endorses
}

type request struct {
	command ledger.Command
	size    int // about its bytes on the wire
	reply   chan<- reply
}

type reply struct {
	height ledger.Height
	err    error
}

const (
	underWay  = 6                    // batches of a lane at once, more where they are small
	linger    = 2 * time.Millisecond // how long a batch waits for company
	maxSaid   = 4                    // tries of a command that the contract cannot run
	maxApart  = 3                    // tries with a second endorser that answers otherwise than our own
	everybody = 1 << 20              // the weight of a batch that runs alone
)

// The commands that change state which others read or change too: contract
// time; the supply; the receipt tree. Batches with them would only conflict. It
// is a matter of speed: a conflict that it does not foresee is run again.
func shares(name string) (alone, hot bool) {
	switch name {
	case "time.tick":
		return true, true
	case "coin.issue", "coin.burn", "job.accept", "job.judge", "job.close", "job.settle", "job.deny", "grant.revoke", "record.erase", "receipt.checkpoint":
		return false, true
	}
	return false, false
}

// run is the lane's only gatherer; it returns when ctx ends and its batches have.
func (a *lane) run(ctx context.Context) {
	var held *request // it did not fit into the batch before
	for {
		first := held
		if first == nil {
			select {
			case <-ctx.Done():
				return
			case first = <-a.waiting:
			}
		}
		select {
		case <-ctx.Done():
			first.reply <- reply{err: errClosed}
			return
		case a.slots <- struct{}{}:
		}
		var all []*request
		all, held = a.gather(ctx, first)
		a.l.work.Go(func() {
			defer func() { <-a.slots }()
			a.settle(ctx, all, false)
		})
	}
}

// gather takes what waits, up to the bounds of a batch, first's slot being taken.
func (a *lane) gather(ctx context.Context, first *request) (all []*request, held *request) {
	all = append(all, first)
	size := first.size
	patience := time.Duration(0)
	if len(a.slots) > 1 { // others are under way: whoever waits for them comes soon
		patience = linger
	}
	enough := time.NewTimer(patience)
	defer enough.Stop()
	for len(all) < a.l.cfg.Batch {
		select {
		case r := <-a.waiting:
			if size += r.size; size > batch.MaxBytes-4096 {
				return all, r
			}
			all = append(all, r)
		case <-enough.C:
			return all, nil
		case <-ctx.Done():
			return all, nil
		}
	}
	return all, nil
}

// settle brings a batch onto the ledger and answers everybody in it. sent says
// that an earlier try may have brought it to the orderers.
func (a *lane) settle(ctx context.Context, all []*request, sent bool) {
	ctx, cancel := context.WithTimeout(ctx, a.l.cfg.Patience)
	defer cancel()
	pause, alone, said, apart := firstPause, false, 0, 0
	for {
		var err error
		all, err = a.try(ctx, all, alone)
		switch {
		case len(all) == 0:
			return
		case errors.Is(err, errConflict):
			alone = true // it lost a race: run it again without company
			continue
		case errors.Is(err, errFinal):
			answer(all, err)
			return
		}
		if contractSaid(err) {
			if len(all) > 1 { // one command may keep the others from being run
				half := len(all) / 2
				a.settle(ctx, all[:half], sent)
				all = all[half:]
				continue
			}
			if said++; said == maxSaid {
				answer(all, fmt.Errorf("%w: %w", errFinal, err))
				return
			}
		}
		disagree, early := errors.Is(err, errDisagree), errors.Is(err, errEarly)
		sent = sent || !early && !errors.Is(err, errUnsent)
		if disagree {
			// It is a block behind, or will not agree: its clock is wrong.
			if apart++; apart%maxApart == 0 {
				a.second.Add(1)
			}
		} else {
			a.l.cfg.Log.DebugContext(ctx, "a batch is tried again", "lane", string(a.name), "commands", len(all), "error", err)
			a.second.Add(1)
		}
		if wait(ctx, pause) != nil {
			if sent || a.l.ctx.Err() != nil {
				answer(all, errors.Join(errUnknown, err))
			} else if early {
				answer(all, unreachable(err, "a peer that must endorse"))
			} else {
				answer(all, unreachable(err, "every orderer"))
			}
			return
		}
		if pause = min(2*pause, lastPause); disagree {
			pause = min(pause, 4*firstPause) // a peer is a block behind
		}
	}
}

var (
	errConflict = errors.New("another transaction came first")
	errFinal    = errors.New("the transaction cannot be committed")
	errEarly    = errors.New("the batch was not endorsed")
	errUnknown  = errors.New("the ledger's answer did not come: the command may be applied or not, and may be sent again")
)

func answer(all []*request, err error) {
	for _, r := range all {
		r.reply <- reply{err: err}
	}
}

// try endorses, orders and waits once. It answers who can be answered and
// returns the others when they must be tried again.
func (a *lane) try(ctx context.Context, all []*request, alone bool) (again []*request, _ error) {
	b := batch.Batch{Lane: a.name, Commands: make([]ledger.Command, len(all))}
	hot := false
	for i, r := range all {
		b.Commands[i] = r.command
		x, y := shares(r.command.Name)
		alone, hot = alone || x, hot || y
	}
	weight := int64(1)
	if alone {
		weight = everybody
	} else if hot {
		if err := a.l.hot.Acquire(ctx, 1); err != nil {
			return all, fmt.Errorf("%w: %w", errEarly, err)
		}
		defer a.l.hot.Release(1)
	}
	if err := a.l.gate.Acquire(ctx, weight); err != nil {
		return all, fmt.Errorf("%w: %w", errEarly, err)
	}
	defer a.l.gate.Release(weight)

	others := a.l.net.others[a.name]
	if len(others) == 0 {
		return all, fmt.Errorf("%w: no second organisation endorses the %s lane", errFinal, a.name)
	}
	p, err := a.l.net.endorse(ctx, b, others[int(a.second.Load())%len(others)])
	if err != nil {
		return all, fmt.Errorf("%w: %w", errEarly, err)
	}
	done := committed{}
	for _, o := range p.report.Outcomes {
		if o.Applied {
			if done, err = a.l.commit(ctx, p); err != nil {
				return all, err
			}
			break
		}
	}
	for i, r := range all {
		if out, err := a.l.replyOf(ctx, p, i, done); err != nil {
			a.l.cfg.Log.DebugContext(ctx, "where a command was applied could not be read", "error", err)
			again = append(again, r) // it asks again
		} else {
			r.reply <- out
		}
	}
	return again, nil
}

// commit orders a transaction and waits until our own peer has it. An error
// other than errConflict and errFinal leaves open whether it will.
func (l *Ledger) commit(ctx context.Context, p *proposal) (committed, error) {
	done := l.watch(p.tx)
	defer l.unwatch(p.tx)
	if err := l.net.order(ctx, p.envelope); err != nil {
		return committed{}, err
	}
	late := time.NewTimer(l.cfg.CommitPatience)
	defer late.Stop()
	var c committed
	select {
	case c = <-done:
	case <-ctx.Done():
		return c, ctx.Err()
	case <-late.C:
		// The orderer may have lost it, or our peer may be behind: look before trying again.
		b, found, err := l.net.blockOf(ctx, p.tx)
		if err != nil {
			return c, err
		}
		if !found {
			return c, errors.New("the transaction was ordered and did not arrive in time")
		}
		if c, found = find(b, l.cfg.Contract, p.tx); !found {
			return c, errors.New("the transaction's block does not have it")
		}
	}
	switch {
	case valid(c.code):
		return c, nil
	case conflicts(c.code):
		return c, errConflict
	}
	return c, fmt.Errorf("%w: %s", errFinal, c.code)
}

// A committed transaction has a place, and a verdict of the peer's.
type committed struct {
	block uint64
	place int
	code  pb.TxValidationCode
}

func find(b *common.Block, contract, tx string) (committed, bool) {
	for _, t := range transactions(b, contract) {
		if t.id == tx {
			return committed{b.GetHeader().GetNumber(), t.place, t.valid}, true
		}
	}
	return committed{}, false
}

// replyOf says what became of the i-th command of a batch. What was refused
// beside commands that were applied is answered after the commit: it may rest on
// them.
func (l *Ledger) replyOf(ctx context.Context, p *proposal, i int, done committed) (r reply, err error) {
	o := p.report.Outcomes[i]
	switch {
	case o.Refused != nil:
		return reply{err: o.Refused.Err()}, nil
	case o.Applied:
		r.height, r.err = batch.HeightOf(done.block, done.place, i)
		return r, nil
	case o.Before == nil:
		return reply{err: errors.New("the contract's answer says nothing of the command")}, nil
	case o.Before.Tx != p.tx:
		b, found, err := l.net.blockOf(ctx, o.Before.Tx)
		if err == nil && found {
			done, found = find(b, l.cfg.Contract, o.Before.Tx)
		}
		if err != nil || !found {
			return r, errors.Join(err, errors.New("the transaction that applied the command was not found"))
		}
	}
	r.height, r.err = batch.HeightOf(done.block, done.place, o.Before.Index)
	return r, nil
}
