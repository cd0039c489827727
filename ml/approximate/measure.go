package approximate

import (
	"fmt"
	"math"
	"slices"

	"manx/ml"
	"manx/ml/clear"
)

// A Cost is how far a graph's outputs are from another's, over some inputs.
type Cost struct {
	Inputs  int     `json:"inputs"`
	Mean    float64 `json:"mean"`              // difference of an output
	Worst   float64 `json:"worst"`             // of it
	Measure string  `json:"measure,omitempty"` // accuracy, or AUC of a single output; empty without labels
	Before  float64 `json:"before,omitempty"`
	After   float64 `json:"after,omitempty"`
}

// Measure compares two graphs on inputs. labels are the classes, from 0, or
// nil; of a single output, class 1 is the one that it should be high for.
func Measure(before, after ml.Graph, inputs [][]float64, labels []int) (Cost, error) {
	if len(inputs) == 0 || labels != nil && len(labels) != len(inputs) {
		return Cost{}, fmt.Errorf("approximate: %d labels of %d inputs", len(labels), len(inputs))
	}
	c := Cost{Inputs: len(inputs)}
	var outputs [2][][]float64
	count := 0
	for _, in := range inputs {
		var y [2][]float64
		for i, g := range [2]ml.Graph{before, after} {
			var err error
			if y[i], err = clear.Run(g, in); err != nil {
				return Cost{}, err
			}
			outputs[i] = append(outputs[i], y[i])
		}
		for i, v := range y[0] {
			off := math.Abs(v - y[1][i])
			c.Mean += off
			c.Worst = max(c.Worst, off)
			count++
		}
	}
	c.Mean /= float64(count)
	if labels != nil {
		c.Measure, c.Before = Quality(outputs[0], labels)
		_, c.After = Quality(outputs[1], labels)
	}
	return c, nil
}

// Quality returns how good outputs are by labels: of one output each the area
// under the ROC curve, of more the share whose largest is the label's. name is
// empty where there is no such figure, as where all labels are alike.
func Quality(outputs [][]float64, labels []int) (name string, value float64) {
	if len(outputs) == 0 || len(outputs) != len(labels) {
		return "", 0
	}
	if len(outputs[0]) > 1 {
		right := 0
		for i, y := range outputs {
			if slices.Index(y, slices.Max(y)) == labels[i] {
				right++
			}
		}
		return "accuracy", float64(right) / float64(len(outputs))
	}
	var pairs, won float64
	for i, y := range outputs {
		for j, x := range outputs {
			if labels[i] != 1 || labels[j] == 1 {
				continue
			}
			pairs++
			if y[0] > x[0] {
				won++
			} else if y[0] == x[0] {
				won += .5
			}
		}
	}
	if pairs == 0 {
		return "", 0
	}
	return "AUC", won / pairs
}

// Ranges returns the largest magnitude of each value of g over inputs, its
// input's first.
func Ranges(g ml.Graph, inputs [][]float64) ([]float64, error) {
	out := make([]float64, len(g.Nodes)+1)
	for _, in := range inputs {
		values, err := clear.Trace(g, in)
		if err != nil {
			return nil, err
		}
		for i, v := range values {
			for _, x := range v {
				out[i] = max(out[i], math.Abs(x))
			}
		}
	}
	return out, nil
}
