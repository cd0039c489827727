package training

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"manx/ledger"
	"manx/privacy"
	"manx/privacy/mpc"
	"manx/privacy/mpc/hub"
	"manx/privacy/mpc/link"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/privacy/seal"
	"manx/privacy/secagg"
	"manx/privacy/secagg/bounded"
	"manx/privacy/secagg/trio"
	"manx/storage/durable"
	"manx/web/owner"
)

// A dealer is a site's side of a round on shares, and where it is named for that,
// one of the three that compute. Its files are in the round's folder, by try: what it
// dealt; that it began to compute; what it signed and its share; and, for the round,
// whose sum it has signed.
type dealer struct {
	*Hospital
	dialogue
	on     owner.SignedTraining
	recipe Recipe
	round  trio.Round
	roster []owner.TrainingMember
	own    ed25519.PrivateKey
	added  func() (secagg.Contribution, error)
}

func (d dealer) at(what string, t trio.Try) string {
	return filepath.Join(d.dir, what+"-"+strconv.Itoa(t.Number))
}

// place is the site's own.
func (d dealer) place() int {
	return slices.IndexFunc(d.roster, func(m owner.TrainingMember) bool { return m.Site == d.Party.ID() })
}

// goThrough does what the coordinator says until the site's part is done.
func (d dealer) goThrough(ctx context.Context) error {
	for {
		since, err := folder(d.Hospital.Dir).measuredUntil(d.on.ID)
		if err != nil {
			return err
		}
		b, err := d.s.ask(stepNext, []byte(strconv.Itoa(since)))
		if err != nil {
			return err
		}
		var i instruction
		if err := ledger.Decode(b, &i); err != nil {
			return notice.Because(err, notice.Integrity, "the coordinator does not say what to do next", "leave the training: `manx train stop`")
		}
		step, m := byte(0), []byte(nil)
		switch i.What {
		case toDeal:
			step = stepDeal
			m, err = once(d.at("dealt", i.Try), func() ([]byte, error) { return d.deal(ctx, i.Try) })
		case toCompute:
			step, m, err = d.compute(ctx, i)
		case toTell:
			step = stepShare
			m, err = d.tell(i)
		case toEnd:
			if slices.ContainsFunc(i.Measured, func(m measured) bool { return m.Round <= since }) {
				return unmeasured(errFrame)
			}
			if err := d.hear(ctx, d.on, d.recipe, i.Measured); err != nil || len(i.Measured) == 0 {
				return err
			}
			continue // there may be more, and the coordinator hears that this was kept
		default:
			err = errFrame
		}
		if err != nil {
			return err
		}
		if _, err := d.s.ask(step, m); err != nil {
			return err
		}
	}
}

// once returns what a file holds, or makes it.
func once(file string, fresh func() ([]byte, error)) ([]byte, error) {
	if b, err := os.ReadFile(file); !errors.Is(err, fs.ErrNotExist) {
		return b, err
	}
	b, err := fresh()
	if err != nil {
		return nil, err
	}
	return b, durable.WriteFile(file, b)
}

// deal deals what the site adds to the three of a try.
func (d dealer) deal(ctx context.Context, t trio.Try) ([]byte, error) {
	var to [mpc.Parties]seal.Recipient
	for k, place := range t.Trio {
		if !slices.Contains(d.round.Pool, place) { // the coordinator's word is not enough
			return nil, notice.New(notice.Integrity, "the coordinator has others compute than the proposal names", "leave the training: `manx train stop`")
		}
		var err error
		if to[k], err = d.Party.RecipientOf(ctx, d.roster[place].Site); err != nil {
			return nil, err
		}
	}
	c, err := d.added()
	if err != nil {
		return nil, err
	}
	if d.deals != nil {
		return d.deals(d.round, t, d.place(), to, c.Values)
	}
	return d.round.Deal(t, d.place(), d.Party.Keys, to, privacy.Hide(d.recipe.updates(c.Values, d.on.Model.Parameters)))
}

// compute computes with the other two. It is done once: what came of it is said again.
func (d dealer) compute(ctx context.Context, i instruction) (step byte, m []byte, err error) {
	none := func(f failure) (byte, []byte, error) {
		f.Try = i.Number
		m, err := json.Marshal(f)
		return stepFailed, m, err
	}
	if b, err := os.ReadFile(d.at("ready", i.Try)); !errors.Is(err, fs.ErrNotExist) {
		return stepReady, b, err
	}
	bound, err := d.bound()
	if err != nil {
		return 0, nil, err
	}
	if set, err := d.round.Set(i.Work); err != nil || bound != nil && !slices.Equal(bound, set) {
		return none(failure{Bound: bound})
	}
	if _, err := os.Stat(d.at("tried", i.Try)); err == nil {
		return none(failure{}) // it was killed in it
	}
	if err := durable.WriteFile(d.at("tried", i.Try), nil); err != nil {
		return 0, nil, err
	}
	measure, err := d.measure(ctx)
	if err != nil {
		return 0, nil, err
	}
	said, share, err := d.round.Compute(ctx, trio.Computer{Place: d.place(), Signer: d.Party.Keys, Opener: d.Party.Keys, Connect: d.connect, Measure: measure, Patience: d.Patience}, i.Work)
	unusable := &trio.UnusableError{}
	if errors.As(err, &unusable) {
		return none(failure{Bad: unusable.Sites})
	}
	if err != nil {
		d.Log.DebugContext(ctx, "a try has failed", "training", d.on.ID, "round", d.on.Round, "try", i.Number, "err", err)
		return none(failure{Few: errors.Is(err, trio.ErrTooFew)})
	}
	return stepReady, said, d.sign(i.Try, said, share)
}

// sign keeps the share, then whose sum it is, then what the site says of it.
func (d dealer) sign(t trio.Try, said []byte, share privacy.Secret[[]byte]) error {
	set, err := d.round.Bound(said)
	if err != nil {
		return err
	}
	b, err := json.Marshal(set)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	if err := durable.WriteFile(d.at("share", t), share.Reveal(reveal.Token{})); err != nil {
		return err
	}
	if err := durable.WriteFile(filepath.Join(d.dir, "bound"), b); err != nil {
		return err
	}
	return durable.WriteFile(d.at("ready", t), said)
}

// bound returns the places whose sum the site has signed in this round, nil where it
// signed none.
func (d dealer) bound() (set []int, err error) {
	b, err := os.ReadFile(filepath.Join(d.dir, "bound"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = ledger.Decode(b, &set)
	}
	return set, err
}

// tell tells the site's share, once all three have signed the same.
func (d dealer) tell(i instruction) ([]byte, error) {
	own, err := os.ReadFile(d.at("ready", i.Try))
	if err != nil {
		return nil, fmt.Errorf("what this site has signed: %w", err)
	}
	if err := d.round.MayTell(own, i.Ready); err != nil {
		return nil, err
	}
	return os.ReadFile(d.at("share", i.Try))
}

// connect meets the other two of a try at the hub.
func (d dealer) connect(ctx context.Context, session [32]byte, next, previous int) (n, p net.Conn, err error) {
	ctx, cancel := context.WithTimeout(ctx, d.Patience)
	defer cancel()
	own, _ := d.own.Public().(ed25519.PublicKey)
	meet := func(place int) (net.Conn, error) {
		return hub.Dial(ctx, d.on.Hub, hub.Meeting{Session: session, From: name(own), To: name(d.roster[place].Stream)})
	}
	dialled := make(chan error, 1)
	go func() {
		raw, err := meet(next)
		if err == nil {
			n, err = link.Over(ctx, raw, d.own, d.roster[next].Stream, session)
		}
		dialled <- err
	}()
	raw, err := meet(previous)
	if err == nil {
		var named [32]byte
		p, _, named, err = link.Accept(ctx, raw, d.own, func(k ed25519.PublicKey) bool { return k.Equal(d.roster[previous].Stream) })
		if err == nil && named != session {
			err = errFrame
		}
	}
	if err = errors.Join(err, <-dialled); err == nil {
		return n, p, nil
	}
	for _, c := range []net.Conn{n, p} {
		if c != nil {
			err = errors.Join(err, c.Close())
		}
	}
	return nil, nil, err
}

// updates parts what a site adds, Recipe.vector's, into what it deals: its update with
// its weight, SCAFFOLD's change of control, and its counts.
func (r Recipe) updates(v []float64, parameters int) (all []bounded.Update) {
	if r.Private != nil {
		return []bounded.Update{{Values: v[:parameters], Weight: 1}, {Values: v[parameters:], Weight: 1}}
	}
	n := r.Algorithm.Length(parameters)
	weight := v[n-1]
	first := bounded.Update{Weight: max(r.whole(weight), 1)}
	for _, x := range v[:parameters] {
		if weight > 0 { // nothing is learnt in a round of none
			x /= weight
		}
		first.Values = append(first.Values, x)
	}
	all = append(all, first)
	if n-1 > parameters {
		all = append(all, bounded.Update{Values: v[parameters : n-1], Weight: 1})
	}
	return append(all, bounded.Update{Values: v[n:], Weight: 1})
}
