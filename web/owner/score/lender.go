package score

import (
	"context"

	"manx/credit/scorecard"
	"manx/credit/scoreproof"
	"manx/ledger"
	"manx/privacy/notice"
	"manx/web/owner"
)

// maxAnswer bounds a sealed answer, in bytes.
const maxAnswer = 64 << 10

// A Verified score is what a lender may know, and knows to be true.
type Verified struct {
	Job      ledger.JobID       `json:"job"`
	Score    int                `json:"score"`
	Low      int                `json:"low"`  // lowest the scorecard gives
	High     int                `json:"high"` // highest
	Date     string             `json:"date"` // of the credit file
	Model    string             `json:"model"`
	Version  string             `json:"model_version"`
	Reasons  []scorecard.Reason `json:"reasons"` // at most four, weightiest first
	Proof    int                `json:"proof_bytes"`
	Accepted bool               `json:"accepted"` // the escrow has paid

	// Of a score computed on shares, or by a committee.
	By      Way             `json:"by"`
	Trust   string          `json:"trust,omitempty"` // what was assumed
	Grant   ledger.GrantID  `json:"grant,omitempty"`
	Try     int             `json:"try,omitempty"`
	Differs *ledger.PartyID `json:"differs,omitempty"` // whose share did not fit; the other two agree
}

// Request is Ask for an answer that waits for the borrower's consent and comes
// with a proof.
func Request(ctx context.Context, p *owner.Party, subject ledger.PartyID, name string, purpose ledger.Purpose, fee ledger.Amount, life ledger.Time) (ledger.JobID, error) {
	id, _, err := Ask(ctx, p, Question{Subject: subject, Model: name, Purpose: purpose, Fee: fee, Life: life, By: CKKS})
	return id, err
}

// Score opens and verifies the answer to a request of the lender's, and accepts
// it, which pays. Everything the proof cannot say by itself is compared with the
// ledger: the furnisher's latest commitment, the model, the grant, the job.
func Score(ctx context.Context, p *owner.Party, id ledger.JobID) (v Verified, err error) {
	j, err := owner.Get[ledger.Job](ctx, p.Client, id)
	if err != nil {
		return v, err
	}
	if err := ready(p, j); err != nil {
		return v, err
	}
	m, err := owner.Get[ledger.Model](ctx, p.Client, j.Model)
	if err != nil {
		return v, err
	}
	if j.Shared() {
		return joined(ctx, p, j, m)
	}
	a, err := Open(ctx, p, id)
	if err != nil {
		return v, err
	}
	if err := verify(ctx, p, j, m, a); err != nil {
		return v, err
	}
	card, err := model(ctx, p, m)
	if err != nil {
		return v, err
	}
	v = Verified{By: CKKS, Job: id, Score: a.Statement.Score, Date: dateOf(a.Statement.Date), Model: m.Name, Version: m.Version, Proof: len(a.Proof)}
	v.Low, v.High = card.Range()
	if v.Reasons, err = reasons(a.Statement.Reasons); err != nil {
		return v, err
	}
	if j.Stage == ledger.Answered {
		if _, err := p.Do(ctx, ledger.AcceptJob{Job: id}); err != nil {
			return v, err
		}
	}
	v.Accepted = true
	return v, nil
}

// Open opens the answer to a request of the lender's. It verifies only that the
// answer is the one the borrower registered.
func Open(ctx context.Context, p *owner.Party, id ledger.JobID) (a Answer, err error) {
	j, err := owner.Get[ledger.Job](ctx, p.Client, id)
	if err != nil {
		return a, err
	}
	sealed, err := p.Fetch(ctx, j.Answer, maxAnswer)
	if err != nil {
		return a, err
	}
	b, err := p.Keys.OpenMessage(sealed)
	if err != nil {
		return a, err
	}
	if digestOf(b) != j.Digest {
		return a, notice.New(notice.Integrity, "the answer is not the one the borrower registered on the ledger", "dispute the job: `manx job dispute "+string(id)+"`")
	}
	if err := ledger.Decode(b, &a); err != nil {
		return a, notice.Because(err, notice.Integrity, "the answer is damaged", "dispute the job: `manx job dispute "+string(id)+"`")
	}
	return a, nil
}

// Check verifies an answer against a request of the lender's and the ledger.
func Check(ctx context.Context, p *owner.Party, id ledger.JobID, a Answer) error {
	j, err := owner.Get[ledger.Job](ctx, p.Client, id)
	if err != nil {
		return err
	}
	m, err := owner.Get[ledger.Model](ctx, p.Client, j.Model)
	if err != nil {
		return err
	}
	return verify(ctx, p, j, m, a)
}

// ready says what is missing where a job has no answer yet.
func ready(p *owner.Party, j ledger.Job) error {
	switch {
	case j.Asker != p.ID():
		return notice.New(notice.Denied, "the score is for whoever asked for it", "ask for one yourself: `manx credit request`")
	case j.Shared() && j.Stage == ledger.Refunded:
		return notice.New(notice.Expired, "the borrower withdrew the grant, or the three organisations did not agree on a result before the deadline; the fee went back", "ask again: `manx credit request --subject "+string(j.Subject)+"`")
	case j.Shared() && j.Stage != ledger.Settled:
		return notice.New(notice.Unavailable, "the score is being computed", "try again in a moment; `manx job show "+string(j.ID)+"` says where it stands")
	case j.Shared():
		return nil
	case j.Stage == ledger.Refunded:
		return notice.New(notice.Expired, "the borrower denied the request, withdrew the consent, or did not answer before the deadline; the fee went back", "ask again: `manx credit request --subject "+string(j.Subject)+"`")
	case j.Stage == ledger.Asked:
		return notice.New(notice.Denied, "the borrower has not consented yet", "she does with `manx credit consent "+string(j.ID)+"`; nothing is missing on your side")
	case j.Answer.IsZero():
		return notice.New(notice.Unavailable, "the score is being computed", "try again in a moment; `manx job show "+string(j.ID)+"` says where it stands")
	}
	return nil
}

// verify checks a proof and all that it rests on.
func verify(ctx context.Context, p *owner.Party, j ledger.Job, m ledger.Model, a Answer) error {
	bad := func(text string) error {
		return notice.New(notice.Integrity, text, "do not use this score; dispute the job: `manx job dispute "+string(j.ID)+"`")
	}
	st := a.Statement
	if st.Context != contextOf(p.Home.Network.Genesis.ID(), j) {
		return bad("the proof was made for another lender, grant or job")
	}
	if st.Subject != string(j.Subject) || ledger.Hash(st.Model) != m.Hash {
		return bad("the proof is about another subject or another model than was asked for")
	}
	g, err := owner.Get[ledger.Grant](ctx, p.Client, j.Grant)
	if err != nil {
		return err
	}
	info, err := p.Info(ctx)
	if err != nil {
		return err
	}
	if j.Stage == ledger.Answered && !g.Live(info.Now) {
		return notice.New(notice.Expired, "the borrower's consent has ended", "ask again: `manx credit request --subject "+string(j.Subject)+"`")
	}
	r, err := owner.Get[ledger.Record](ctx, p.Client, j.Record)
	if err != nil {
		return err
	}
	c, err := commitment(ctx, p, r.Commitment.Furnisher, j.Subject)
	if err != nil {
		return err
	}
	if ledger.Hash(st.Commitment) != c.Value || uint64(st.Sequence) != c.Sequence || day(st.Date) != c.Date {
		return bad("the proof is not about the furnisher's latest credit file")
	}
	k, err := keys(ctx, p, m)
	if err != nil {
		return err
	}
	return scoreproof.Verify(k.Verifying(), st, a.Proof)
}
