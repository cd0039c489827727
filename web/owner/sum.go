package owner

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"manx/ledger"
	"manx/privacy"
	"manx/privacy/cohort"
	"manx/privacy/mpc"
	"manx/privacy/notice"
)

// A SignedSum is a sum as its sites' own signatures give it, whatever a node says
// of it: what was proposed, and what each site that takes part has joined with.
type SignedSum struct {
	ID       ledger.SumID
	Proposer ledger.PartyID
	Terms    ledger.Hash
	ledger.ProposeSum
	Holders [ledger.Sharers]ledger.PartyID
	Joined  []ledger.PartyID // sites, in the order of the invitation
	Inputs  []ledger.JoinSum // theirs

	digest [32]byte
}

// SignedSum proves a sum: the proposal by its author's signature, each joining by
// the site's, over the very proposal, and that sites are of the proposer's kind,
// as organisations have admitted them. A node could hide that others have joined.
func (p *Party) SignedSum(ctx context.Context, on ledger.Sum) (s SignedSum, err error) {
	s.ID, s.Holders = on.ID, on.Holders
	proposal, err := p.signedSum(ctx, ledger.SumSignedKey(on.ID), &s.ProposeSum)
	if err != nil {
		return s, err
	}
	s.Proposer, s.Terms = proposal.Author, proposal.Digest()
	side := ledger.VerticalOf(s.ID)
	if ledger.NewSumID(side, proposal.ID) != s.ID || s.Purpose.Vertical() != side || !slices.Contains(s.Sites, s.Proposer) {
		return s, unsignedSum(nil)
	}
	h := sha256.New()
	h.Write([]byte("manx/sum/v1\x00"))
	h.Write(s.Terms[:])
	for _, site := range s.Sites {
		if _, joined := on.Input(site); !joined {
			continue
		}
		var in ledger.JoinSum
		cmd, err := p.signedSum(ctx, ledger.SumJoinKey(on.ID, site), &in)
		if err != nil {
			return s, err
		}
		if cmd.Author != site || in.Sum != s.ID || in.Terms != s.Terms || in.Holders != s.Holders {
			return s, unsignedSum(nil)
		}
		if err := p.siteOf(ctx, site, side); err != nil {
			return s, err
		}
		s.Joined, s.Inputs = append(s.Joined, site), append(s.Inputs, in)
		digest := cmd.Digest()
		h.Write(digest[:])
	}
	h.Sum(s.digest[:0])
	return s, nil
}

// signedSum reads a kept command about a sum, and its body.
func (p *Party) signedSum(ctx context.Context, k ledger.Key, body ledger.Body) (c ledger.Command, err error) {
	b, err := p.Read(ctx, k)
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return c, unsignedSum(err)
	}
	if c.Network != p.Home.Network.Genesis.ID() || c.Name != body.Command() {
		return c, unsignedSum(nil)
	}
	if err := p.Signed(ctx, c); err != nil {
		return c, err
	}
	if err := errors.Join(ledger.Decode(c.Body, body), body.Check()); err != nil {
		return c, unsignedSum(err)
	}
	return c, nil
}

// siteOf refuses a site that no organisation has admitted to its side as what sums
// are over.
func (p *Party) siteOf(ctx context.Context, site ledger.PartyID, side ledger.Vertical) error {
	on, err := p.Counterparty(ctx, site)
	if err != nil {
		return err
	}
	want := ledger.Hospital
	if side == ledger.Credit {
		want = ledger.Lender
	}
	if on.Role != want || ledger.VerticalOf(site) != side {
		return unsignedSum(nil)
	}
	return nil
}

func unsignedSum(cause error) error {
	return notice.Because(cause, notice.Integrity, "the node shows a sum that its sites have not signed", "nothing was done; do not trust this node, and tell the organisations")
}

// Set names who takes part with what: the same of the same proposal and inputs
// only.
func (s SignedSum) Set() [32]byte { return s.digest }

// Session names the session of a try. It is used once, and is another where any of
// what was signed is another.
func (s SignedSum) Session(try int) [32]byte {
	return sha256.Sum256(binary.BigEndian.AppendUint64(append([]byte("manx/sum-session/v1\x00"), s.digest[:]...), uint64(try)))
}

// Layout returns what is added, over the sites that take part.
func (s SignedSum) Layout() cohort.Layout { return layout(s.ProposeSum, len(s.Joined)) }

func layout(b ledger.ProposeSum, sites int) cohort.Layout {
	l := cohort.Layout{Sites: sites, GroupBy: b.GroupBy, Groups: b.Groups, Minimum: b.Minimum}
	for _, c := range b.Columns {
		l.Columns = append(l.Columns, cohort.Column{Name: c.Name, Most: c.Most})
	}
	return l
}

// maxSumShare bounds a sealed share of a site's numbers, in bytes.
const maxSumShare = 1 << 20

// ErrSumShare marks a share of a site's numbers that is not what the site joined
// with.
var ErrSumShare = errors.New("not a share that the site has joined with")

// SumShare returns, for the holder at a place, its share of the numbers of the
// i-th site that takes part. One that is not there, is sealed to somebody else, or
// has not the digests that the site signed is ErrSumShare.
func (p *Party) SumShare(ctx context.Context, s SignedSum, i, place int) (none mpc.Share, err error) {
	in := s.Inputs[i]
	sealed, err := p.Fetch(ctx, in.Shares[place], maxSumShare)
	if notice.Is(err, notice.Unavailable) || ctx.Err() != nil {
		return none, err
	}
	var plain []byte
	if err == nil {
		plain, err = p.Keys.OpenMessage(sealed)
	}
	if err != nil {
		return none, fmt.Errorf("%w: %w", ErrSumShare, err)
	}
	share, err := mpc.ReadShare(plain, place, s.Layout().Values())
	if err != nil {
		return none, fmt.Errorf("%w: %w", ErrSumShare, err)
	}
	d := share.Digests()
	if ledger.Hash(d[0]) != in.Digests[place] || ledger.Hash(d[1]) != in.Digests[(place+1)%ledger.Sharers] {
		return none, fmt.Errorf("%w: other digests", ErrSumShare)
	}
	return share, nil
}

// PostSum seals a holder's released share of a sum's result to the sites that take
// part, stores it and says so on the ledger.
func (p *Party) PostSum(ctx context.Context, s SignedSum, try, place int, share privacy.ReleasedShare, digests [2][32]byte) error {
	posted, err := p.sealOutput(ctx, s.Session(try), place, share, digests, s.Joined...)
	if err != nil {
		return err
	}
	_, err = p.Do(ctx, ledger.PostSum{Sum: s.ID, Try: try, PostedShare: posted})
	return err
}
