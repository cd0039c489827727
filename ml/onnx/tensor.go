package onnx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"google.golang.org/protobuf/proto"

	"manx/ml"
	"manx/ml/onnx/internal/pb"
	"manx/privacy/notice"
)

// Element types of ONNX tensors.
const (
	typeFloat  = 1
	typeInt32  = 6
	typeInt64  = 7
	typeBool   = 9
	typeDouble = 11
)

// A constant is a tensor whose values the file holds.
type constant struct {
	dims   []int
	values []float64
}

// decode checks the declared shape against the bytes that are really there,
// and allocates no more than those. A type that is not covered is an error
// without a notice, to which the caller adds which operator reads it.
func decode(t *pb.Tensor) (*constant, error) {
	if t.GetDataLocation() != 0 || len(t.GetExternalData()) > 0 {
		return nil, unsupported("tensor " + quote(t.GetName()) + " is external data; save the weights inside the file")
	}
	c := &constant{}
	size := 1
	for _, d := range t.GetDims() {
		if d < 0 || d > ml.MaxWeights || len(c.dims) == 8 {
			return nil, invalid(errShape, "a tensor has an impossible shape")
		}
		if d > 0 && size > ml.MaxWeights/int(d) {
			return nil, tooLarge("a tensor has too many values")
		}
		size *= int(d)
		c.dims = append(c.dims, int(d))
	}
	raw, width := t.GetRawData(), map[int32]int{typeFloat: 4, typeInt32: 4, typeInt64: 8, typeBool: 1, typeDouble: 8}[t.GetDataType()]
	if width == 0 {
		return nil, errors.New("tensor " + quote(t.GetName()) + " holds values of a type other than float, double, int32, int64 and bool")
	}
	typed := map[int32]int{typeFloat: len(t.GetFloatData()), typeInt32: len(t.GetInt32Data()), typeBool: len(t.GetInt32Data()), typeInt64: len(t.GetInt64Data()),
		typeDouble: len(t.GetDoubleData())}[t.GetDataType()]
	if len(raw) > 0 && typed > 0 || len(raw) == 0 && typed != size || len(raw) > 0 && len(raw) != size*width {
		return nil, invalid(errShape, "a tensor does not hold as many values as it declares")
	}
	c.values = make([]float64, size)
	for i := range c.values {
		var v float64
		switch {
		case len(raw) == 0:
			switch t.GetDataType() {
			case typeFloat:
				v = float64(t.GetFloatData()[i])
			case typeInt32, typeBool:
				v = float64(t.GetInt32Data()[i])
			case typeInt64:
				v = float64(t.GetInt64Data()[i])
			default:
				v = t.GetDoubleData()[i]
			}
		case t.GetDataType() == typeFloat:
			v = float64(math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:])))
		case t.GetDataType() == typeDouble:
			v = math.Float64frombits(binary.LittleEndian.Uint64(raw[8*i:]))
		case t.GetDataType() == typeBool:
			v = float64(raw[i])
		case t.GetDataType() == typeInt32:
			v = float64(int32(binary.LittleEndian.Uint32(raw[4*i:])))
		default:
			v = float64(int64(binary.LittleEndian.Uint64(raw[8*i:])))
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, invalid(errors.New("not finite"), "a tensor holds a value that is not finite")
		}
		c.values[i] = v
	}
	return c, nil
}

// attributes gives a node's attributes by name.
type attributes map[string]*pb.Attribute

func attributesOf(n *pb.Node) attributes {
	a := attributes{}
	for _, x := range n.GetAttribute() {
		a[x.GetName()] = x
	}
	return a
}

func (a attributes) int(name string, otherwise int) int {
	if x, ok := a[name]; ok && x.I != nil {
		return int(min(max(x.GetI(), -1<<30), 1<<30))
	}
	return otherwise
}

func (a attributes) float(name string, otherwise float64) float64 {
	if x, ok := a[name]; ok && x.F != nil {
		return float64(x.GetF())
	}
	return otherwise
}

// ints returns a list of n integers, each clamped to ±2^30; ok is false when it
// has another length.
func (a attributes) ints(name string, n, otherwise int) (out []int, ok bool) {
	x, found := a[name]
	if !found {
		for range n {
			out = append(out, otherwise)
		}
		return out, true
	}
	if len(x.GetInts()) != n {
		return nil, false
	}
	for _, v := range x.GetInts() {
		out = append(out, int(min(max(v, -1<<30), 1<<30)))
	}
	return out, true
}

// MaxTensorFile bounds the file of one tensor, in bytes.
const MaxTensorFile = 8*ml.MaxTensor + 1<<16

// ReadTensor reads one tensor as ONNX's test data hold them, a TensorProto of at
// most MaxTensorFile bytes, and returns its dimensions and its values, row-major.
// Errors are as those of Read.
func ReadTensor(r io.Reader) (dims []int, values []float64, err error) {
	raw, err := io.ReadAll(io.LimitReader(r, MaxTensorFile+1))
	if err != nil {
		return nil, nil, fmt.Errorf("onnx: reading: %w", err)
	}
	if len(raw) > MaxTensorFile {
		return nil, nil, notice.New(notice.Exhausted, "the tensor's file is too large", "split it into one file an input")
	}
	t, c := &pb.Tensor{}, counter{}
	if err := c.walk(raw, t.ProtoReflect().Descriptor(), 0); err != nil {
		return nil, nil, err
	}
	if err := (proto.UnmarshalOptions{DiscardUnknown: true, RecursionLimit: maxDepth + 4}).Unmarshal(raw, t); err != nil {
		return nil, nil, badTensor(err)
	}
	d, err := decode(t)
	if err != nil {
		if n, ok := errors.AsType[*notice.Error](err); ok {
			return nil, nil, n
		}
		return nil, nil, badTensor(err)
	}
	return d.dims, d.values, nil
}

func badTensor(cause error) error {
	return notice.Because(cause, notice.Invalid, "a tensor's file cannot be read: it is no TensorProto of numbers", "save it with onnx.numpy_helper.from_array(x).SerializeToString()")
}
