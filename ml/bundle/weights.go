package bundle

import (
	"encoding/binary"
	"errors"
	"math"

	"manx/ml"
	"manx/privacy/notice"
)

// Weights travel as fixed-point integers: each array of a node is int32 values
// n and one shift k, meaning n / 2^k. With |n| below 2^24 every value is a
// float32 and a float64 exactly, so that the ONNX file, the integers and the
// graph that runs in the clear are one and the same function.
const (
	magic     = "manx weights 1\n"
	mostShift = 20
	mostValue = 1<<24 - 1
)

// Quantise returns g with every weight rounded to its array's grid: the finest
// up to 2^-20 on which the largest weight still fits 24 bits.
func Quantise(g ml.Graph) ml.Graph {
	return eachArray(g, func(in []float64) []float64 {
		k := shift(in)
		out := make([]float64, len(in))
		for i, x := range in {
			out[i] = math.Ldexp(math.RoundToEven(math.Ldexp(x, k)), -k)
		}
		return out
	})
}

func shift(x []float64) int {
	most := 0.0
	for _, v := range x {
		most = max(most, math.Abs(v))
	}
	k := mostShift
	for k > 0 && math.Ldexp(most, k) > mostValue {
		k--
	}
	return k
}

// encodeWeights writes the weights of a quantised graph: the magic line, then
// each array in the graph's order as one byte of shift, a varint of length, and
// the integers, little-endian.
func encodeWeights(g ml.Graph) []byte {
	out := []byte(magic)
	eachArray(g, func(x []float64) []float64 {
		k := shift(x)
		out = append(out, byte(k))
		out = binary.AppendUvarint(out, uint64(len(x)))
		for _, v := range x {
			out = binary.LittleEndian.AppendUint32(out, uint32(int32(math.Ldexp(v, k))))
		}
		return x
	})
	return out
}

// decodeWeights returns shape with the weights in raw in place of its own. The
// notice names the model by the shape's name.
func decodeWeights(raw []byte, shape ml.Graph) (ml.Graph, error) {
	broken := func(why string) (ml.Graph, error) {
		return ml.Graph{}, notice.Because(errors.New(why), notice.Invalid, "the weights of "+shape.Name+" cannot be read", "train the model again: `manx model train "+shape.Name+" --data-set DIR`")
	}
	if len(raw) < len(magic) || string(raw[:len(magic)]) != magic {
		return broken("another format")
	}
	raw = raw[len(magic):]
	why := ""
	g := eachArray(shape, func(x []float64) []float64 {
		if why != "" {
			return x
		}
		if len(raw) < 2 || raw[0] > mostShift {
			why = "no shift"
			return x
		}
		k := int(raw[0])
		count, n := binary.Uvarint(raw[1:])
		if n <= 0 || count != uint64(len(x)) || len(raw) < 1+n+4*len(x) {
			why = "another length"
			return x
		}
		raw = raw[1+n:]
		out := make([]float64, len(x))
		for i := range out {
			v := int32(binary.LittleEndian.Uint32(raw[4*i:]))
			if v > mostValue || v < -mostValue {
				why = "a weight beyond 24 bits"
			}
			out[i] = math.Ldexp(float64(v), -k)
		}
		raw = raw[4*len(x):]
		return out
	})
	if why == "" && len(raw) > 0 {
		why = "bytes after the end"
	}
	if why != "" {
		return broken(why)
	}
	return g, nil
}

// eachArray returns g with each of its arrays of weights replaced.
func eachArray(g ml.Graph, change func([]float64) []float64) ml.Graph {
	out := g
	out.Nodes = nil
	for _, n := range g.Nodes {
		switch op := n.Op.(type) {
		case ml.Conv:
			op.Weights, op.Bias = change(op.Weights), change(op.Bias)
			n.Op = op
		case ml.Linear:
			op.Weights, op.Bias = change(op.Weights), change(op.Bias)
			n.Op = op
		case ml.Poly:
			rows := make([][]float64, len(op.Coeffs))
			for i, k := range op.Coeffs {
				rows[i] = change(k)
			}
			n.Op = ml.Poly{Coeffs: rows}
		}
		out.Nodes = append(out.Nodes, n)
	}
	return out
}
