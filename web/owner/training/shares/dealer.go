package shares

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
	"manx/ml/federated"
	"manx/privacy"
	"manx/privacy/mpc"
	"manx/privacy/mpc/hub"
	"manx/privacy/mpc/link"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/privacy/seal"
	"manx/privacy/secagg"
	"manx/privacy/secagg/trio"
	"manx/storage/durable"
	"manx/web/owner"
	"manx/web/owner/training/house"
	"manx/web/owner/training/measured"
	"manx/web/owner/training/recipe"
	"manx/web/owner/training/stream"
)

// A Dealer is a site's side of a round on shares, and where it is named for that,
// one of the three that compute. Its files are in the round's folder, by try: what it
// dealt; that it began to compute; what it signed and its share; and, for the round,
// whose sum it has signed.
type Dealer struct {
	*house.House
	stream.Dialogue
	On     owner.SignedTraining
	Recipe recipe.Recipe
	Round  trio.Round
	Roster []owner.TrainingMember
	Own    ed25519.PrivateKey                                 // of the site's streams
	Added  func() (secagg.Contribution, error)                // what the site adds: the same whenever asked
	Given  func(ctx context.Context) (federated.State, error) // the version that the round begins with
	Deals  Deals                                              // of tests; nil
}

// Deals deals a vector in the place of a site that keeps to the protocol, as package trio
// would: to the three of a try, from a place.
type Deals func(r trio.Round, t trio.Try, place int, to [mpc.Parties]seal.Recipient, vector []float64) ([]byte, error)

func (d Dealer) at(what string, t trio.Try) string {
	return filepath.Join(d.Dir, what+"-"+strconv.Itoa(t.Number))
}

// place is the site's own.
func (d Dealer) place() int {
	return slices.IndexFunc(d.Roster, func(m owner.TrainingMember) bool { return m.Site == d.Party.ID() })
}

// GoThrough does what the coordinator says until the site's part is done.
func (d Dealer) GoThrough(ctx context.Context) error {
	for {
		since, err := measured.Until(d.Folder, d.On.ID)
		if err != nil {
			return err
		}
		b, err := d.Ask(stream.StepNext, []byte(strconv.Itoa(since)))
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
			step = stream.StepDeal
			m, err = once(d.at("dealt", i.Try), func() ([]byte, error) { return d.deal(ctx, i.Try) })
		case toCompute:
			step, m, err = d.compute(ctx, i)
		case toTell:
			step = stream.StepShare
			m, err = d.tell(i)
		case toEnd:
			if slices.ContainsFunc(i.Measured, func(m measured.Round) bool { return m.Round <= since }) {
				return measured.Unsigned(stream.ErrFrame)
			}
			if err := measured.Hear(ctx, d.House, d.On, d.Recipe, i.Measured); err != nil || len(i.Measured) == 0 {
				return err
			}
			continue // there may be more, and the coordinator hears that this was kept
		default:
			err = stream.ErrFrame
		}
		if err != nil {
			return err
		}
		if _, err := d.Ask(step, m); err != nil {
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
func (d Dealer) deal(ctx context.Context, t trio.Try) ([]byte, error) {
	var to [mpc.Parties]seal.Recipient
	for k, place := range t.Trio {
		if !slices.Contains(d.Round.Pool, place) { // the coordinator's word is not enough
			return nil, notice.New(notice.Integrity, "the coordinator has others compute than the proposal names", "leave the training: `manx train stop`")
		}
		var err error
		if to[k], err = d.Party.RecipientOf(ctx, d.Roster[place].Site); err != nil {
			return nil, err
		}
	}
	c, err := d.Added()
	if err != nil {
		return nil, err
	}
	if d.Deals != nil {
		return d.Deals(d.Round, t, d.place(), to, c.Values)
	}
	return d.Round.Deal(t, d.place(), d.Party.Keys, to, privacy.Hide(d.Recipe.Updates(c.Values, d.On.Model.Parameters)))
}

// compute computes with the other two. It is done once: what came of it is said again.
func (d Dealer) compute(ctx context.Context, i instruction) (step byte, m []byte, err error) {
	none := func(f failure) (byte, []byte, error) {
		f.Try = i.Number
		m, err := json.Marshal(f)
		return stream.StepFailed, m, err
	}
	if b, err := os.ReadFile(d.at("ready", i.Try)); !errors.Is(err, fs.ErrNotExist) {
		return stream.StepReady, b, err
	}
	bound, err := d.bound()
	if err != nil {
		return 0, nil, err
	}
	if set, err := d.Round.Set(i.Work); err != nil || bound != nil && !slices.Equal(bound, set) {
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
	said, share, err := d.Round.Compute(ctx, trio.Computer{Place: d.place(), Signer: d.Party.Keys, Opener: d.Party.Keys, Connect: d.connect, Measure: measure, Patience: d.Patience}, i.Work)
	unusable := &trio.UnusableError{}
	if errors.As(err, &unusable) {
		return none(failure{Bad: unusable.Sites})
	}
	if err != nil {
		d.Log.DebugContext(ctx, "a try has failed", "training", d.On.ID, "round", d.On.Round, "try", i.Number, "err", err)
		return none(failure{Few: errors.Is(err, trio.ErrTooFew)})
	}
	return stream.StepReady, said, d.sign(i.Try, said, share)
}

// sign keeps the share, then whose sum it is, then what the site says of it.
func (d Dealer) sign(t trio.Try, said []byte, share privacy.Secret[[]byte]) error {
	set, err := d.Round.Bound(said)
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
	if err := durable.WriteFile(filepath.Join(d.Dir, "bound"), b); err != nil {
		return err
	}
	return durable.WriteFile(d.at("ready", t), said)
}

// bound returns the places whose sum the site has signed in this round, nil where it
// signed none.
func (d Dealer) bound() (set []int, err error) {
	b, err := os.ReadFile(filepath.Join(d.Dir, "bound"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = ledger.Decode(b, &set)
	}
	return set, err
}

// tell tells the site's share, once all three have signed the same.
func (d Dealer) tell(i instruction) ([]byte, error) {
	own, err := os.ReadFile(d.at("ready", i.Try))
	if err != nil {
		return nil, fmt.Errorf("what this site has signed: %w", err)
	}
	if err := d.Round.MayTell(own, i.Ready); err != nil {
		return nil, err
	}
	return os.ReadFile(d.at("share", i.Try))
}

// connect meets the other two of a try at the hub.
func (d Dealer) connect(ctx context.Context, session [32]byte, next, previous int) (n, p net.Conn, err error) {
	ctx, cancel := context.WithTimeout(ctx, d.Patience)
	defer cancel()
	own, _ := d.Own.Public().(ed25519.PublicKey)
	meet := func(place int) (net.Conn, error) {
		return hub.Dial(ctx, d.On.Hub, hub.Meeting{Session: session, From: stream.Name(own), To: stream.Name(d.Roster[place].Stream)})
	}
	dialled := make(chan error, 1)
	go func() {
		raw, err := meet(next)
		if err == nil {
			n, err = link.Over(ctx, raw, d.Own, d.Roster[next].Stream, session)
		}
		dialled <- err
	}()
	raw, err := meet(previous)
	if err == nil {
		var named [32]byte
		p, _, named, err = link.Accept(ctx, raw, d.Own, func(k ed25519.PublicKey) bool { return k.Equal(d.Roster[previous].Stream) })
		if err == nil && named != session {
			err = stream.ErrFrame
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
