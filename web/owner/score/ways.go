package score

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"manx/ledger"
	"manx/privacy/notice"
	"manx/web/owner"
)

// A Way is how a score may be computed.
type Way string

// The ways. Each costs the model's price.
const (
	// CKKS computes on the borrower's ciphertext, when she has consented; her
	// device decrypts, proves and answers.
	CKKS Way = "ckks"
	// MPC computes on shares at three organisations, by a grant that she gave
	// beforehand; she may be away.
	MPC Way = "mpc"
	// Committee has a worker compute on what the furnisher encrypted under a key that
	// the organisations hold together; they open the result to shares, and make the
	// score of those. She may be away.
	Committee Way = "committee"
)

// Ways lists them.
func Ways() []Way { return []Way{CKKS, MPC, Committee} }

// A Quote is what one way costs and rests on.
type Quote struct {
	By      Way            `json:"by"`
	Fee     ledger.Amount  `json:"fee"`
	Seconds float64        `json:"seconds"`           // from the start: of computing, on one machine of the project's
	Waits   string         `json:"waits,omitempty"`   // what it waits for before it starts
	Trust   string         `json:"trust"`             // what must hold for the borrower's file to stay unseen, and the score right
	Missing string         `json:"missing,omitempty"` // why it cannot be asked for now
	Grant   ledger.GrantID `json:"grant,omitempty"`

	assumes int // how much its trust rests on: less is better
}

// A Question is what a lender asks.
type Question struct {
	Subject  ledger.PartyID
	Model    string // name or id
	Purpose  ledger.Purpose
	Fee      ledger.Amount   // zero: the model's price
	Life     ledger.Time     // how long the fee waits, in seconds
	By       Way             // empty: the planner chooses
	Security ledger.Security // of what is computed on shares; empty: with abort
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
	secondsCKKS      = 1
	secondsMPC       = 1
	secondsCommittee = 3
)

// Plan quotes every way to an answer, the one that the planner chooses first. A
// grant given beforehand opens those that wait for nobody: on shares, for models
// of every kind; and by a committee, for scorecards that have a plan for its key,
// which rests on more: on its members when they made its keys, not only now.
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
	away := Quote{By: MPC, Fee: fee, Seconds: secondsMPC, assumes: 1}
	info, err := p.Info(ctx)
	if err != nil {
		return nil, m, err
	}
	grants, err := p.Grants(ctx)
	if err != nil {
		return nil, m, err
	}
	joint := Quote{By: Committee, Fee: fee, Seconds: secondsCommittee, assumes: 2}
	away.Missing = "the borrower has given no grant beforehand to you, for this model and purpose: she does with `manx credit share`"
	joint.Missing = away.Missing
	away.Trust, joint.Trust = trust("three organisations", q.security()), jointTrust("three organisations", 2, q.security())
	for _, g := range grants {
		if g.Calls == 0 || g.To != p.ID() || g.Owner != q.Subject || g.Model != m.ID || g.Purpose != q.Purpose {
			continue
		}
		if away.Missing = unusable(ctx, p, g, info.Now); away.Missing == "" {
			away.Grant = g.ID
			away.Trust = trust(names(p, g.Organisations[:]), q.security())
			if joint, err = committeeQuote(ctx, p, joint, g, m, q); err != nil {
				return nil, m, err
			}
			break
		}
		joint.Missing = away.Missing
	}
	quotes = []Quote{away, joint, present}
	slices.SortStableFunc(quotes, better)
	return quotes, m, nil
}

// better orders quotes: what can be asked for now, what waits for nobody, what
// costs less, what rests on less, what is quicker.
func better(a, b Quote) int {
	return cmp.Or(
		cmp.Compare(len(a.Missing), 0)-cmp.Compare(len(b.Missing), 0),
		cmp.Compare(len(a.Waits), 0)-cmp.Compare(len(b.Waits), 0),
		a.Fee.Cmp(b.Fee), cmp.Compare(a.assumes, b.assumes), cmp.Compare(a.Seconds, b.Seconds))
}

// committeeQuote fills in whether the organisations' common key serves under a
// grant given beforehand, and what that rests on.
func committeeQuote(ctx context.Context, p *owner.Party, out Quote, g ledger.Grant, m ledger.Model, q Question) (Quote, error) {
	out.Missing = ""
	switch {
	case m.Joint.IsZero():
		out.Missing = "the model has no plan for a committee's key"
		return out, nil
	case g.Key.IsZero():
		out.Missing = "the furnisher had not encrypted the file for this model under a committee's key when the borrower shared it"
		return out, nil
	}
	c, err := p.CommitteeNow(ctx)
	if err == nil && c.Key != g.Key {
		err = notice.New(notice.Unavailable, "the file is encrypted under a key that no committee holds any more", "the furnisher signs it again, and the borrower shares it again")
	}
	if err == nil {
		var k ledger.CommitteeKeys
		if k, err = p.CommitteeKeys(ctx, m.ID, c); err == nil && k.Ready == 0 {
			err = notice.New(notice.Unavailable, "the committee is making its keys for this model", "ask again in a moment")
		}
	}
	if notice.Is(err, notice.Unavailable) {
		out.Missing = notice.From(err).Text
		return out, nil
	}
	out.Grant, out.Trust = g.ID, jointTrust(names(p, c.Organisations), c.Need, q.security())
	return out, err
}

// jointTrust says what a computation under a committee's key rests on.
func jointTrust(who string, need int, s ledger.Security) string {
	out := fmt.Sprintf("no %d of %s collude; the worker is checked by them", need, who)
	switch {
	case s == ledger.SemiHonest:
		out += ", and all three follow the protocol, as they did when they made its keys"
	case need < ledger.Sharers: // every two of three open it
		out += ", and one of them that does not follow the protocol now is found out"
	default:
		out += ", and none of those that open the result shifts it"
	}
	return out + "; the score has no proof"
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
		hint := "she permits it beforehand: `manx credit share`"
		if quotes[0].Missing == "" {
			hint = "ask another way: `manx credit request --by " + string(quotes[0].By) + "`"
		}
		return "", chosen, notice.New(notice.Denied, chosen.Missing, hint)
	}
	info, err := p.Info(ctx)
	if err != nil {
		return "", chosen, err
	}
	body := ledger.RequestJob{Model: m.ID, Subject: q.Subject, Purpose: q.Purpose, Fee: chosen.Fee, Deadline: info.Now + q.Life}
	if chosen.By != CKKS {
		body.Grant, body.Security, body.Joint = chosen.Grant, q.security(), chosen.By == Committee
	}
	id, done, err := p.RequestJob(ctx, body)
	if err != nil {
		return "", chosen, err
	}
	return id, chosen, done()
}
