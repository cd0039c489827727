package workbench_test

import (
	"math/rand/v2"
	"testing"

	"manx/ml"
	"manx/ml/samples"
	"manx/ml/workbench"
	"manx/test/encrypted"
)

// A convolution in groups is written with weights of nothing between them, which
// cost neither products nor rotations; and it is right.
func TestInvariant7_GroupedConvolutionsCostWhatTheyUse(t *testing.T) {
	const channels, side = 8, 8
	d := dice{rand.New(rand.NewPCG(5, 6))}
	first := ml.Conv{Out: channels, In: 1, Kernel: 3, Stride: 1, Pad: 1, Weights: d.vector(channels*9, .3), Bias: d.vector(channels, .1)}
	full, last := d.vector(channels*channels*9, .2), d.linear(1, channels*side*side)
	square := ml.Poly{Coeffs: [][]float64{{0, 0, 1}}}
	terms := map[int]int{}
	for _, each := range []int{channels, 2, 1} { // channels of a group
		w := make([]float64, len(full))
		for o := range channels {
			for i := range channels {
				if o/each == i/each {
					copy(w[(o*channels+i)*9:][:9], full[(o*channels+i)*9:])
				}
			}
		}
		g := chain([]int{1, side, side}, first, square, ml.Conv{Out: channels, In: channels, Kernel: 3, Stride: 1, Pad: 1, Weights: w, Bias: d.vector(channels, .1)}, square, ml.Flatten{}, last)
		c, err := workbench.Compile(workbench.Model{Graph: g}, samples.Set{}, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range c.Report.Layers {
			if l.Name == "Conv" {
				terms[each] = l.Terms // the second's, since it comes later
			}
		}
		if each == 1 {
			encrypted.Equal(t, g, c.Report.Precision, [][]float64{d.vector(side*side, .5), d.vector(side*side, .5)})
		}
	}
	if terms[channels] != 9*channels || terms[1] != 9 || terms[2] <= terms[1] || 2*terms[2] > terms[channels] {
		t.Errorf("products by channels of a group: %v", terms)
	}
}
