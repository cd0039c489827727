package saliency

import (
	"encoding/csv"
	"image"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"testing"

	"manx/ml"
	"manx/ml/clear"
	"manx/ml/lungct"
	"manx/privacy/notice"
	"manx/test/realdata"
)

func numbers(r *rand.Rand, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = r.Float64() - .5
	}
	return out
}

// every returns a graph of every operation that is covered, on [2, 9, 8]
// pictures, with branches, padding, strides and rests.
func every(r *rand.Rand) ml.Graph {
	return ml.Graph{Input: []int{2, 9, 8}, Output: 9, Nodes: []ml.Node{
		{Op: ml.Conv{Out: 3, In: 2, Kernel: 3, Stride: 2, Pad: 1, Weights: numbers(r, 54), Bias: numbers(r, 3)}, Args: []int{0}},
		{Op: ml.Poly{Coeffs: [][]float64{numbers(r, 3), numbers(r, 4), {.5}}}, Args: []int{1}},
		{Op: ml.Conv{Out: 3, In: 3, Kernel: 2, Stride: 1, Pad: 0, Weights: numbers(r, 36), Bias: numbers(r, 3)}, Args: []int{2}},
		{Op: ml.Add{}, Args: []int{3, 3}},
		{Op: ml.AveragePool{Kernel: 2}, Args: []int{4}},
		{Op: ml.Flatten{}, Args: []int{5}},
		{Op: ml.Poly{Coeffs: [][]float64{numbers(r, 3)}}, Args: []int{6}},
		{Op: ml.Add{}, Args: []int{6, 7}},
		{Op: ml.Linear{Out: 1, In: 6, Weights: numbers(r, 6), Bias: numbers(r, 1)}, Args: []int{8}},
	}}
}

func run(t *testing.T, g ml.Graph, x []float64) float64 {
	t.Helper()
	y, err := clear.Run(g, x)
	if err != nil {
		t.Fatal(err)
	}
	return y[0]
}

func TestGradientIsThatOfFiniteDifferences(t *testing.T) {
	for seed := range uint64(5) {
		r := rand.New(rand.NewPCG(seed, 1))
		g := every(r)
		x := numbers(r, ml.Size(g.Input))
		slope, y, err := Gradient(g, x)
		if err != nil {
			t.Fatal(err)
		}
		if y != run(t, g, x) {
			t.Error("the output is not that of the clear run")
		}
		const h = 1e-5
		moved := 0
		for i := range x {
			up, down := slices.Clone(x), slices.Clone(x)
			up[i] += h
			down[i] -= h
			want := (run(t, g, up) - run(t, g, down)) / (2 * h)
			if math.Abs(slope[i]-want) > 1e-8 {
				t.Errorf("seed %d, value %d: %g, by differences %g", seed, i, slope[i], want)
			}
			if math.Abs(want) > 1e-4 {
				moved++
			}
		}
		if moved < len(x)/3 {
			t.Errorf("only %d of %d values matter: the test says little", moved, len(x))
		}
	}
}

func TestSharesSumToTheChange(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	lung, _, err := lungct.Model()
	if err != nil {
		t.Fatal(err)
	}
	for name, g := range map[string]ml.Graph{"every operation": every(r), "lung-ct": lung} {
		x := numbers(r, ml.Size(g.Input))
		m, err := Of(g, x)
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for _, s := range m.Shares {
			sum += s
		}
		if change := m.Value - m.Reference; m.Value != run(t, g, x) || math.Abs(sum-change) > 1e-9*(1+math.Abs(change)) || change == 0 {
			t.Errorf("%s: the shares sum to %g, the output changed by %g", name, sum, change)
		}
		again, err := Of(g, x)
		if err != nil || !slices.Equal(m.Shares, again.Shares) {
			t.Errorf("%s: another map of the same picture (%v)", name, err)
		}
	}
	if n := points(lung); n != 4 {
		t.Errorf("lung-ct, of degree 8, takes %d gradients", n)
	}
}

// spot returns a graph whose output depends on one square of a picture only: the
// square of its sum.
func spot(side, row, column, size int, sign float64) ml.Graph {
	w := make([]float64, side*side)
	for y := range size {
		for x := range size {
			w[(row+y)*side+column+x] = 1
		}
	}
	return ml.Graph{Input: []int{1, side, side}, Output: 3, Nodes: []ml.Node{
		{Op: ml.Flatten{}, Args: []int{0}},
		{Op: ml.Linear{Out: 1, In: len(w), Weights: w, Bias: []float64{0}}, Args: []int{1}},
		{Op: ml.Poly{Coeffs: [][]float64{{0, 0, sign}}}, Args: []int{2}},
	}}
}

func TestMapFindsTheRegionThatMatters(t *testing.T) {
	const side, row, column, size = 64, 40, 12, 6
	x := make([]float64, side*side)
	for i := range x {
		x[i] = .1
	}
	paint := func(row, column int) {
		for y := range size {
			for c := range size {
				x[(row+y)*side+column+c] = .9
			}
		}
	}
	paint(row, column)
	paint(10, 45) // as bright, and the model does not look there
	for _, sign := range []float64{1, -1} {
		m, err := Of(spot(side, row, column, size, sign), x)
		if err != nil {
			t.Fatal(err)
		}
		best, within, all := 0, 0.0, 0.0
		for i, s := range m.Shares {
			if s*sign < -1e-12 {
				t.Fatalf("cell %d has a share of the other sign: %g", i, s)
			}
			if math.Abs(s) > math.Abs(m.Shares[best]) {
				best = i
			}
			all += s
			if y, c := i/side, i%side; y >= row-4 && y < row+size+4 && c >= column-4 && c < column+size+4 {
				within += s
			}
		}
		if y, c := best/side, best%side; y < row || y >= row+size || c < column || c >= column+size {
			t.Errorf("the strongest cell is at %d, %d", y, c)
		}
		if within/all < .9 {
			t.Errorf("%.2f of the map lies about the region", within/all)
		}
	}
}

func TestWhatHasNoMap(t *testing.T) {
	vector := ml.Graph{Input: []int{2}, Output: 1, Nodes: []ml.Node{{Op: ml.Linear{Out: 1, In: 2, Weights: []float64{1, 2}, Bias: []float64{0}}, Args: []int{0}}}}
	two := spot(8, 0, 0, 2, 1)
	two.Nodes[1].Op = ml.Linear{Out: 2, In: 64, Weights: make([]float64, 128), Bias: []float64{0, 0}}
	curved := spot(8, 0, 0, 2, 1)
	curved.Nodes[2].Op = ml.Activation{Kind: ml.ReLU}
	const side = 1024 // under a 63 x 63 kernel: four billion multiply-adds a run
	large := ml.Graph{Input: []int{1, side, side}, Output: 3, Nodes: []ml.Node{
		{Op: ml.Conv{Out: 1, In: 1, Kernel: 63, Stride: 1, Pad: 31, Weights: make([]float64, 63*63), Bias: []float64{0}}, Args: []int{0}},
		{Op: ml.Flatten{}, Args: []int{1}},
		{Op: ml.Linear{Out: 1, In: side * side, Weights: make([]float64, side*side), Bias: []float64{0}}, Args: []int{2}},
	}}
	for name, g := range map[string]ml.Graph{"a vector": vector, "two outputs": two, "no polynomial": curved, "too much work": large} {
		if _, err := Of(g, make([]float64, ml.Size(g.Input))); !notice.Is(err, notice.Unsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
	broken := spot(8, 0, 0, 2, 1)
	broken.Nodes[0].Args = []int{7}
	if _, err := Of(broken, make([]float64, 64)); !notice.Is(err, notice.Invalid) {
		t.Errorf("no graph: %v", err)
	}
	if _, err := Of(spot(8, 0, 0, 2, 1), make([]float64, 63)); err == nil {
		t.Error("a picture of another size has a map")
	}
}

// A large picture is explained; one that would take too long is refused at once.
func TestLargePictures(t *testing.T) {
	const side = 512
	g := spot(side, 200, 100, 64, 1)
	x := make([]float64, side*side)
	x[205*side+110] = 1
	m, err := Of(g, x)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Shares) != side*side || !(m.Value == 1) {
		t.Errorf("%d shares, value %g", len(m.Shares), m.Value)
	}
	if _, err := Of(spot(2048, 0, 0, 64, 1), make([]float64, 2048*2048)); !notice.Is(err, notice.Unsupported) {
		t.Errorf("a picture of four million cells: %v", err)
	}
}

// On real slices the map knows what moves lung-ct: smoothing out the blocks that it
// ranks first moves the logit, as chance does not, and about as occlusion does or
// more. MANX_LONG=all measures the figures of the package's comment.
func TestMapIsFaithfulOnRealSlices(t *testing.T) {
	g, _, err := lungct.Model()
	if err != nil {
		t.Fatal(err)
	}
	count := 3
	if os.Getenv("MANX_LONG") != "" {
		count = 24
	}
	r := rand.New(rand.NewPCG(1, 1))
	raised, lowered := map[string]float64{}, map[string]float64{}
	pictures := real(t, count)
	for _, x := range pictures {
		m, err := Of(g, x)
		if err != nil {
			t.Fatal(err)
		}
		slope, _, err := Gradient(g, x)
		if err != nil {
			t.Fatal(err)
		}
		for i := range slope {
			slope[i] *= x[i]
		}
		plain := smooth(x, lungct.Side, lungct.Side, lungct.Side/16, false) // half as wide as the map's own reference
		for name, v := range map[string][]float64{
			"map": m.Shares, "occlusion": occlusion(t, g, x), "gradient": smooth(slope, lungct.Side, lungct.Side, 2, true), "chance": numbers(r, len(x)),
		} {
			minus := make([]float64, len(v))
			for i := range v {
				minus[i] = -v[i]
			}
			raised[name] += removed(t, g, x, plain, v) / float64(count)
			lowered[name] -= removed(t, g, x, plain, minus) / float64(count)
		}
	}
	for name := range raised {
		t.Logf("%d slices, %s: %.1f raising, %.1f lowering", len(pictures), name, raised[name], lowered[name])
		least := map[string]float64{"map": 1, "occlusion": .9, "gradient": 1, "chance": 4}[name]
		if raised["map"] < least*raised[name] || lowered["map"] < least*lowered[name] {
			t.Errorf("the map moves the logit by %.2f and %.2f, %s by %.2f and %.2f", raised["map"], lowered["map"], name, raised[name], lowered[name])
		}
	}
}

// occlusion returns how far the output falls, on average over the squares of 8 at
// steps of 4 that cover a cell, when the square becomes the mean of the ring about it.
func occlusion(t *testing.T, g ml.Graph, x []float64) []float64 {
	t.Helper()
	const side, half, step = lungct.Side, 4, 4
	base := run(t, g, x)
	fall, times := make([]float64, len(x)), make([]float64, len(x))
	each := func(cy, cx, reach int, f func(i int)) {
		for y := max(0, cy-reach); y < min(side, cy+reach); y++ {
			for c := max(0, cx-reach); c < min(side, cx+reach); c++ {
				f(y*side + c)
			}
		}
	}
	for cy := 0; cy <= side; cy += step {
		for cx := 0; cx <= side; cx += step {
			var ring, cells float64
			each(cy, cx, 2*half, func(i int) { ring, cells = ring+x[i], cells+1 })
			each(cy, cx, half, func(i int) { ring, cells = ring-x[i], cells-1 })
			without := slices.Clone(x)
			each(cy, cx, half, func(i int) { without[i] = ring / cells })
			d := base - run(t, g, without)
			each(cy, cx, half, func(i int) { fall[i], times[i] = fall[i]+d, times[i]+1 })
		}
	}
	for i := range fall {
		fall[i] /= times[i]
	}
	return fall
}

// removed returns how far the output falls when the first 48 of 256 blocks by m are
// replaced by what plain has there.
func removed(t *testing.T, g ml.Graph, x, plain, m []float64) float64 {
	t.Helper()
	const side, block = lungct.Side, 4
	rank := make([]float64, (side/block)*(side/block))
	at := func(i int) int { return i/side/block*(side/block) + i%side/block }
	for i, v := range m {
		rank[at(i)] += v
	}
	order := slices.Clone(rank)
	sort.Sort(sort.Reverse(sort.Float64Slice(order)))
	out := slices.Clone(x)
	for i := range out {
		if rank[at(i)] >= order[47] {
			out[i] = plain[i]
		}
	}
	return run(t, g, x) - run(t, g, out)
}

// real returns slices of IQ-OTH/NCCD at the size lung-ct reads.
func real(t *testing.T, n int) (out [][]float64) {
	t.Helper()
	dir := realdata.Path(t, "imaging", "iq-oth-nccd")
	f, err := os.Open(filepath.Join(dir, "labels.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for k := range n {
		p, err := os.Open(filepath.Join(dir, rows[1+k*(len(rows)-1)/n][0]))
		if err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(p)
		_ = p.Close()
		if err != nil {
			t.Fatal(err)
		}
		grey, ok := img.(*image.Gray)
		if !ok {
			t.Fatal("not a grey picture")
		}
		q := grey.Rect.Dx() / lungct.Side
		x := make([]float64, lungct.Side*lungct.Side)
		for i, v := range grey.Pix {
			x[i/grey.Stride/q*lungct.Side+i%grey.Stride/q] += float64(v) / float64(255*q*q)
		}
		out = append(out, x)
	}
	return out
}

func BenchmarkLungCT(b *testing.B) {
	g, _, err := lungct.Model()
	if err != nil {
		b.Fatal(err)
	}
	x := numbers(rand.New(rand.NewPCG(1, 1)), lungct.Side*lungct.Side)
	for b.Loop() {
		if _, err := Of(g, x); err != nil {
			b.Fatal(err)
		}
	}
}

// Of a vector, each share is what that value did: exactly so where the model is a sum
// of parts, and in all the change where it is not.
func TestAgainstAReference(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 1))
	w := numbers(r, 6)
	line := ml.Graph{Input: []int{6}, Output: 1, Nodes: []ml.Node{{Op: ml.Linear{Out: 1, In: 6, Weights: w, Bias: []float64{3}}, Args: []int{0}}}}
	from, to := numbers(r, 6), numbers(r, 6)
	m, err := Against(line, from, to)
	if err != nil || m.Value != run(t, line, to) || m.Reference != run(t, line, from) {
		t.Fatalf("%+v, %v", m, err)
	}
	for i, s := range m.Shares {
		if math.Abs(s-w[i]*(to[i]-from[i])) > 1e-12 {
			t.Errorf("share %d is %g", i, s)
		}
	}
	g := every(r)
	from, to = numbers(r, ml.Size(g.Input)), numbers(r, ml.Size(g.Input))
	m, err = Against(g, from, to)
	sum := 0.0
	for _, s := range m.Shares {
		sum += s
	}
	if err != nil || math.Abs(sum-(m.Value-m.Reference)) > 1e-9*(1+math.Abs(sum)) {
		t.Errorf("shares sum to %g of %g (%v)", sum, m.Value-m.Reference, err)
	}
	if _, err := Against(line, from, to); err == nil {
		t.Error("inputs of another length are accepted")
	}
}
