package score

import (
	"context"
	"fmt"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/web/owner"
)

// joined opens a score that three organisations computed on shares, or opened to
// them under their common key. What the
// ledger says of the grant is compared with what its owner signed.
func joined(ctx context.Context, p *owner.Party, j ledger.Job, m ledger.Model) (v Verified, err error) {
	shared, err := shareable(ctx, p, m)
	if err != nil {
		return v, err
	}
	g, err := owner.Get[ledger.Grant](ctx, p.Client, j.Grant)
	if err != nil {
		return v, err
	}
	signed, err := p.SignedGrant(ctx, g)
	if err != nil {
		return v, err
	}
	if signed.To != p.ID() || g.Owner != j.Subject || signed.ModelHash != m.Hash || signed.Purpose != j.Purpose || signed.Record != j.Record {
		return v, notice.New(notice.Integrity, "the grant that the node shows is not for this request", "do not use this score; check the address of the node")
	}
	r, err := owner.Get[ledger.Record](ctx, p.Client, j.Record)
	if err != nil {
		return v, err
	}
	values, differs, err := p.Joined(ctx, j, shared.results)
	if err != nil {
		return v, err
	}
	v = Verified{By: MPC, Job: j.ID, Model: m.Name, Version: m.Version, Grant: g.ID, Try: j.Try, Accepted: true}
	d := r.Commitment.Date
	v.Date = fmt.Sprintf("%04d-%02d-%02d", d/10000, d/100%100, d%100)
	v.Low, v.High = shared.low, shared.high
	if v.Score, v.Reasons, err = shared.read(values); err != nil {
		return v, err
	}
	v.Trust = "on shares, " + string(j.Security) + ": " + trust(names(p, j.Organisations), j.Security)
	if j.Committee != "" {
		c, err := p.CommitteeOf(ctx, j.Committee)
		if err != nil {
			return v, err
		}
		v.By = Committee
		v.Trust = "under a committee's key, opened on shares, " + string(j.Security) + ": " + jointTrust(names(p, c.Organisations), c.Need, j.Security)
	}
	if differs != "" {
		v.Differs = &differs
	}
	return v, nil
}
