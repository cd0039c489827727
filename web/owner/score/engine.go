package score

import (
	"context"

	"manx/credit/scoreshare"
	"manx/ledger"
	"manx/privacy/mpc"
	"manx/web/owner"
	"manx/web/owner/holder"
)

// An Engine readies scorecards for a holder of shares.
type Engine struct{ Party *owner.Party }

var _ holder.Engine = Engine{}

// Load implements holder.Engine: it fetches the scorecard that a model was
// published with, and refuses one that has not the model's hash.
func (e Engine) Load(ctx context.Context, m ledger.Model) (holder.Program, error) {
	card, err := model(ctx, e.Party, m)
	if err != nil {
		return nil, err
	}
	p, err := scoreshare.New(card)
	if err != nil {
		return nil, err
	}
	return program{p}, nil
}

type program struct{ *scoreshare.Program }

// Values implements holder.Program.
func (program) Values() int { return scoreshare.Values }

// Run implements holder.Program.
func (p program) Run(s *mpc.Session, input mpc.Share) (mpc.Share, error) {
	return p.Program.Run(s, input)
}
