package shares

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"manx/ml/federated/contribution"
	"manx/privacy/mpc"
	"manx/privacy/secagg/bounded"
	"manx/web/owner/training/recipe"
	"manx/web/owner/training/stream"
)

// measure returns what the three measure in a round, nil where nobody judges.
func (d Dealer) measure(ctx context.Context) (func(*mpc.Session, *bounded.Admitted) ([]float64, error), error) {
	if d.Recipe.Judge == nil {
		return nil, nil
	}
	h := d.Recipe.Judge.Rows
	rows, err := os.ReadFile(d.Folder.Judge(h))
	if errors.Is(err, fs.ErrNotExist) {
		rows, err = d.Ask(stream.StepRows, nil)
	}
	if err != nil {
		return nil, err
	}
	t, err := d.Recipe.ReadJudge(rows)
	if err != nil {
		return nil, err
	}
	if err := d.Folder.KeepJudge(h, rows); err != nil {
		return nil, err
	}
	state, err := d.Given(ctx)
	if err != nil {
		return nil, err
	}
	state = d.Recipe.Round(d.On.Training, state).State
	m := recipe.JudgeAt(state.Params, d.Recipe.Algorithm.RateIn(state.Round+1), t)
	return func(s *mpc.Session, a *bounded.Admitted) ([]float64, error) {
		leave, shapley, err := contribution.Measure(ctx, s, a, m, uint64(d.On.Round))
		return append(leave, shapley...), err
	}, nil
}
