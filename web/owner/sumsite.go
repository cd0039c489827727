package owner

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"manx/ledger"
	"manx/privacy"
	"manx/privacy/cohort"
	"manx/privacy/mpc"
	"manx/privacy/notice"
	"manx/privacy/reveal"
	"manx/privacy/seal"
)

// ProposeSum asks other sites for a sum, the party among them. The network's first
// three organisations compute it. Interrupted, the same again proposes nothing
// twice.
func (p *Party) ProposeSum(ctx context.Context, body ledger.ProposeSum, life ledger.Time) (none ledger.SumID, err error) {
	if !slices.Contains(body.Sites, p.id) {
		body.Sites = append([]ledger.PartyID{p.id}, body.Sites...)
	}
	orgs := p.Home.Network.Genesis.Organisations
	if len(orgs) < ledger.Sharers {
		return none, notice.New(notice.Unsupported, "this network has not the three organisations that compute on shares", "join another: `manx keys new --node`")
	}
	for i := range body.Organisations {
		body.Organisations[i] = orgs[i].ID
	}
	if err := body.Check(); errors.Is(err, ledger.ErrWall) || errors.Is(err, ledger.ErrPurpose) {
		return none, notice.Because(err, notice.Denied, err.Error(), "invite sites of your side, for one of its purposes: `manx sum propose --help`")
	} else if err != nil {
		return none, notice.Because(err, notice.Invalid, err.Error(), "`manx sum propose --help` shows what a sum may ask")
	}
	if _, _, err := p.Holders(ctx, body.Organisations); err != nil {
		return none, err
	}
	named := body // who repeats it names a later end
	b, err := json.Marshal(named)
	if err != nil {
		return none, fmt.Errorf("encode proposal: %w", err)
	}
	info, err := p.Info(ctx)
	if err != nil {
		return none, err
	}
	body.Until = info.Now + life
	cmd, done, err := p.once(ctx, "sum/proposal/"+ledger.Hash(sha256.Sum256(b)).String()[:32], body)
	if err != nil {
		return none, err
	}
	return ledger.NewSumID(p.Vertical(), cmd.ID), done()
}

// Sums lists the sums that the party is invited to, newest first.
func (p *Party) Sums(ctx context.Context) ([]ledger.Sum, error) {
	return Mine[ledger.Sum](ctx, p.Client, "sum")
}

// SumNamed returns a sum that invites the party, with the terms as its proposer
// has signed them.
func (p *Party) SumNamed(ctx context.Context, id ledger.SumID) (on ledger.Sum, s SignedSum, err error) {
	if on, err = Get[ledger.Sum](ctx, p.Client, id); err != nil {
		return on, s, err
	}
	if s, err = p.SignedSum(ctx, on); err != nil {
		return on, s, err
	}
	if !slices.Contains(s.Sites, p.id) {
		return on, s, notice.New(notice.Denied, "the sum is among others", "list yours: `manx sum list`")
	}
	on.Proposer, on.Terms, on.ProposeSum = s.Proposer, s.Terms, s.ProposeSum
	return on, s, nil
}

// SumLayout returns what a site counts for a sum.
func SumLayout(s SignedSum) cohort.Layout { return layout(s.ProposeSum, len(s.Sites)) }

// JoinSum takes part in a sum with the site's own numbers: it deals them in three
// shares, seals each to the holder at its place, and signs their digests over the
// terms that it has read. Repeated with the same numbers it goes on or changes
// nothing; other numbers are refused.
func (p *Party) JoinSum(ctx context.Context, id ledger.SumID, rows privacy.Secret[[]cohort.Row]) error {
	on, s, err := p.SumNamed(ctx, id)
	if err != nil {
		return err
	}
	// A command that may have reached the ledger goes first: what is dealt anew
	// has other digests.
	name := "sum/" + string(id)
	_, pending := p.Keys.Kept("pending/" + name)
	if _, joined := on.Input(p.id); joined || pending {
		if err := p.sameNumbers(id, rows); err != nil {
			return err
		}
		_, done, found, err := p.resume(ctx, name)
		if err != nil {
			return err
		}
		if joined || found {
			return done()
		}
	}
	holders, to, err := p.Holders(ctx, s.Organisations)
	if err != nil {
		return err
	}
	if holders != on.Holders {
		return notice.New(notice.Unavailable, "another process computes for an organisation than when the sum was proposed", "nothing was sent; ask for another: `manx sum propose`")
	}
	shares, err := SumLayout(s).Deal(rows)
	if err != nil {
		return err
	}
	body := ledger.JoinSum{Sum: id, Terms: s.Terms, Holders: holders}
	for i, d := range mpc.Digests(shares) {
		body.Digests[i] = d
		b, err := shares[i].MarshalBinary()
		if err != nil {
			return err
		}
		sealed, err := seal.Message(b, to[i])
		if err != nil {
			return err
		}
		if body.Shares[i], err = p.Vault.Write(ctx, bytes.NewReader(sealed)); err != nil {
			return err
		}
	}
	if err := p.Keys.Keep(numbersName(id), digestOf(rows)); err != nil {
		return err
	}
	_, done, err := p.once(ctx, name, body)
	if err != nil {
		return err
	}
	return done()
}

func numbersName(id ledger.SumID) string { return "sum/numbers/" + string(id) }

func digestOf(rows privacy.Secret[[]cohort.Row]) []byte {
	h := sha256.New()
	for _, r := range rows.Reveal(reveal.Token{}) {
		fmt.Fprintf(h, "%d %v\n", r.Persons, r.Cells)
	}
	return h.Sum(nil)
}

// sameNumbers refuses other numbers than the party has begun to join a sum with.
func (p *Party) sameNumbers(id ledger.SumID, rows privacy.Secret[[]cohort.Row]) error {
	if kept, ok := p.Keys.Kept(numbersName(id)); ok && subtle.ConstantTimeCompare(kept.Reveal(reveal.Token{}), digestOf(rows)) != 1 {
		return notice.New(notice.Conflict, "this sum was joined with other numbers", "a site joins once; ask for another sum: `manx sum propose`")
	}
	return nil
}

// WhySumEnded puts the end of a sum without a result in words.
func WhySumEnded(e ledger.SumEnd) string {
	switch e {
	case ledger.SumWithdrawn:
		return "who proposed it has ended it"
	case ledger.SumTooFew:
		return "too few sites took part"
	case ledger.SumTooClose:
		return "with earlier sums of these 30 days the numbers of one or two of its sites would follow from it"
	case ledger.SumUnusable:
		return "the share of a site could not be used"
	case ledger.SumDiffers:
		return "the shares of the three organisations do not fit together"
	}
	return "it was not computed in time"
}

// AwaitSum waits until a sum is over, its time has passed, or ctx ends.
func (p *Party) AwaitSum(ctx context.Context, id ledger.SumID, show func(ledger.Sum)) (ledger.Sum, error) {
	for {
		on, err := Get[ledger.Sum](ctx, p.Client, id)
		if err != nil || on.Stage.Over() {
			return on, err
		}
		show(on)
		if info, err := p.Info(ctx); err == nil && info.Now > on.Due() {
			return on, notice.New(notice.Expired, "the sum was not computed in time", "ask for another: `manx sum propose`")
		}
		if !pause(ctx, 250*time.Millisecond) {
			return on, ctx.Err()
		}
	}
}

// SumResult returns what a sum that is done tells, and the sites it is over, from
// the three organisations' shares. Two that fit are enough: one that does not is
// named.
func (p *Party) SumResult(ctx context.Context, id ledger.SumID) (r cohort.Result, s SignedSum, differs ledger.PartyID, err error) {
	on, s, err := p.SumNamed(ctx, id)
	if err != nil {
		return r, s, "", err
	}
	switch {
	case on.Stage == ledger.SumEnded:
		return r, s, "", notice.New(notice.Expired, "the sum has ended without a result: "+WhySumEnded(on.Reason), "ask for another: `manx sum propose`")
	case on.Stage != ledger.SumDone || len(on.Shares) != ledger.Sharers:
		return r, s, "", notice.New(notice.Unavailable, "the sum is not computed yet", "`manx sum show "+string(id)+" --wait`")
	case !slices.Contains(s.Joined, p.id):
		return r, s, "", notice.New(notice.Denied, "only the sites that took part read the result", "list your sums: `manx sum list`")
	case len(s.Joined) < ledger.MinSumSites:
		return r, s, "", unsignedSum(nil)
	}
	l := s.Layout()
	values, differs, err := p.joinOutputs(ctx, computed{session: s.Session(on.Try), organisations: s.Organisations[:], holders: s.Holders[:], shares: on.Shares, fixed: true}, l.Results())
	if err != nil {
		return r, s, differs, err
	}
	r, err = l.Read(values)
	return r, s, differs, err
}
