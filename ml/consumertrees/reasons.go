package consumertrees

import (
	"cmp"
	"fmt"
	"slices"

	"manx/credit"
	"manx/credit/scorecard"
	"manx/ml/tree"
	"manx/ml/validation"
)

// measureReasons compares the reasons for each row with what moving one feature
// at a time to its best value does to the score.
func (r *Results) measureReasons(p *tree.Points, all []scorecard.Row) error {
	var rows, first int
	var reached, possible float64
	for _, row := range all {
		score, lost, err := p.Score(Input(row.Features))
		if err != nil {
			return err
		}
		reasons := tree.Weightiest(lost, scorecard.MaxReasons)
		if len(reasons) == 0 {
			continue
		}
		gain, err := gains(p, row.Features, score)
		if err != nil {
			return err
		}
		rows++
		if gain[reasons[0]] == slices.Max(gain) {
			first++
		}
		for _, f := range reasons {
			reached += float64(gain[f])
		}
		slices.SortFunc(gain, func(a, b int) int { return cmp.Compare(b, a) })
		for _, g := range gain[:len(reasons)] {
			possible += float64(g)
		}
	}
	if rows == 0 || possible == 0 {
		return fmt.Errorf("consumertrees: no row has a reason")
	}
	r.FirstReasonBest, r.ReasonsCover = validation.Round(float64(first)/float64(rows)), validation.Round(reached/possible)
	return nil
}

// gains returns by how much the score of f rises where one feature, by index,
// has the best value that its range holds. None falls: the trees are monotone.
func gains(p *tree.Points, f credit.Features, score int) ([]int, error) {
	out := make([]int, len(f))
	for i, schema := range credit.FeatureList() {
		moved := f
		if moved[i] = 0; schema.Better > 0 {
			moved[i] = 1<<schema.Bits - 1
		}
		s, _, err := p.Score(Input(moved))
		if err != nil {
			return nil, err
		}
		out[i] = s - score
	}
	return out, nil
}
