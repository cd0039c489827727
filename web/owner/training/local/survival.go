package local

import (
	"context"
	"fmt"
	"math"
	"slices"

	"manx/ml"
	"manx/ml/federated"
	"manx/ml/federated/cox"
	"manx/privacy/notice"
)

// Survival is Cox's proportional hazards by Newton's method over masked sums
// (cox.Smooth). The first round counts who leaves in each cell of time, and nothing is
// opened where those are too few. Then each step takes two rounds: the sums over who is
// at risk, and with all sites' the gradient over each site's own events. When the
// coefficients have settled a last round tests what they have become; one that followed
// would change nothing.
type Survival struct {
	Edges    []float64 `json:"edges"`          // of the cells, rising from 0, the last past the longest time; 2 to 65
	Horizon  float64   `json:"horizon"`        // the time that survival is tested at, and told of in a sentence
	MostRows int       `json:"most_rows"`      // that a site has at most
	Event    ml.Text   `json:"event,omitzero"` // what the label says has happened: "death"

	schema federated.Schema
}

// Cox is the name of the kind Survival.
const Cox = "cox"

// Of returns the kind with the schema of its tables.
func (k Survival) Of(s federated.Schema) Survival {
	k.schema = s
	return k
}

// maxCells and maxCovariates bound a version; they are those of a card's curve.
const maxCells, maxCovariates = 64, 32

// The stages of a version, its first number.
const (
	counts  = iota // nobody has been counted
	risks          // at these coefficients there are no sums yet
	scores         // there are those over who is at risk
	settled        // there are all, and nothing moves
)

func (k Survival) grid() cox.Smooth { return cox.Smooth{Grid: cox.Grid{Edges: k.Edges}} }
func (k Survival) cells() int       { return len(k.Edges) - 1 }
func (k Survival) size() int        { return k.schema.Size() }

// Name implements Kind.
func (Survival) Name() string { return Cox }

// Check implements Kind.
func (k Survival) Check(_ [3]int, rounds int) error {
	bad := func(what, cure string) error {
		return notice.New(notice.Invalid, "the proposal's survival cannot be: "+what, cure)
	}
	t := k.schema.Label.Time
	switch {
	case t == nil:
		return bad("the schema's label has no time", "name the column of the time to the event, or to the last sight: label.time")
	case k.cells() < 1 || k.cells() > maxCells || k.size() > maxCovariates:
		return bad(fmt.Sprintf("it has 1 to %d cells of time, and at most %d covariates", maxCells, maxCovariates), "give fewer edges, or fewer columns")
	case t.Max > k.Edges[k.cells()] || t.Min <= 0:
		return bad("a time of 0, or past the last edge, could be in a table", "let the label's time begin above 0, and edges end where it does")
	case !(k.Horizon > 0 && k.Horizon <= k.Edges[k.cells()]):
		return bad("the horizon is not within the edges", "give a time above 0 that patients were seen at")
	case k.MostRows < 1 || k.MostRows > 1e6:
		return bad("most_rows is not 1 to a million", "give the most patients that a site has")
	case (k.Event.English == "") != (k.Event.Chinese == "") || len(k.Event.English) > 300 || len(k.Event.Chinese) > 300:
		return bad("its event is not named in both languages, in 300 bytes each", "name it in both, or leave it out")
	case rounds > 0 && rounds < 8:
		return bad("it takes rounds to count, to step until nothing moves, and to test", "propose 30 rounds or more; those that are not needed are not opened")
	}
	for _, c := range k.schema.Columns {
		if c.Codes == nil && !(math.Max(math.Abs(c.Min-c.Centre), math.Abs(c.Max-c.Centre)) <= 100*c.Spread) {
			return bad("the column "+c.Name+" may be more than 100 spreads from its centre", "give it a narrower range, or a wider spread: sums of squares have to fit")
		}
	}
	return k.grid().Valid()
}

// Begin implements Kind: coefficients of nought.
func (k Survival) Begin() (federated.State, error) {
	return federated.State{Params: k.version(counts, make([]float64, k.size()), nil, nil)}, nil
}

// A version is its stage, the coefficients, and all sites' sums at them as far as there
// are any: over who is at risk, and over events.
func (k Survival) version(stage int, at, risk, score []float64) []float64 {
	v := append([]float64{float64(stage)}, at...)
	if risk == nil {
		risk = make([]float64, k.grid().Length(k.size()))
	}
	if score == nil {
		score = make([]float64, k.grid().Scores(k.size()))
	}
	return slices.Concat(v, risk, score)
}

// Resume implements Kind: it steps on from the coefficients, over the patients of now.
func (k Survival) Resume(s federated.State) federated.State {
	_, at, _, _ := k.read(s)
	return federated.State{Params: k.version(counts, at, nil, nil)}
}

func (k Survival) read(s federated.State) (stage int, at, risk, score []float64) {
	n := 1 + k.size()
	end := n + k.grid().Length(k.size())
	return int(s.Params[0]), s.Params[1:n], s.Params[n:end], s.Params[end:]
}

// Fit returns the model of a version that has settled.
func (k Survival) Fit(s federated.State) (cox.Fit, error) {
	_, at, risk, score := k.read(s)
	return k.grid().Fit(at, risk, score)
}

// sums is how many sums a round's vector has: of who leaves, of who is at risk, of
// events.
func (k Survival) sums() int {
	return k.cells() + k.grid().Length(k.size()) + k.grid().Scores(k.size())
}

// Bound implements Kind: the sums, each in parts of the most that it may come to, and
// behind them what is finer than a notch of each.
func (k Survival) Bound() (length int, clip float64) { return 2 * k.sums(), 1 }

// notches is how many there are in the most that a sum may come to. That most grows with
// the exponential of the coefficients and is far above what sums are, so that one number
// under masks, of some 2^-28 of it, would not resolve them. A sum is sent as whole
// notches and the rest in parts of one: of these the first come out of the masks exact
// once rounded, at up to some 700 sites.
const notches = 1 << 12

// split writes values, within -1 and 1, as whole notches and the rest.
func split(values []float64) []float64 {
	n := len(values)
	out := make([]float64, 2*n)
	for i, v := range values {
		whole := math.RoundToEven(v * notches)
		out[i], out[n+i] = whole/notches, v*notches-whole
	}
	return out
}

// joined is what the sum of what sites have split stands for.
func joined(sum []float64) []float64 {
	n := len(sum) / 2
	out := make([]float64, n)
	for i := range out {
		out[i] = (math.RoundToEven(sum[i]*notches) + sum[n+i]) / notches
	}
	return out
}

// Most implements Kind.
func (k Survival) Most() int { return k.MostRows }

// scale is the most that each sum of a site may come to: of so many patients, whose
// covariates are at an end of their range, and whose risk by the coefficients is.
func (k Survival) scale(at []float64) []float64 {
	var reach []float64
	for _, c := range k.schema.Columns {
		if c.Codes == nil {
			reach = append(reach, math.Max(math.Abs(c.Min-c.Centre), math.Abs(c.Max-c.Centre))/c.Spread)
		}
		for range c.Codes {
			reach = append(reach, 1)
		}
	}
	if k.schema.Flags {
		for range k.schema.Columns {
			reach = append(reach, 1)
		}
	}
	risk := 0.0
	for i, b := range at {
		risk += math.Abs(b) * reach[i]
	}
	rows := float64(k.MostRows)
	moments := append([]float64{1}, reach...)
	var gradient, information []float64
	for i, r := range reach {
		gradient = append(gradient, 2*r*rows) // from one end of the range to the other
		for _, q := range reach[:i+1] {
			moments, information = append(moments, r*q), append(information, 4*r*q*rows)
		}
	}
	var cell []float64
	for _, m := range moments {
		for degree := range k.grid().Length(k.size()) / k.cells() / len(moments) {
			cell = append(cell, m*rows*math.Exp(risk)*float64(2*degree+1))
		}
	}
	counted := slices.Repeat([]float64{rows}, k.cells())
	return slices.Concat(counted, slices.Repeat(cell, k.cells()), gradient, information, counted)
}

// Vector implements Kind.
func (k Survival) Vector(_ context.Context, r Round, s Site) (v, _ []float64, err error) {
	v = make([]float64, k.sums())
	if len(s.Train.X) > k.MostRows {
		return nil, nil, notice.New(notice.Invalid, fmt.Sprintf("this site has more patients than the %d that the proposal counts", k.MostRows), "take part with fewer, or ask for a proposal with a larger most_rows")
	}
	patients := cox.Patients{X: s.Train.X, Time: s.Train.Time, Event: s.Train.Positive}
	stage, at, risk, _ := k.read(r.State)
	var part []float64
	from := 0
	switch stage {
	case counts:
		part, err = k.grid().Leaving(patients)
	case risks:
		from = k.cells()
		part, err = k.grid().Risks(at, patients)
	case scores:
		from = k.cells() + len(risk)
		part, err = k.grid().Score(at, risk, patients)
	}
	copy(v[from:], part)
	for i, most := range k.scale(at) {
		v[i] = min(max(v[i]/most, -1), 1)
	}
	return split(v), nil, err
}

// still is the largest move of a coefficient, in standard errors, that counts as none.
const still = 1e-3

// Next implements Kind. There is no likelihood to compare, since rounds may be of
// other sites: a step is never halved.
func (k Survival) Next(r Round, from federated.State, sum []float64) (federated.State, error) {
	stage, at, risk, _ := k.read(from)
	if stage == settled {
		return from, nil
	}
	sum = joined(sum)
	for i, most := range k.scale(at) {
		sum[i] *= most
	}
	out := federated.State{Round: from.Round + 1}
	leaving, sum := sum[:k.cells()], sum[k.cells():]
	switch stage {
	case counts:
		for i, n := range leaving {
			leaving[i] = math.Round(n)
		}
		out.Params = k.version(risks, at, nil, nil)
		return out, k.grid().Check(leaving, r.Minimum)
	case risks:
		out.Params = k.version(scores, at, sum[:len(risk)], nil)
		return out, nil
	}
	score := sum[len(risk):]
	next, errors, err := k.grid().Next(at, score)
	if err != nil {
		return federated.State{}, err
	}
	out.Params = k.version(settled, at, risk, score)
	for i, e := range errors {
		if math.Abs(next[i]-at[i]) > still*e {
			out.Params = k.version(risks, next, nil, nil)
		}
	}
	return out, nil
}

// Outcomes implements Kind: the event before the horizon, of those of whom it is known
// whether it was.
func (k Survival) Outcomes(_ context.Context, r Round, s Site) (all []Outcome, err error) {
	if stage, _, _, _ := k.read(r.State); stage != settled {
		return nil, nil
	}
	f, err := k.Fit(r.State)
	if err != nil {
		return nil, err
	}
	for i, x := range s.Test.X {
		died := s.Test.Positive[i] && s.Test.Time[i] <= k.Horizon
		if !died && s.Test.Time[i] < k.Horizon {
			continue // last seen before
		}
		p, err := f.Survival(x, k.Horizon)
		if err != nil {
			return nil, err
		}
		all = append(all, Outcome{i, 1 - p.Survival, died})
	}
	return all, nil
}

// Whole implements Kind.
func (k Survival) Whole(s federated.State, _ int, _ []int) error {
	if stage, _, _, _ := k.read(s); stage != settled {
		return notice.New(notice.Conflict, "the coefficients of the survival model have not settled", "wait for more rounds, or go on from this training: `manx train propose --from TRAINING`")
	}
	return nil
}

// File implements Kind: the log of a patient's hazard over that of one whose inputs
// are 0, as ONNX. The card has the rest of the curve.
func (k Survival) File(name string, s federated.State) (File, error) {
	_, at, _, _ := k.read(s)
	return graphFile(ml.Graph{Name: name, Input: []int{len(at)}, Nodes: []ml.Node{{Op: ml.Linear{Out: 1, In: len(at), Weights: slices.Clone(at), Bias: []float64{0}}, Args: []int{0}}}, Output: 1})
}

// Describe implements Kind.
func (k Survival) Describe(c *ml.Card, s federated.State) error {
	f, err := k.Fit(s)
	if err != nil {
		return err
	}
	curve := f.Curve()
	curve.Unit, curve.Horizon = k.schema.Label.Time.Unit, k.Horizon
	if curve.Unit == "" {
		curve.Unit = "units of the table's time"
	}
	c.Survival = &curve
	if k.Event != (ml.Text{}) {
		c.Words.Sign = k.Event
	}
	var deaths float64
	for _, d := range f.Deaths {
		deaths += d
	}
	of := ml.Chart{Flags: k.schema.Flags}
	for _, column := range k.schema.Columns {
		of.Fields = append(of.Fields, column.Field)
	}
	for i, e := range f.Errors() {
		low, high := math.Exp(f.Beta[i]-1.96*e), math.Exp(f.Beta[i]+1.96*e)
		c.Metrics = append(c.Metrics, ml.Metric{Name: fmt.Sprintf("hazard ratio, input %d, %s", i+1, of.Fields[of.Columns()[i]].Name), Value: math.Exp(f.Beta[i]), Low: &low, High: &high,
			Method: "for one step of the input as the card encodes it; 95% interval by the information"})
	}
	c.Notes = append(c.Notes,
		fmt.Sprintf("Tested is whether the event comes within %g %s, of those held out of whom it is known.", k.Horizon, curve.Unit),
		fmt.Sprintf("Cox's proportional hazards by Newton's method over masked sums: who is at risk, as cubics of time in each of %d cells, and gradient and information over all events; the hazard is constant in each cell. When they were counted, as many patients of all sites left in each cell as a site's minimum, or more; %.0f events. What was opened: these sums, at the coefficients of every step.", k.cells(), deaths),
		"The interval is that of the curve, not of when one patient dies: it is the uncertainty of the fit (log-log scale; Link 1984).")
	return nil
}
