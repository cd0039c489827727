package owner

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/privacy/reveal"
)

// Trainings lists the trainings that the party proposed, is invited to, or may use
// the model of, newest first.
func (p *Party) Trainings(ctx context.Context) ([]ledger.Training, error) {
	return Mine[ledger.Training](ctx, p.Client, "training")
}

// A SignedTraining is a training as the signatures of its hospitals give it: what
// was proposed, and who takes part by which keys. How far it has come, the ledger
// alone tells.
type SignedTraining struct {
	ledger.Training
	Members []TrainingMember // that take part, in the order of the invitation
}

// A TrainingMember is a hospital in a training.
type TrainingMember struct {
	Site    ledger.PartyID
	Account ed25519.PublicKey // that signs its messages in a round
	Stream  ed25519.PublicKey // that it is reached by
}

// SignedTraining proves a training: the proposal by its author's signature, every
// vote by its site's, over that very proposal. A node could hide votes.
func (p *Party) SignedTraining(ctx context.Context, id ledger.TrainingID) (s SignedTraining, err error) {
	on, err := Get[ledger.Training](ctx, p.Client, id)
	if err != nil {
		return s, err
	}
	s.Training = on
	var body ledger.ProposeTraining
	proposal, err := p.signedTraining(ctx, ledger.TrainingSignedKey(id), &body)
	if err != nil {
		return s, err
	}
	if ledger.NewTrainingID(proposal.ID) != id {
		return s, unsignedTraining(nil)
	}
	s.Proposer, s.Terms, s.ProposeTraining = proposal.Author, proposal.Digest(), body
	for _, site := range s.Taking() {
		var vote ledger.VoteTraining
		cmd, err := p.signedTraining(ctx, ledger.TrainingVoteKey(id, site), &vote)
		if err != nil {
			return s, err
		}
		if cmd.Author != site || vote.Training != id || vote.Terms != s.Terms || !vote.Yes || !ed25519.PublicKey(vote.Key).Equal(s.KeyOf(site)) {
			return s, unsignedTraining(nil)
		}
		on, err := p.Counterparty(ctx, site)
		if err != nil {
			return s, err
		}
		if on.Role != ledger.Hospital {
			return s, unsignedTraining(nil)
		}
		s.Members = append(s.Members, TrainingMember{site, on.Key, vote.Key})
	}
	return s, nil
}

// SignedRelease proves the release that a training's hospitals are asked for.
func (p *Party) SignedRelease(ctx context.Context, on ledger.Training) (b ledger.ReleaseTraining, err error) {
	cmd, err := p.signedTraining(ctx, ledger.TrainingReleaseKey(on.ID), &b)
	if err == nil && (cmd.Author != on.Proposer || b.Training != on.ID || on.Release == nil || cmd.Digest() != on.Release.Terms) {
		err = unsignedTraining(nil)
	}
	return b, err
}

// signedTraining reads a kept command about a training, and its body.
func (p *Party) signedTraining(ctx context.Context, k ledger.Key, body ledger.Body) (c ledger.Command, err error) {
	c, err = p.signedSum(ctx, k, body)
	if notice.Is(err, notice.Integrity) {
		err = unsignedTraining(err)
	}
	return c, err
}

func unsignedTraining(cause error) error {
	return notice.Because(cause, notice.Integrity, "the node shows a training that its hospitals have not signed", "nothing was sent; do not trust this node, and tell the organisations")
}

// ProposeTraining asks hospitals for a training. Interrupted, the same again
// proposes nothing twice. Voting and Until of the body count from now.
func (p *Party) ProposeTraining(ctx context.Context, body ledger.ProposeTraining) (none ledger.TrainingID, err error) {
	key, err := p.StreamKey(Coordinates)
	if err != nil {
		return none, err
	}
	body.Key = key.Public().(ed25519.PublicKey)
	named, err := json.Marshal(body)
	if err != nil {
		return none, fmt.Errorf("encode proposal: %w", err)
	}
	info, err := p.Info(ctx)
	if err != nil {
		return none, err
	}
	body.Voting, body.Until = info.Now+body.Voting, info.Now+body.Until
	if err := body.Check(); errors.Is(err, ledger.ErrWall) {
		return none, notice.Because(err, notice.Denied, err.Error(), "invite hospitals, and name users of the health side: `manx train propose --help`")
	} else if err != nil {
		return none, notice.Because(err, notice.Invalid, err.Error(), "correct the proposal: `manx train propose --help`")
	}
	cmd, done, err := p.once(ctx, "training/proposal/"+ledger.Hash(sha256.Sum256(named)).String()[:32], body)
	if err != nil {
		return none, err
	}
	return ledger.NewTrainingID(cmd.ID), done()
}

// VoteTraining says whether the party takes part in a training, over the terms that
// it has read.
func (p *Party) VoteTraining(ctx context.Context, on SignedTraining, yes bool) error {
	if !slices.Contains(on.Sites, p.id) {
		return notice.New(notice.Denied, "the training is among others", "list yours: `manx train status`")
	}
	body := ledger.VoteTraining{Training: on.ID, Terms: on.Terms, Yes: yes}
	if yes {
		key, err := p.StreamKey(TakesPart)
		if err != nil {
			return err
		}
		body.Key = key.Public().(ed25519.PublicKey)
	}
	return p.Once(ctx, "training/vote/"+string(on.ID), body)
}

// Once does what can be done once: interrupted, the same name sends the very same
// command again.
func (p *Party) Once(ctx context.Context, name string, body ledger.Body) error {
	_, done, err := p.once(ctx, name, body)
	if err != nil {
		return err
	}
	return done()
}

// TrainingRound reads a round.
func (p *Party) TrainingRound(ctx context.Context, id ledger.TrainingID, n int) (r ledger.TrainingRound, err error) {
	b, err := p.Read(ctx, ledger.TrainingRoundKey(id, n))
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	return r, err
}

// TrainingMark reads the mark of the grants that the party has for a training now.
// It is NotFound where there never was one.
func (p *Party) TrainingMark(ctx context.Context, id ledger.TrainingID) (m ledger.Hash, err error) {
	b, err := p.Read(ctx, ledger.TrainingMarkKey(id, p.id))
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	return m, err
}

// What a party's stream key is for. A hospital that coordinates and takes part meets
// itself by two keys.
const (
	Coordinates = "coordinator"
	TakesPart   = "site"
)

// StreamKey returns the key by which others know the party on a stream, made once.
func (p *Party) StreamKey(as string) (ed25519.PrivateKey, error) {
	name := "training/" + as
	if kept, ok := p.Keys.Kept(name); ok {
		if seed := kept.Reveal(reveal.Token{}); len(seed) == ed25519.SeedSize {
			return ed25519.NewKeyFromSeed(seed), nil
		}
	}
	seed := make([]byte, ed25519.SeedSize)
	_, _ = rand.Read(seed)
	return ed25519.NewKeyFromSeed(seed), p.Keys.Keep(name, seed)
}
