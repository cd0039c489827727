package lungct

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"manx/ml"
	"manx/ml/validation"
)

// Confirm measures g, the shipped network, on the pictures in dir again, and what
// follows from the recorded logits, and returns what is not as r has it. It trains
// nothing: that the logits are those of the recipe, CrossValidate alone can show.
func (r Results) Confirm(ctx context.Context, dir string, g ml.Graph) error {
	all, err := load(dir)
	if err != nil {
		return err
	}
	every := make([]int, len(all))
	for i := range every {
		every[i] = i
	}
	z, err := validation.Logits(ctx, g, every, func(i int) []float64 { return all[i].input() })
	if err != nil {
		return err
	}
	var wrong []error
	if got := validation.Round(validation.AUC(z, positives(all), nil)); got != r.ShippedAUC {
		wrong = append(wrong, fmt.Errorf("AUC on the training rows %v, recorded %v", got, r.ShippedAUC))
	}
	if low, high := validation.Round(slices.Min(z)), validation.Round(slices.Max(z)); low != r.LogitLow || high != r.LogitHigh {
		wrong = append(wrong, fmt.Errorf("logits in [%v, %v], recorded [%v, %v]", low, high, r.LogitLow, r.LogitHigh))
	}
	return errors.Join(append(wrong, r.confirmRecord(all))...)
}

// confirmRecord checks what follows from the recorded out-of-fold logits.
func (r Results) confirmRecord(all []slice) error {
	if len(r.OutOfFold) != len(all) || len(r.FoldOfRow) != len(all) {
		return fmt.Errorf("%d logits and %d folds recorded for %d rows", len(r.OutOfFold), len(r.FoldOfRow), len(all))
	}
	var wrong []error
	if got := validation.Round(validation.AUC(r.OutOfFold, positives(all), nil)); got != r.AUC.Value {
		wrong = append(wrong, fmt.Errorf("out-of-fold AUC %v, recorded %v", got, r.AUC.Value))
	}
	again := r
	if again.studies(all); again.GroupAUC != r.GroupAUC || again.Rule != r.Rule {
		wrong = append(wrong, fmt.Errorf("groups as studies: AUC %v under %v, recorded %v under %v", again.GroupAUC, again.Rule, r.GroupAUC, r.Rule))
	}
	again.Parts, again.Calibration = nil, nil
	if again.parts(all, slices.ContainsFunc(r.Parts, func(p validation.Part) bool { return p.Name == "site 1" })); !reflect.DeepEqual(again.Parts, r.Parts) || !slices.Equal(again.Calibration, r.Calibration) {
		wrong = append(wrong, errors.New("parts of the slices, or the calibration, are not as recorded"))
	}
	if n := len(r.MemberAUC); n != r.Members || len(r.AverageAUC) != n || r.AverageAUC[n-1] != r.AUC.Value {
		wrong = append(wrong, fmt.Errorf("networks alone %v, averages %v, all %v", r.MemberAUC, r.AverageAUC, r.AUC))
	}
	if !slices.Equal(validation.Folds(groupsOf(all), positives(all), Folds), r.FoldOfRow) {
		wrong = append(wrong, errors.New("the folds are not those recorded"))
	}
	fold := map[string]int{}
	for i, s := range all {
		if f, ok := fold[s.group]; ok && f != r.FoldOfRow[i] {
			wrong = append(wrong, fmt.Errorf("group %s is in two folds", s.group))
		}
		fold[s.group] = r.FoldOfRow[i]
	}
	return errors.Join(wrong...)
}
