package workbench

import (
	"encoding/hex"
	"runtime"
	"slices"
	"time"

	"manx/ml"
	"manx/ml/approximate"
	"manx/ml/ckks"
	"manx/ml/samples"
	he "manx/privacy/ckks"
)

// A Report is what compiling a model showed. Bytes and times are of one input
// but for keys and plan, which are sent once.
type Report struct {
	Name       string   `json:"name"`
	Format     string   `json:"format"`
	Model      string   `json:"model"` // hash of the graph that runs, see ml.Hash
	PlanHash   string   `json:"plan"`
	Input      []int    `json:"input"`
	Operations []string `json:"operations"` // of the graph as it was read

	Set    string `json:"set"`
	Slots  int    `json:"slots"`
	Levels int    `json:"levels"` // that the set has; the first layer's is what is used

	Layers []ckks.Layer `json:"layers"`
	First  []string     `json:"first"` // what the key holder applies before encrypting
	Final  []string     `json:"final"` // and after decrypting

	CPU       time.Duration `json:"cpu_ns"`  // estimated
	Wall      time.Duration `json:"wall_ns"` // estimated, on Cores
	Cores     int           `json:"cores"`
	Unit      time.Duration `json:"unit_ns"` // one transform of one limb on this machine
	InputUp   int64         `json:"input_bytes"`
	ResultOut int64         `json:"result_bytes"`
	KeyBytes  int64         `json:"key_bytes"`
	Keys      int           `json:"keys"`
	PlanBytes int64         `json:"plan_bytes"`
	Precision float64       `json:"precision"`

	Calibrated int               `json:"calibrated"` // inputs that were calibrated on
	Replaced   []approximate.Fit `json:"replaced"`
	// Choices of degrees that were weighed, what was chosen first; none where the
	// degree was given.
	Choices []approximate.Choice `json:"choices,omitempty"`
	Cost    *approximate.Cost    `json:"cost,omitempty"`     // of replacing
	HeldOut bool                 `json:"held_out,omitempty"` // whether Cost is over inputs that nothing was fitted on
}

// A Compiled model: Graph is what its plan computes, and clear.Run of it the
// oracle.
type Compiled struct {
	*ckks.Compiled
	Graph  ml.Graph
	Report Report
	// Unseen are inputs of the calibration set that nothing was fitted on, all of
	// them where it is too small to hold some out.
	Unseen samples.Set
}

const (
	few   = 10      // inputs of which a fifth is held out, at least
	weigh = 1 << 18 // numbers of inputs on which degrees are weighed
)

// Compile replaces what has to be replaced, fitted on inputs, and compiles. With
// no inputs it compiles models that need none, for values as ckks.Ranges assumes.
// What cannot run encrypted is a notice that names the layer. Every activation is
// replaced by a polynomial of the degree given, or where it is 0 of degrees that
// approximate.Choices weighed against their levels.
func Compile(m Model, inputs samples.Set, degree int) (*Compiled, error) {
	shapes, err := m.Shapes()
	if err != nil {
		return nil, err
	}
	if err := ckks.Covered(m.Graph); err != nil {
		return nil, err
	}
	fit, unseen := inputs, inputs
	held := len(inputs.Inputs) >= few
	if held {
		fit, unseen = split(inputs)
	}
	var choices []approximate.Choice
	tries := [][]int{{degree}}
	if degree == 0 {
		weighed := max(weigh/ml.Size(shapes[0]), few)
		if choices, err = approximate.Choices(m.Graph, Take(fit, weighed).Inputs, he.Deep.Levels()); err != nil {
			return nil, err
		}
		// Squares are what compiles where the degrees that were chosen do not.
		tries = [][]int{{2}}
		if len(choices) > 0 && slices.Max(choices[0].Degrees) > 2 {
			tries = [][]int{choices[0].Degrees, {2}}
		}
	}
	var c *ckks.Compiled
	var g ml.Graph
	var fits []approximate.Fit
	for i, degrees := range tries {
		if g, fits, err = approximate.Replace(m.Graph, fit.Inputs, degrees...); err != nil {
			return nil, err
		}
		c, err = compileWithin(g, inputs)
		if err == nil {
			if i > 0 { // not what was chosen
				choices = nil
			}
			break
		}
	}
	if err != nil {
		return nil, err
	}
	unit, err := he.Calibrate(c.Set())
	if err != nil {
		return nil, err
	}
	cores := runtime.GOMAXPROCS(0)
	q := c.Quote(unit, cores)
	plan := c.Hash()
	r := Report{
		Name: m.Name, Format: m.Format, Model: hashOf(c), PlanHash: hex.EncodeToString(plan[:]), Input: shapes[0],
		Set: c.Set().String(), Slots: c.Set().Slots(), Levels: c.Set().Levels(),
		Layers: c.Layers(unit), First: c.First(), Final: c.Final(), CPU: q.CPU, Wall: q.Wall, Cores: cores, Unit: unit, InputUp: q.InputUp, ResultOut: q.ResultOut,
		KeyBytes: q.Keys, Keys: len(c.Needs()), PlanBytes: q.Plan, Precision: q.Precision, Calibrated: len(fit.Inputs), Replaced: fits, Choices: choices,
	}
	for _, n := range m.Nodes {
		r.Operations = append(r.Operations, ckks.NameOf(n.Op))
	}
	if len(fits) > 0 {
		cost, err := approximate.Measure(m.Graph, g, unseen.Inputs, unseen.Labels)
		if err != nil {
			return nil, err
		}
		r.Cost, r.HeldOut = &cost, held
	}
	return &Compiled{Compiled: c, Graph: g, Report: r, Unseen: unseen}, nil
}

// compileWithin compiles a graph for values as inputs give.
func compileWithin(g ml.Graph, inputs samples.Set) (*ckks.Compiled, error) {
	var ranges ckks.Ranges
	var err error
	if len(inputs.Inputs) > 0 {
		if ranges, err = approximate.Ranges(g, inputs.Inputs); err != nil {
			return nil, err
		}
	}
	hash, err := ml.Hash(g)
	if err != nil {
		return nil, err
	}
	var model [32]byte
	if _, err := hex.Decode(model[:], []byte(hash)); err != nil {
		return nil, err
	}
	return ckks.CompileWithin(g, model, ranges)
}

func hashOf(c *ckks.Compiled) string {
	model := c.Model()
	return hex.EncodeToString(model[:])
}

// split holds every fifth input out.
func split(s samples.Set) (fit, unseen samples.Set) {
	for i, in := range s.Inputs {
		to := &fit
		if i%5 == 4 {
			to = &unseen
		}
		to.Inputs = append(to.Inputs, in)
		if s.Labels != nil {
			to.Labels = append(to.Labels, s.Labels[i])
		}
	}
	fit.Found, unseen.Found = s.Found, s.Found
	return fit, unseen
}

// A Checked model was run encrypted and in the clear on the same inputs.
type Checked struct {
	ckks.Comparison
	Measure   string  `json:"measure,omitempty"` // accuracy or AUC, where there are labels
	Clear     float64 `json:"clear,omitempty"`
	Encrypted float64 `json:"encrypted,omitempty"`
}

// Quality adds to a comparison what labels say of both runs' outputs.
func Quality(c ckks.Comparison, labels []int) Checked {
	out := Checked{Comparison: c}
	if labels != nil {
		labels = labels[:c.Inputs]
		out.Measure, out.Clear = approximate.Quality(c.Clear, labels)
		_, out.Encrypted = approximate.Quality(c.Encrypted, labels)
	}
	return out
}

// Take returns at most n of a set's inputs, spread evenly.
func Take(s samples.Set, n int) samples.Set {
	n = min(n, len(s.Inputs))
	out := samples.Set{Found: s.Found}
	for i := range n {
		at := i * len(s.Inputs) / n
		out.Inputs = append(out.Inputs, s.Inputs[at])
		if s.Labels != nil {
			out.Labels = append(out.Labels, s.Labels[at])
		}
	}
	return samples.Set{Inputs: slices.Clip(out.Inputs), Labels: slices.Clip(out.Labels), Found: out.Found}
}
