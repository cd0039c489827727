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
