package ckks

import "manx/ml"

// clear runs a graph plainly: the test's own oracle, written from ml's comments
// and not from the compiler.
func clear(g ml.Graph, in []float64) []float64 {
	type tensor struct {
		shape []int
		v     []float64
	}
	vals := []tensor{{g.Input, in}}
	for _, n := range g.Nodes {
		x := vals[n.Args[0]]
		var y tensor
		switch op := n.Op.(type) {
		case ml.Conv:
			h, w := (x.shape[1]+2*op.Pad-op.Kernel)/op.Stride+1, (x.shape[2]+2*op.Pad-op.Kernel)/op.Stride+1
			y.shape = []int{op.Out, h, w}
			for o := range op.Out {
				for r := range h {
					for c := range w {
						s := op.Bias[o]
						for i := range op.In {
							for a := range op.Kernel {
								for b := range op.Kernel {
									p, q := r*op.Stride+a-op.Pad, c*op.Stride+b-op.Pad
									if p >= 0 && p < x.shape[1] && q >= 0 && q < x.shape[2] {
										s += op.Weights[((o*op.In+i)*op.Kernel+a)*op.Kernel+b] * x.v[(i*x.shape[1]+p)*x.shape[2]+q]
									}
								}
							}
						}
						y.v = append(y.v, s)
					}
				}
			}
		case ml.Linear:
			y.shape = []int{op.Out}
			for o := range op.Out {
				s := op.Bias[o]
				for i := range op.In {
					s += op.Weights[o*op.In+i] * x.v[i]
				}
				y.v = append(y.v, s)
			}
		case ml.Poly:
			y.shape = x.shape
			each := len(x.v)
			if len(x.shape) == 3 {
				each = x.shape[0]
			}
			for i, v := range x.v {
				c := op.Coeffs[0]
				if len(op.Coeffs) > 1 {
					c = op.Coeffs[i*each/len(x.v)]
				}
				s, p := 0.0, 1.0
				for _, k := range c {
					s += k * p
					p *= v
				}
				y.v = append(y.v, s)
			}
		case ml.AveragePool:
			k := op.Kernel
			y.shape = []int{x.shape[0], x.shape[1] / k, x.shape[2] / k}
			for c := range y.shape[0] {
				for r := range y.shape[1] {
					for q := range y.shape[2] {
						s := 0.0
						for a := range k {
							for b := range k {
								s += x.v[(c*x.shape[1]+r*k+a)*x.shape[2]+q*k+b]
							}
						}
						y.v = append(y.v, s/float64(k*k))
					}
				}
			}
		case ml.Flatten:
			y = tensor{[]int{len(x.v)}, x.v}
		case ml.Add:
			y.shape = x.shape
			for i, v := range x.v {
				y.v = append(y.v, v+vals[n.Args[1]].v[i])
			}
		}
		vals = append(vals, y)
	}
	return vals[g.Output].v
}
