// Package approximate puts polynomials in the place of activations that are none,
// fitted on what each of them sees, measures what that costs, and weighs it
// against the levels that a degree takes.
// It trains nothing: a network that was trained with squares loses nothing here,
// and where the cost is high, training it so is the cure.
package approximate

import (
	"fmt"
	"math"
	"slices"

	"manx/ml"
	"manx/ml/clear"
	"manx/privacy/notice"
)

// A Fit says what was put in the place of one activation.
type Fit struct {
	Layer    int       `json:"layer"`    // of the graph, from 1
	Function string    `json:"function"` // Relu, Sigmoid or Tanh
	Degree   int       `json:"degree"`
	Low      float64   `json:"low"` // of what the polynomial sees
	High     float64   `json:"high"`
	Method   string    `json:"method"`
	Own      int       `json:"own"`   // channels that have a polynomial of their own
	Mean     float64   `json:"mean"`  // difference from the original's activation
	Worst    float64   `json:"worst"` // of it
	Shared   []float64 `json:"shared"`
}

// Methods of a Fit.
const (
	LeastSquares = "least squares"
	Chebyshev    = "Chebyshev" // over the range, where there is too little to fit on
)

// enough is the fewest values that a polynomial is fitted on by least squares.
const enough = 32

// Replace returns g with a polynomial for every Activation that the key holder
// does not apply at its end (ml.Graph.SplitFinal), fitted one after another on
// inputs, each of g's size. degrees are those of the polynomials, 2 to MaxDegree,
// in order; the last serves all that follow, and without any it is 2. A later one is fitted on what the earlier ones
// make of the inputs, toward what the original makes of them. Channels get
// polynomials of their own where that predicts better the half of the inputs
// that it was not fitted on. Polynomials of one value that are added up become one.
// Without such activations g is returned as it is.
func Replace(g ml.Graph, inputs [][]float64, degrees ...int) (ml.Graph, []Fit, error) {
	for _, d := range degrees {
		if d < 2 || d > MaxDegree {
			return ml.Graph{}, nil, notice.New(notice.Invalid, "no polynomial of that degree is fitted", fmt.Sprintf("use a degree of 2 to %d", MaxDegree))
		}
	}
	shapes, err := g.Shapes()
	if err != nil {
		return ml.Graph{}, nil, err
	}
	end := len(g.Nodes)
	if body, _, ok := g.SplitFinal(); ok {
		end = len(body.Nodes)
	}
	out := g
	out.Nodes = slices.Clone(g.Nodes)
	var fits []Fit
	for i, n := range g.Nodes[:end] {
		a, ok := n.Op.(ml.Activation)
		if !ok {
			continue
		}
		if len(inputs) == 0 {
			return ml.Graph{}, nil, notice.New(notice.Invalid, "there are no inputs to fit the model's activations on",
				"name a folder of inputs: `manx model compile FILE --calibrate DIR`")
		}
		seen, want := make([][]float64, len(inputs)), make([][]float64, len(inputs))
		for k, in := range inputs {
			if seen[k], err = valueOf(out, n.Args[0], in); err != nil {
				return ml.Graph{}, nil, err
			}
			if want[k], err = valueOf(g, i+1, in); err != nil {
				return ml.Graph{}, nil, err
			}
		}
		degree := 2
		if len(degrees) > 0 {
			degree = degrees[min(len(fits), len(degrees)-1)]
		}
		p, fit := fitted(a.Kind, degree, seen, want, shapes[i+1])
		fit.Layer = i + 1
		out.Nodes[i].Op = p
		fits = append(fits, fit)
	}
	if len(fits) > 0 {
		out = merged(out)
	}
	return out, fits, nil
}

// valueOf runs g as far as one value.
func valueOf(g ml.Graph, value int, in []float64) ([]float64, error) {
	if value == 0 {
		return in, nil
	}
	g.Nodes, g.Output = g.Nodes[:value], value
	return clear.Run(g, in)
}

// fitted returns the polynomials for one activation of that shape from what it
// sees and what it should give, an input each.
func fitted(kind ml.Kind, degree int, seen, want [][]float64, shape []int) (ml.Poly, Fit) {
	low, high := math.Inf(1), math.Inf(-1)
	for _, x := range seen {
		low, high = min(low, slices.Min(x)), max(high, slices.Max(x))
	}
	fit := Fit{Function: kind.String(), Degree: degree, Low: low, High: high, Method: LeastSquares}
	channels := shape[0]
	each := ml.Size(shape) / channels
	frame := scaled(low, high)
	// Sums over even and over odd inputs: each half is predicted from the other.
	all := [2]moments{}
	own := make([][2]moments, channels)
	for k := range seen {
		for i, x := range seen[k] {
			own[i/each][k%2].add(frame.to(x), want[k][i], 1)
		}
	}
	for c := range own {
		for h := range own[c] {
			own[c][h].hold(kind, degree, frame)
		}
	}
	for _, m := range own {
		for h := range all {
			all[h].join(m[h])
		}
	}
	var shared series
	whole := all[0]
	whole.join(all[1])
	if whole.sum[0] < enough {
		fit.Method = Chebyshev
		shared = overRange(kind, degree, frame)
	} else {
		shared = whole.solve(frame, degree)
	}
	rows := make([][]float64, channels)
	for c, m := range own {
		rows[c] = frame.unscale(shared)
		together := m[0]
		together.join(m[1])
		if m[0].sum[0] < enough || m[1].sum[0] < enough {
			continue
		}
		var alone, common float64
		for h := range m {
			alone += m[h].error(m[1-h].solve(frame, degree))
			common += m[h].error(all[1-h].solve(frame, degree))
		}
		if alone < common {
			rows[c] = frame.unscale(together.solve(frame, degree))
			fit.Own++
		}
	}
	if fit.Own == 0 {
		rows = rows[:1]
	}
	for c, r := range rows {
		rows[c] = written(r)
	}
	fit.Shared = written(frame.unscale(shared))
	p := ml.Poly{Coeffs: rows}
	count := 0
	for k := range seen {
		for i, x := range seen[k] {
			r := rows[min(i/each, len(rows)-1)]
			y := 0.0
			for d := len(r) - 1; d >= 0; d-- {
				y = y*x + r[d]
			}
			off := math.Abs(y - want[k][i])
			fit.Mean += off
			fit.Worst = max(fit.Worst, off)
			count++
		}
	}
	fit.Mean /= float64(count)
	return p, fit
}

// written returns coefficients as ONNX files hold them, so that the graph is the
// same after it was written: float32, without zeros at the end.
func written(row []float64) (out []float64) {
	for _, x := range row {
		out = append(out, float64(float32(x)))
	}
	for len(out) > 1 && out[len(out)-1] == 0 {
		out = out[:len(out)-1]
	}
	return out
}

// function applies an activation in the clear.
func function(kind ml.Kind, x float64) float64 {
	switch kind {
	case ml.Sigmoid:
		return 1 / (1 + math.Exp(-x))
	case ml.Tanh:
		return math.Tanh(x)
	}
	return max(x, 0)
}

// overRange interpolates the function's Chebyshev series over a range, cut after
// a degree: near the least worst error of any polynomial of that degree.
func overRange(kind ml.Kind, degree int, f frame) series {
	const nodes = 64
	c := make(series, degree+1)
	for i := range nodes {
		angle := math.Pi * (float64(i) + .5) / nodes
		y := function(kind, f.from(math.Cos(angle)))
		for d := range c {
			c[d] += 2 * y * math.Cos(float64(d)*angle) / nodes
		}
	}
	c[0] /= 2
	return bent(c, f)
}
