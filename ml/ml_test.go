package ml

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"manx/privacy/notice"
)

func linear() Graph {
	return Graph{Name: "a", Input: []int{2}, Output: 1, Nodes: []Node{{Op: Linear{Out: 1, In: 2, Weights: []float64{1, 2}, Bias: []float64{0}}, Args: []int{0}}}}
}

func TestGraphsThatCannotBeAreRefused(t *testing.T) {
	for name, change := range map[string]func(*Graph){
		"no operations":         func(g *Graph) { g.Nodes = nil },
		"no such output":        func(g *Graph) { g.Output = 2 },
		"an input without size": func(g *Graph) { g.Input = []int{0} },
		"an input too large":    func(g *Graph) { g.Input = []int{1 << 13, 1 << 13, 1 << 13} },
		"two dimensions":        func(g *Graph) { g.Input = []int{2, 2} },
		"a later value":         func(g *Graph) { g.Nodes[0].Args = []int{1} },
		"a negative value":      func(g *Graph) { g.Nodes[0].Args = []int{-1} },
		"too many arguments":    func(g *Graph) { g.Nodes[0].Args = []int{0, 0} },
		"no operation":          func(g *Graph) { g.Nodes[0].Op = nil },
		"weights missing":       func(g *Graph) { g.Nodes[0].Op = Linear{Out: 1, In: 2, Bias: []float64{0}} },
		"a huge layer":          func(g *Graph) { g.Nodes[0].Op = Linear{Out: math.MaxInt, In: 2} },
		"a weight not finite": func(g *Graph) {
			g.Nodes[0].Op = Linear{Out: 1, In: 2, Weights: []float64{1, math.NaN()}, Bias: []float64{0}}
		},
		"a picture of a vector":  func(g *Graph) { g.Nodes[0].Op = AveragePool{Kernel: 1} },
		"a polynomial too high":  func(g *Graph) { g.Nodes[0].Op = Poly{Coeffs: [][]float64{make([]float64, 99)}} },
		"polynomials too few":    func(g *Graph) { g.Nodes[0].Op = Poly{Coeffs: [][]float64{}} },
		"one value joined":       func(g *Graph) { g.Nodes[0].Op = Concat{} },
		"joined along nothing":   func(g *Graph) { g.Nodes[0] = Node{Op: Concat{Axis: 1}, Args: []int{0, 0}} },
		"an unknown function":    func(g *Graph) { g.Nodes[0].Op = Activation{Kind: 9} },
		"softmax along nothing":  func(g *Graph) { g.Nodes[0].Op = Softmax{Axis: -1} },
		"a shape of other size":  func(g *Graph) { g.Nodes[0].Op = Reshape{Shape: []int{3}} },
		"a shape that overflows": func(g *Graph) { g.Nodes[0].Op = Reshape{Shape: []int{1 << 31, 1 << 31, 8}} },
		"a frame of a vector":    func(g *Graph) { g.Nodes[0].Op = Pad{} },
		"a frame without limit": func(g *Graph) {
			g.Input, g.Nodes[0].Op = []int{1, 1, 2}, Pad{Left: math.MaxInt}
		},
		"windows of padding alone": func(g *Graph) {
			g.Input, g.Nodes[0].Op = []int{1, 2, 2}, MaxPool{Kernel: [2]int{1, 1}, Stride: [2]int{1, 1}, Before: [2]int{1, 0}}
		},
		"a kernel without limit": func(g *Graph) { g.Nodes[0].Op = Conv{Out: 1, In: 1, Kernel: math.MaxInt, Stride: 1} },
	} {
		g := linear()
		change(&g)
		if err := g.Check(); !notice.Is(err, notice.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := Hash(g); err == nil {
			t.Errorf("%s: it has a hash", name)
		}
	}
}

func TestHashNamesWhatIsComputed(t *testing.T) {
	want, err := Hash(linear())
	if err != nil {
		t.Fatal(err)
	}
	const pinned = "c5344eb1e0e699f5fb138b3f0945ed46f7903321a5c06a8105b1ccde44b56bc3"
	if want != pinned {
		t.Errorf("the hash of a graph changed to %s: receipts name it", want)
	}
	renamed := linear()
	renamed.Name = "b"
	if got, _ := Hash(renamed); got != want {
		t.Error("the name takes part in the hash")
	}
	zero := linear()
	zero.Nodes[0].Op.(Linear).Bias[0] = math.Copysign(0, -1)
	if got, _ := Hash(zero); got != want {
		t.Error("there are two zeros")
	}
	other := linear()
	other.Nodes[0].Op.(Linear).Weights[1] = math.Nextafter(2, 3)
	if got, _ := Hash(other); got == want {
		t.Error("another weight, the same hash")
	}
}

func TestHashIsDefinedForEveryOperation(t *testing.T) {
	picture := func(op Op, args ...int) Graph {
		return Graph{Input: []int{2, 4, 4}, Output: 1, Nodes: []Node{{Op: op, Args: append(args, 0)}}}
	}
	pool := func(k, s, b, a int) Op {
		return MaxPool{Kernel: [2]int{k, 2}, Stride: [2]int{s, 1}, Before: [2]int{b, 0}, After: [2]int{a, 0}}
	}
	seen := map[string]string{}
	for name, g := range map[string]Graph{
		"flatten": picture(Flatten{}), "reshape": picture(Reshape{Shape: []int{32}}), "other shape": picture(Reshape{Shape: []int{1, 32, 1}}),
		"pad": picture(Pad{Top: 1}), "pad left": picture(Pad{Left: 1}), "pad below": picture(Pad{Bottom: 1}), "pad right": picture(Pad{Right: 1}),
		"pool": picture(pool(2, 1, 0, 0)), "kernel": picture(pool(3, 1, 0, 0)), "stride": picture(pool(2, 2, 0, 0)),
		"before": picture(pool(2, 1, 1, 0)), "after": picture(pool(2, 1, 0, 1)),
		"concat": picture(Concat{}, 0), "rows": picture(Concat{Axis: 1}, 0), "add": picture(Add{}, 0),
		"relu": picture(Activation{ReLU}), "sigmoid": picture(Activation{Sigmoid}), "tanh": picture(Activation{Tanh}),
		"softmax": picture(Softmax{}), "softmax of rows": picture(Softmax{Axis: 1}),
	} {
		h, err := Hash(g)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if other, twice := seen[h]; twice {
			t.Errorf("%s and %s have one hash", name, other)
		}
		seen[h] = name
	}
	h, err := Hash(picture(pool(2, 1, 1, 0)))
	if err != nil || h != "d1284ade53bd2a51a4e3ee106e80b8874e4783bdc6a542616bf65a34587cf3e0" {
		t.Errorf("the hash of a pooling changed to %s (%v): receipts name it", h, err)
	}
}

func TestFinalFunctionsAreLeftToTheKeyHolder(t *testing.T) {
	nodes := func(ops ...Op) (out []Node) {
		for i, op := range ops {
			out = append(out, Node{Op: op, Args: []int{i}})
		}
		return out
	}
	first := linear().Nodes[0].Op
	for name, c := range map[string]struct {
		nodes []Node
		cut   int // operations of the body; 0: not split
	}{
		"none":                     {nodes(first), 0},
		"sigmoid":                  {nodes(first, Activation{Sigmoid}), 1},
		"softmax, then a shape":    {nodes(first, Softmax{}, Reshape{Shape: []int{1, 1, 1}}), 1},
		"a shape alone":            {nodes(first, Reshape{Shape: []int{1, 1, 1}}), 0},
		"relu":                     {nodes(first, Activation{ReLU}), 0},
		"relu, then softmax":       {nodes(first, Activation{ReLU}, Softmax{}), 2},
		"two functions":            {nodes(first, Activation{Tanh}, Flatten{}, Softmax{}), 1},
		"the function alone":       {nodes(Activation{Sigmoid}), 0},
		"a function that two read": {append(nodes(first, Activation{Sigmoid}), Node{Op: Add{}, Args: []int{2, 2}}), 0},
		"what goes around it":      {append(nodes(first, Activation{Sigmoid}), Node{Op: Concat{}, Args: []int{1, 2}}, Node{Op: Softmax{}, Args: []int{3}}), 3},
	} {
		g := Graph{Name: "g", Input: []int{2}, Nodes: c.nodes, Output: len(c.nodes)}
		body, final, ok := g.SplitFinal()
		if ok != (c.cut > 0) {
			t.Errorf("%s: split is %t", name, ok)
		}
		if !ok {
			continue
		}
		if err := body.Check(); err != nil || len(body.Nodes) != c.cut {
			t.Errorf("%s: the body has %d operations (%v)", name, len(body.Nodes), err)
		}
		if err := final.Check(); err != nil || len(final.Nodes) != len(c.nodes)-c.cut {
			t.Errorf("%s: the end has %d operations (%v)", name, len(final.Nodes), err)
		}
	}
}

func card() Card {
	low, high := 0.1, 0.3
	return Card{
		Format: 1, Name: "a-model", Version: "1.0.0", Vertical: "health", Summary: "s", Hash: strings.Repeat("0", 64), Licence: "l", Price: "3",
		IntendedUse: []string{"u"}, NotFor: []string{"n"}, Data: []Source{{Name: "d"}}, Versions: []Change{{Version: "1.0.0"}},
		Metrics: []Metric{{Name: "m", Value: 0.2, Low: &low, High: &high, Method: "how"}},
	}
}

func TestCards(t *testing.T) {
	raw, err := json.Marshal(card())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ReadCard(strings.NewReader(string(raw))); err != nil {
		t.Error(err)
	}
	for name, raw := range map[string]string{
		"a field nobody knows": strings.Replace(string(raw), `"format"`, `"owner":"x","format"`, 1),
		"something after it":   string(raw) + "{}",
		"not JSON":             "x",
		"too long":             strings.Repeat(" ", maxCard) + string(raw),
	} {
		if _, err := ReadCard(strings.NewReader(raw)); !notice.Is(err, notice.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, change := range map[string]func(*Card){
		"price":     func(c *Card) { c.Price = "1e3" },
		"vertical":  func(c *Card) { c.Vertical = "insurance" },
		"interval":  func(c *Card) { c.Metrics[0].Value = 0.4 },
		"hash":      func(c *Card) { c.Hash = "x" },
		"no metric": func(c *Card) { c.Metrics = nil },
		"rule":      func(c *Card) { c.Rule = &Rule{TopK: 1, Threshold: 1} },
		"window":    func(c *Card) { c.Input = &Input{Modality: "CT", Size: 64, Slices: 1} },
		"precision": func(c *Card) { c.Precision = &Precision{Scheme: "CKKS", Bound: 1e-3, Seen: 1e-2} },
	} {
		c := card()
		change(&c)
		if err := c.Check(); !notice.Is(err, notice.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzReadCard(f *testing.F) {
	raw, err := json.Marshal(card())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(raw))
	f.Fuzz(func(t *testing.T, raw string) {
		if c, err := ReadCard(strings.NewReader(raw)); err == nil && c.Check() != nil {
			t.Fatal("an invalid card was read")
		}
	})
}
