package scorecard

import (
	"cmp"
	"slices"

	"manx/credit"
)

// A Step is what one feature alone would have to be for the score to rise: the
// nearest value that loses fewer points, all others staying as they are.
type Step struct {
	Code    int    `json:"code"` // as a Reason's
	Feature string `json:"feature"`
	Unit    string `json:"unit"`
	Value   int64  `json:"value"` // now, in the feature's unit
	Lost    int    `json:"lost"`  // points, now
	Want    int64  `json:"want"`  // at least this, or at most
	AtLeast bool   `json:"at_least"`
	Gain    int    `json:"gain"` // points that this brings, more than 0
}

// Steps returns a step for each feature that loses points, those that lose most
// first, ties in schema order. Features of one file hang together: a change in the
// file may move several.
func (m *Model) Steps(x credit.Features) []Step {
	list, at := credit.FeatureList(), m.index()
	out := []Step{}
	for i, f := range m.Features {
		schema, v := list[at[i]], x[at[i]]
		bin := f.bin(v)
		s := Step{Code: at[i] + 1, Feature: f.Name, Unit: schema.Unit, Value: v, Lost: f.Lost[bin], AtLeast: schema.Better > 0}
		for b := bin; b >= 0 && b < len(f.Lost) && s.Gain == 0; b += schema.Better {
			if s.Gain = f.Lost[bin] - f.Lost[b]; s.Gain == 0 {
				continue
			}
			if s.AtLeast {
				s.Want = f.UpTo[b-1] + 1
			} else {
				s.Want = f.UpTo[b]
			}
		}
		if s.Gain > 0 {
			out = append(out, s)
		}
	}
	slices.SortStableFunc(out, func(a, b Step) int { return cmp.Compare(b.Lost, a.Lost) })
	return out
}
