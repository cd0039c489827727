package score

import (
	"context"
	"fmt"

	"manx/credit/scoreshare"
	"manx/ledger"
	"manx/privacy/notice"
	"manx/web/owner"
)

// joined opens a score that three organisations computed on shares. What the
// ledger says of the grant is compared with what its owner signed.
func joined(ctx context.Context, p *owner.Party, j ledger.Job, m ledger.Model) (v Verified, err error) {
	card, err := model(ctx, p, m)
	if err != nil {
		return v, err
	}
	g, err := owner.Get[ledger.Grant](ctx, p.Client, j.Grant)
	if err != nil {
		return v, err
	}
	if g.To != p.ID() || g.Owner != j.Subject || g.ModelHash != m.Hash || g.Purpose != j.Purpose {
		return v, notice.New(notice.Integrity, "the grant that the node shows is not for this request", "do not use this score; check the address of the node")
	}
	r, err := owner.Get[ledger.Record](ctx, p.Client, j.Record)
	if err != nil {
		return v, err
	}
	values, differs, err := p.Joined(ctx, j, scoreshare.Results)
	if err != nil {
		return v, err
	}
	v = Verified{By: MPC, Job: j.ID, Model: m.Name, Version: m.Version, Grant: g.ID, Try: j.Try, Accepted: true}
	d := r.Commitment.Date
	v.Date = fmt.Sprintf("%04d-%02d-%02d", d/10000, d/100%100, d%100)
	v.Low, v.High = card.Range()
	if v.Score, v.Reasons, err = scoreshare.Read(card, values); err != nil {
		return v, err
	}
	v.Trust = "computed on shares by " + names(p, j.Organisations) + ", " + string(j.Security) + ": no two of them colluded"
	if j.Security == ledger.SemiHonest {
		v.Trust += ", and all three followed the protocol"
	}
	if differs != "" {
		v.Differs = &differs
	}
	return v, nil
}
