package score

import (
	"context"
	"strings"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/web/owner"
)

// A Way is how a score may be computed.
type Way string

// The ways. Both cost the model's price.
const (
	// CKKS computes on the borrower's ciphertext, when she has consented; her
	// device decrypts, proves and answers.
	CKKS Way = "ckks"
	// MPC computes on shares at three organisations, by a grant that she gave
	// beforehand; she may be away.
	MPC Way = "mpc"
)

// Ways lists them.
func Ways() []Way { return []Way{CKKS, MPC} }

// A Quote is what one way costs and rests on.
type Quote struct {
	By      Way            `json:"by"`
	Fee     ledger.Amount  `json:"fee"`
	Seconds float64        `json:"seconds"`           // from the start: of computing, on one machine of the project's
	Waits   string         `json:"waits,omitempty"`   // what it waits for before it starts
	Trust   string         `json:"trust"`             // what must hold for the borrower's file to stay unseen, and the score right
	Missing string         `json:"missing,omitempty"` // why it cannot be asked for now
	Grant   ledger.GrantID `json:"grant,omitempty"`
}

// A Question is what a lender asks.
type Question struct {
	Subject  ledger.PartyID
	Model    string // name or id
	Purpose  ledger.Purpose
	Fee      ledger.Amount   // zero: the model's price
	Life     ledger.Time     // how long the fee waits, in seconds
	By       Way             // empty: the planner chooses
	Security ledger.Security // of MPC; empty: with abort
}

func (q Question) security() ledger.Security {
	if q.Security == "" {
		return ledger.WithAbort
	}
	return q.Security
}

// trust says what a computation on shares rests on.
func trust(who string, s ledger.Security) string {
	out := "no two of " + who + " collude"
	if s == ledger.SemiHonest {
		return out + ", and all three follow the protocol; the score has no proof"
	}
	return out + "; one that does not follow the protocol is found out; the score has no proof"
}

// Upper ends of what docs/benchmarks.md has, in whole seconds.
const (
	secondsCKKS = 1
	secondsMPC  = 1
)

// Plan quotes every way to an answer, the one that the planner chooses first: on
// shares where a grant given beforehand allows it, since that waits for nobody
// and costs the same; otherwise with the borrower present.
func Plan(ctx context.Context, p *owner.Party, q Question) (quotes []Quote, m ledger.Model, err error) {
	if m, err = p.ModelNamed(ctx, q.Model); err != nil {
		return nil, m, err
	}
	fee := q.Fee
	if fee.IsZero() {
		fee = m.Price
	}
	present := Quote{By: CKKS, Fee: fee, Seconds: secondsCKKS, Waits: "the borrower's consent, and her device while it computes",
		Trust: "nobody but the borrower opens anything; the score comes with a proof"}
	if m.Plan.IsZero() {
		present.Missing = "the model is computed on shares only, and has no proof"
	}
	away := Quote{By: MPC, Fee: fee, Seconds: secondsMPC}
	info, err := p.Info(ctx)
	if err != nil {
		return nil, m, err
	}
	grants, err := p.Grants(ctx)
	if err != nil {
		return nil, m, err
	}
	away.Missing = "the borrower has given no grant beforehand to you, for this model and purpose: she does with `manx credit share`"
	for _, g := range grants {
		if g.Calls == 0 || g.To != p.ID() || g.Owner != q.Subject || g.Model != m.ID || g.Purpose != q.Purpose {
			continue
		}
		if away.Missing = unusable(ctx, p, g, info.Now); away.Missing == "" {
			away.Grant = g.ID
			away.Trust = trust(names(p, g.Organisations[:]), q.security())
			return []Quote{away, present}, m, nil
		}
	}
	away.Trust = trust("three organisations", q.security())
	return []Quote{present, away}, m, nil
}

// unusable says why a grant given beforehand allows no call now, or "".
func unusable(ctx context.Context, p *owner.Party, g ledger.Grant, now ledger.Time) string {
	switch {
	case g.Revoked != 0:
		return "the borrower has revoked the grant she gave beforehand"
	case !g.Live(now):
		return "the grant that the borrower gave beforehand has ended"
	case g.Left() == 0:
		return "all calls that the borrower's grant allows were made"
	}
	for _, o := range g.Organisations {
		if _, err := p.Seat(ctx, p.Home.Network.Genesis, o); err != nil {
			return notice.From(err).Text
		}
	}
	r, err := owner.Get[ledger.Record](ctx, p.Client, g.Record)
	if err == nil {
		var c ledger.Commitment
		if c, err = commitment(ctx, p, r.Commitment.Furnisher, g.Owner); err == nil && c.Sequence != r.Commitment.Sequence {
			return "the furnisher has signed a later version of the credit file; the borrower adds and shares it again"
		}
	}
	if err != nil {
		return notice.From(err).Text
	}
	return ""
}

// names writes organisations as people know them.
func names(p *owner.Party, ids []ledger.PartyID) string {
	var out []string
	for _, id := range ids {
		name := string(id)
		if o, ok := p.Home.Network.Genesis.Organisation(id); ok {
			name = o.Name
		}
		out = append(out, name)
	}
	return strings.Join(out, ", ")
}

// Ask asks for a subject's score by the way that the question names, or the
// planner chooses, and holds the fee in escrow until the answer is there, or the
// deadline passes.
func Ask(ctx context.Context, p *owner.Party, q Question) (ledger.JobID, Quote, error) {
	quotes, m, err := Plan(ctx, p, q)
	if err != nil {
		return "", Quote{}, err
	}
	chosen := quotes[0]
	for _, w := range quotes {
		if w.By == q.By {
			chosen = w
		}
	}
	if chosen.Missing != "" {
		return "", chosen, notice.New(notice.Denied, chosen.Missing, "wait for her consent instead: `manx credit request --by ckks`")
	}
	info, err := p.Info(ctx)
	if err != nil {
		return "", chosen, err
	}
	body := ledger.RequestJob{Model: m.ID, Subject: q.Subject, Purpose: q.Purpose, Fee: chosen.Fee, Deadline: info.Now + q.Life}
	if chosen.By == MPC {
		body.Grant, body.Security = chosen.Grant, q.security()
	}
	id, done, err := p.RequestJob(ctx, body)
	if err != nil {
		return "", chosen, err
	}
	return id, chosen, done()
}
