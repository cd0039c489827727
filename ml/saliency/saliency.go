// Package saliency says which parts of a picture moved a model's output, in the
// clear, on the device of whoever owns the picture. It shows what moved the model,
// not where disease is: a model that is wrong has a map too, and one that looks at
// the wrong thing has a map of that.
//
// The method is integrated gradients (Sundararajan, Taly and Yan 2017) against the
// picture with its detail smoothed away, which is the local mean that occlusion
// (Zeiler and Fergus 2014) slides over it. Models that run encrypted are
// polynomials, so a few gradients, at the points of Gauss and Legendre, give the
// integral exactly: the shares of all cells sum to the change of the output, with
// nothing left over (TestSharesSumToTheChange). A gradient alone lacks that and
// follows noise. On 24 slices of IQ-OTH/NCCD, smoothing out the 48 of 256 blocks of
// 4 x 4 that a map ranks first moved lung-ct's logit by 7.3 and 6.4 on average
// (raising, lowering) for this map; by 6.2 and 5.7 for occlusion by squares of 8 at
// steps of 4; by 4.5 for gradient times input, 0.2 by chance
// (MANX_LONG=all go test -run Faithful -v ./ml/saliency). What smooths is of the kind
// of this map's reference, which may favour it; it costs four gradients, occlusion 289
// runs.
//
// It draws nothing (health/picture does) and knows no patient. The same graph and
// picture give the same map.
package saliency

import (
	"fmt"
	"math"

	"manx/ml"
	"manx/ml/clear"
	"manx/privacy/notice"
)

// A Map says how much each cell of one picture moved a model's output.
type Map struct {
	Value     float64 // the model's output on the picture, as ml/clear gives it
	Reference float64 // on the picture with its detail smoothed away
	Region    float64 // how many cells a share is spread over: what a region moved is about its share times this

	// Shares has a value for each cell of the picture, row-major; its channels are
	// summed. Above 0, what is there raised the output. They sum to Value - Reference
	// but for rounding; of models of degrees above 32 the sum is an approximation.
	Shares []float64
}

const (
	maxPoints = 16      // gradients of one map
	maxWork   = 1 << 31 // multiply-adds of one map: some seconds of a core; lung-ct takes 1 << 25
	coarse    = 8       // the local mean reaches over an eighth of the side
	fine      = 32      // a share spreads over a thirty-second of it
)

// Of explains g's one output on a picture, a [channels, height, width] tensor. What
// Gradient does not cover, vectors, and graphs of more than maxWork are
// notice.Unsupported.
func Of(g ml.Graph, picture []float64) (Map, error) {
	shapes, err := covered(g, points(g))
	if err != nil {
		return Map{}, err
	}
	in := shapes[0]
	if len(in) != 3 {
		return Map{}, unsupported("it does not read pictures")
	}
	if len(picture) != ml.Size(in) {
		return Map{}, fmt.Errorf("saliency: the picture has %d values, the model takes %d", len(picture), ml.Size(in))
	}
	side := float64(max(in[1], in[2]))
	if reach := 6*side/coarse + 6*side/fine; 2*reach*float64(len(picture)) > maxWork {
		return Map{}, unsupported("its pictures are too large for this device")
	}
	plain := make([]float64, 0, len(picture))
	area := in[1] * in[2]
	for c := range in[0] {
		plain = append(plain, smooth(picture[c*area:(c+1)*area], in[1], in[2], side/coarse, false)...)
	}
	m := Map{Region: 2 * math.Pi * (side / fine) * (side / fine)}
	shares, err := m.path(g, shapes, plain, picture)
	if err != nil {
		return Map{}, err
	}
	sum := make([]float64, area)
	for i, v := range shares {
		sum[i%area] += v
	}
	m.Shares = smooth(sum, in[1], in[2], side/fine, true)
	return m, nil
}

// Against explains how g's one output came from that on a reference input to that on
// x, both of any one shape: integrated gradients along the straight line between
// them, a share for each value of the input, nothing smoothed. What is refused is
// as in Of.
func Against(g ml.Graph, reference, x []float64) (Map, error) {
	shapes, err := covered(g, points(g))
	if err != nil {
		return Map{}, err
	}
	if n := ml.Size(shapes[0]); len(x) != n || len(reference) != n {
		return Map{}, fmt.Errorf("saliency: inputs of %d and %d values, the model takes %d", len(reference), len(x), n)
	}
	m := Map{Region: 1}
	m.Shares, err = m.path(g, shapes, reference, x)
	return m, err
}

// path integrates the gradient along the straight line from one input to
// another, times their difference.
func (m *Map) path(g ml.Graph, shapes [][]int, from, to []float64) ([]float64, error) {
	shares, at := make([]float64, len(to)), make([]float64, len(to))
	xs, ws := legendre(points(g))
	for k, t := range xs {
		for i := range at {
			at[i] = from[i] + float64(t*(to[i]-from[i]))
		}
		slope, _, err := gradient(g, shapes, at)
		if err != nil {
			return nil, err
		}
		for i, d := range slope {
			shares[i] += float64(ws[k] * float64(d*(to[i]-from[i])))
		}
	}
	before, err := clear.Run(g, from)
	if err != nil {
		return nil, err
	}
	after, err := clear.Run(g, to)
	if err != nil {
		return nil, err
	}
	m.Reference, m.Value = before[0], after[0]
	return shares, nil
}

// covered returns the shapes of g, or why there is no map of it with so many
// gradients.
func covered(g ml.Graph, gradients int) ([][]int, error) {
	shapes, err := g.Shapes()
	if err != nil {
		return nil, err
	}
	if n := ml.Size(shapes[g.Output]); n != 1 {
		return nil, unsupported("it has several outputs")
	}
	work := 0 // at most 1024 nodes of 2^22 values of 2^24 multiply-adds
	for i, n := range g.Nodes {
		each := 1
		switch op := n.Op.(type) {
		case ml.Conv:
			each = op.In * op.Kernel * op.Kernel
		case ml.Linear:
			each = op.In
		case ml.Poly:
			each = ml.MaxDegree
		case ml.AveragePool:
			each = op.Kernel * op.Kernel
		case ml.Flatten, ml.Add:
		default:
			return nil, unsupported("it has an operation that no encrypted run covers")
		}
		work += ml.Size(shapes[i+1]) * each
	}
	if work > maxWork/(2*gradients) {
		return nil, unsupported("it is too large for this device")
	}
	return shapes, nil
}

func unsupported(why string) error {
	return notice.New(notice.Unsupported, "there is no map of what moved this model: "+why, "the finding stands without one")
}

// points returns how many gradients make the sum along the path exact, at most
// maxPoints: g is a polynomial of some degree d in the place along the path, its
// slope of degree d-1, and n points of Gauss and Legendre are exact up to 2n-1.
func points(g ml.Graph) int {
	degree := make([]int, 1, len(g.Nodes)+1)
	degree[0] = 1
	for _, n := range g.Nodes {
		d := 0
		for _, a := range n.Args {
			if a < 0 || a >= len(degree) {
				return 1 // no graph; Shapes says so
			}
			d = max(d, degree[a])
		}
		if p, ok := n.Op.(ml.Poly); ok {
			most := 0
			for _, k := range p.Coeffs {
				most = max(most, len(k)-1)
			}
			d = min(d*most, 2*maxPoints)
		}
		degree = append(degree, d)
	}
	if g.Output < 0 || g.Output >= len(degree) {
		return 1
	}
	return min(max((degree[g.Output]+1)/2, 1), maxPoints)
}

// legendre returns the places and weights of Gauss and Legendre's rule of n
// points on [0, 1]: roots of the Legendre polynomial by Newton's method.
func legendre(n int) (xs, ws []float64) {
	for i := range n {
		x, slope := math.Cos(math.Pi*(float64(i)+.75)/(float64(n)+.5)), 0.0
		for range 12 {
			p, before := 1.0, 0.0
			for k := range n {
				p, before = (float64(2*k+1)*x*p-float64(k)*before)/float64(k+1), p
			}
			slope = float64(n) * (x*p - before) / (x*x - 1)
			x -= p / slope
		}
		xs = append(xs, (1-x)/2)
		ws = append(ws, 1/((1-x*x)*slope*slope))
	}
	return xs, ws
}

// smooth blurs a picture by a Gaussian of a width in cells, cut off at three
// widths. Each cell becomes the mean of its neighbours by weight; or, where
// share is true, is shared out among them, so that the sum stays.
func smooth(pixels []float64, rows, columns int, width float64, share bool) []float64 {
	kernel := []float64{}
	for d := 0.0; d <= math.Max(3*width, 1); d++ {
		kernel = append(kernel, math.Exp(-d*d/(2*width*width)))
	}
	pass := func(src []float64, rows, columns int) []float64 { // down each column; turns the picture over
		dst, line := make([]float64, len(src)), make([]float64, len(src))
		for y := range rows {
			lo, hi := max(0, y-len(kernel)+1), min(rows, y+len(kernel))
			var total float64
			for j := lo; j < hi; j++ {
				total += kernel[max(y-j, j-y)]
			}
			for j := lo; j < hi; j++ {
				w := kernel[max(y-j, j-y)] / total
				to, from := line[y*columns:][:columns], src[j*columns:][:columns]
				if share {
					to, from = line[j*columns:][:columns], src[y*columns:][:columns]
				}
				for x, v := range from {
					to[x] += float64(w * v)
				}
			}
		}
		for i, v := range line {
			dst[i%columns*rows+i/columns] = v
		}
		return dst
	}
	return pass(pass(pixels, rows, columns), columns, rows)
}
