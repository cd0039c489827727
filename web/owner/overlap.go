package owner

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/privacy/psi"
	"manx/privacy/reveal"
	"manx/privacy/seal"
	"manx/storage"
)

// OverlapSession returns what a comparison on the ledger means to package psi,
// for holders and counter alike.
func OverlapSession(n ledger.NetworkID, o ledger.Overlap) psi.Session {
	s := psi.Session{ID: sha256.Sum256([]byte("manx/overlap/v1\x00" + string(n) + "\x00" + string(o.ID))),
		Kind: psi.Count, Purpose: string(o.Purpose), Minimum: o.Minimum}
	if o.Join {
		s.Kind = psi.Join
	}
	return s
}

// ProposeOverlap asks another holder to compare lists. An empty counter is the
// organisation of the network that serves the party's side.
func (p *Party) ProposeOverlap(ctx context.Context, body ledger.ProposeOverlap, life ledger.Time) (ledger.OverlapID, error) {
	if body.Counter == "" {
		orgs, err := p.services()
		if err != nil {
			return "", err
		}
		body.Counter = orgs[0]
	}
	info, err := p.Info(ctx)
	if err != nil {
		return "", err
	}
	body.Until = info.Now + life
	cmd, err := p.Do(ctx, body)
	return ledger.NewOverlapID(p.Vertical(), cmd.ID), err
}

// Overlaps lists the comparisons that the party takes part in, newest first.
func (p *Party) Overlaps(ctx context.Context) ([]ledger.Overlap, error) {
	return Mine[ledger.Overlap](ctx, p.Client, "overlap")
}

// RunOverlap takes the party's part in a comparison over a list of identifiers,
// each as psi.Identifier gives it, and returns the result. It agrees to a
// proposal made to the party, and waits for the others until ctx or the
// comparison ends. Interrupted, it goes on when repeated with the same list.
func (p *Party) RunOverlap(ctx context.Context, id ledger.OverlapID, ids [][]byte, show func(what string)) (r psi.Result, err error) {
	o, err := Get[ledger.Overlap](ctx, p.Client, id)
	if err != nil {
		return r, err
	}
	if o.Side(p.id) < 0 {
		return r, notice.New(notice.Denied, "the comparison is between others", "list yours: `manx overlap list`")
	}
	if err := p.sameList(id, ids); err != nil {
		return r, err
	}
	seed, err := p.Keys.Salt("overlap/" + string(id))
	if err != nil {
		return r, err
	}
	h, err := psi.NewHolder(OverlapSession(p.Home.Network.Genesis.ID(), o), ids, seed)
	if err != nil {
		return r, err
	}
	s := &comparing{p, h, o.Side(p.id)}
	for said := ""; ; {
		what, done, err := s.step(ctx, o)
		if err != nil {
			return r, err
		}
		if done {
			break
		}
		if what != "" {
			if what != said {
				show(what)
				said = what
			}
			if info, err := p.Info(ctx); err == nil && info.Now > o.Until {
				return r, notice.New(notice.Expired, "the comparison has ended before all had sent their part", "propose another: `manx overlap propose`")
			}
			if !pause(ctx, 250*time.Millisecond) {
				return r, ctx.Err()
			}
		}
		if o, err = Get[ledger.Overlap](ctx, p.Client, id); err != nil {
			return r, err
		}
	}
	b, err := s.read(ctx, o.Answers[s.side])
	if err != nil {
		return r, err
	}
	return h.Result(b)
}

// sameList refuses another list than the one a comparison was begun with: its
// answer would be read by the wrong rows.
func (p *Party) sameList(id ledger.OverlapID, ids [][]byte) error {
	h := sha256.New()
	for _, b := range ids {
		fmt.Fprintf(h, "%d:", len(b))
		h.Write(b)
	}
	sum, name := h.Sum(nil), "overlap/"+string(id)
	if kept, ok := p.Keys.Kept(name); ok {
		if !bytes.Equal(kept.Reveal(reveal.Token{}), sum) {
			return notice.New(notice.Conflict, "this comparison was begun with another list", "give the same file and columns, or propose another comparison")
		}
		return nil
	}
	return p.Keys.Keep(name, sum)
}

// comparing is one holder at work.
type comparing struct {
	*Party
	holder *psi.Holder
	side   int
}

// step does what the comparison waits for from this holder, or says for what it
// waits otherwise.
func (s *comparing) step(ctx context.Context, o ledger.Overlap) (waiting string, done bool, err error) {
	other := 1 - s.side
	switch {
	case o.Stage == ledger.OverlapCounted:
		return "", true, nil
	case o.Stage == ledger.OverlapEnded:
		return "", false, notice.New(notice.Expired, "the comparison was declined or ended", "propose another: `manx overlap propose`")
	case o.Stage == ledger.OverlapProposed && s.side == 0:
		return "waiting for the other holder to agree", false, nil
	case o.Stage == ledger.OverlapProposed:
		_, err := s.Do(ctx, ledger.AgreeOverlap{Overlap: o.ID})
		return "", false, err
	case o.Blinded[s.side].IsZero():
		to, err := s.RecipientOf(ctx, []ledger.PartyID{o.First, o.Second}[other])
		if err != nil {
			return "", false, err
		}
		return "", false, s.post(ctx, o, false, s.holder.Blinded(), to)
	case o.Blinded[other].IsZero():
		return "waiting for the other holder's points", false, nil
	case o.Tags[s.side].IsZero():
		b, err := s.read(ctx, o.Blinded[other])
		if err != nil {
			return "", false, err
		}
		tags, err := s.holder.Tags(b)
		if err != nil {
			return "", false, err
		}
		org, ok := s.Home.Network.Genesis.Organisation(o.Counter)
		if !ok {
			return "", false, notice.New(notice.Integrity, "the counter is no organisation of this network", "do not go on: `manx overlap end`")
		}
		to, err := seal.ParseRecipient(org.Sealing)
		if err != nil {
			return "", false, err
		}
		return "", false, s.post(ctx, o, true, tags, to)
	}
	return "waiting for the count", false, nil
}

// post stores a message sealed to its reader and tells the ledger where it is.
func (s *comparing) post(ctx context.Context, o ledger.Overlap, tags bool, m []byte, to seal.Recipient) error {
	sealed, err := seal.Message(m, to)
	if err != nil {
		return err
	}
	ref, err := s.Vault.Write(ctx, bytes.NewReader(sealed))
	if err != nil {
		return err
	}
	_, err = s.Do(ctx, ledger.PostOverlap{Overlap: o.ID, Tags: tags, Message: ref})
	return err
}

func (s *comparing) read(ctx context.Context, r storage.Ref) ([]byte, error) {
	b, err := s.Fetch(ctx, r, seal.MaxMessage)
	if err != nil {
		return nil, err
	}
	return s.Keys.OpenMessage(b)
}
