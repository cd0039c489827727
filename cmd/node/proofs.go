package node

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"manx/cmd/node/canary"
	"manx/ledger"
	"manx/ml/pool"
	"manx/ml/pool/result"
	"manx/ml/pool/sandbox"
	"manx/privacy/notice"
	"manx/storage/vault"
)

// startCanaries asks jobs whose results are known, where the node's operator wants some.
func (n *Node) startCanaries(running context.Context, k *clerk, l opened) error {
	if n.opts.Canaries == 0 {
		return nil
	}
	packs, err := vault.Over(k.stores)
	if err != nil {
		return err
	}
	from, err := l.Height()
	if err != nil {
		return fmt.Errorf("canaries: %w", err)
	}
	people := &canary.People{Dir: filepath.Join(n.opts.Dir, "canaries", "people"), Address: n.Address}
	if err := people.Open(); err != nil {
		return err
	}
	box := &sandbox.Engine{Command: []string{n.opts.Manx, "worker", "evaluate", string(pool.CKKS)}, Log: k.log}
	a := &canary.Asker{Dir: filepath.Join(n.opts.Dir, "canaries"), Share: n.opts.Canaries, Within: n.opts.CanariesWithin, Ledger: l, From: from + 1, Packs: packs, Engine: box,
		Ask: people.Ask, Mine: people.Mine, Spent: people.Spent, Order: k.order, Again: n.runAgain, Log: k.log}
	n.group.Go(func() error { return errors.Join(a.Run(running), box.Close()) })
	return nil
}

// order submits a command of the first organisation that a majority signs.
func (k *clerk) order(ctx context.Context, body ledger.Body) error {
	now, err := k.now(ctx)
	if err != nil {
		return err
	}
	c, err := sign(ctx, k.genesis, k.orgs, now, ledger.NewCommandID(), body)
	if err != nil {
		return err
	}
	_, err = k.ledger.Submit(ctx, c)
	return err
}

// prove moves on the jobs that asked for proof: while one is ready the organisations
// show links of the beacon, and it is drawn; of those that are revealed they say
// which results can be fetched.
func (k *clerk) prove(ctx context.Context, open map[ledger.JobID]ledger.Job) error {
	var errs []error
	for _, j := range open {
		if j.Proving != nil && j.Stage == ledger.Ready {
			errs = append(errs, k.roll(ctx))
			break
		}
	}
	for _, j := range open {
		switch {
		case j.Proving == nil:
		case j.Stage == ledger.Ready:
			errs = append(errs, k.draw(ctx, j))
		case j.Stage == ledger.Revealed:
			errs = append(errs, k.find(ctx, j))
		}
	}
	return errors.Join(errs...)
}

// draw draws a job by the first value after it was ready, once that is there. Too
// few stakes are waited for until the job's time for it has passed.
func (k *clerk) draw(ctx context.Context, j ledger.Job) error {
	b, err := k.beacon(ctx)
	if err != nil {
		return err
	}
	for v := b.Latest; v.Number > 0; {
		if v.First(j.At[ledger.Ready]) {
			return k.send(ctx, ledger.DrawJob{Job: j.ID, Value: v.Number})
		}
		if v.Epoch <= ledger.EpochOf(j.At[ledger.Ready]) || v.Number == 1 {
			return nil // its value comes
		}
		before := v.Number - 1
		if err := k.read(ctx, ledger.BeaconValueKey(before), &v); err != nil {
			return err
		}
		if v.Number != before {
			return nil // forgotten
		}
	}
	return nil
}

func (k *clerk) send(ctx context.Context, body ledger.Body) error {
	now, err := k.now(ctx)
	if err != nil {
		return err
	}
	c, err := ledger.NewCommand(k.genesis.ID(), k.exchange(), now+600, body)
	if err != nil {
		return err
	}
	if _, err := k.ledger.Submit(ctx, c); err != nil && !notice.Is(err, notice.Conflict) && !notice.Is(err, notice.Unavailable) && !notice.Is(err, notice.Expired) {
		return err
	}
	return nil
}

// find fetches what a job's replicas revealed and signs which of it is not there or
// is not what they said.
func (k *clerk) find(ctx context.Context, j ledger.Job) error {
	packs, err := vault.Over(k.stores)
	if err != nil {
		return err
	}
	body := ledger.FindResults{Job: j.ID}
	now, err := k.now(ctx)
	if err != nil {
		return err
	}
	patient := now < j.Proving.Until-ledger.RevealWithin/2
	fetched := map[string]ledger.Hash{} // by name: those who agree store the same pack
	for _, r := range j.Proving.Replicas {
		if r.Hash.IsZero() {
			continue
		}
		name := r.Result.String()
		h, ok := fetched[name]
		if !ok {
			if h, err = hashOf(ctx, packs, r); err != nil && (patient || ctx.Err() != nil) {
				return err // nodes fail, too: half of the window is for trying again
			}
			fetched[name] = h
		}
		if h != r.Hash {
			body.Lost = append(body.Lost, r.Worker)
		}
	}
	c, err := sign(ctx, k.genesis, k.orgs, now, idOf("found", string(j.ID)), body)
	if err != nil {
		return err
	}
	if _, err := k.ledger.Submit(ctx, c); err != nil && !notice.Is(err, notice.Conflict) {
		return err
	}
	return nil
}

// hashOf returns the SHA-256 of a result's bytes, or an error where they are not to
// be had.
func hashOf(ctx context.Context, packs *vault.Vault, r ledger.Replica) (h ledger.Hash, err error) {
	p, err := packs.Open(ctx, r.Result)
	if err != nil {
		return h, err
	}
	defer p.Close()
	if p.Size() > result.MaxResult {
		return h, notice.New(notice.Exhausted, "a result is longer than any", "")
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, p); err != nil {
		return h, err
	}
	return ledger.Hash(sum.Sum(nil)), nil
}
