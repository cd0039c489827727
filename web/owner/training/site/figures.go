package site

import (
	"context"

	"manx/ledger"
	"manx/web/owner"
	"manx/web/owner/training/evaluation"
	"manx/web/owner/training/local"
	"manx/web/owner/training/policy"
	"manx/web/owner/training/recipe"
	"manx/web/owner/training/stream"
)

// publish tells the coordinator the site's own figures, where the site does that, and
// has enough rows held out: the training's minimum, and the least cohort with and without
// what is learned. Where training is with noise it is never done: they have none.
func (h *Site) publish(ctx context.Context, s *stream.Stream, on owner.SignedTraining, r recipe.Recipe, d policy.Decision, in local.Round, has local.Site) error {
	if !d.Figures || r.Private != nil {
		return nil
	}
	own, err := r.Own(ctx, in, has)
	if err != nil {
		return err
	}
	q, ok := own.Quality()
	if n, p := own.Rows(); !ok || n < ledger.MinCohort || p < ledger.MinCohort || n+p < float64(on.Minimum) {
		return nil
	}
	b, err := evaluation.Figures{Training: on.ID, Round: on.Round, Site: h.Party.ID(), Quality: q}.Sign(h.Party.Keys.Sign)
	if err != nil {
		return err
	}
	_, err = s.Ask(stream.StepFigures, b)
	return err
}
