// Package onnx reads and writes models in the Open Neural Network Exchange
// format, as ml.Graph: the operators of small convolutional networks, fused
// into the few operations that ml has. It runs no model, reads no external data, and refuses by name
// every operator and option it does not turn into exactly the same function.
package onnx

import (
	"errors"
	"fmt"
	"io"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"manx/ml"
	"manx/ml/onnx/internal/pb"
	"manx/privacy/notice"
)

// Bounds on a file; reading takes memory within a small multiple of its size.
const (
	MaxFile  = 64 << 20
	maxParts = 1 << 17 // messages and strings in a file
	maxInts  = 1 << 20 // integers in a file
	maxDepth = 16
)

// Read reads a model of one input and one output from at most MaxFile bytes.
// Where the input has two or four dimensions, the first is the batch and is
// dropped: the graph takes one example. Weights are kept to the last bit. What is not ONNX is notice.Invalid, what is too large
// notice.Exhausted, and an operator or option that is not covered
// notice.Unsupported, naming the node and the operator.
func Read(r io.Reader) (ml.Graph, error) {
	raw, err := io.ReadAll(io.LimitReader(r, MaxFile+1))
	if err != nil {
		return ml.Graph{}, fmt.Errorf("onnx: reading: %w", err)
	}
	if len(raw) > MaxFile {
		return ml.Graph{}, tooLarge("it is larger than 64 MiB")
	}
	m, err := parse(raw)
	if err != nil {
		return ml.Graph{}, err
	}
	return load(m)
}

func parse(raw []byte) (*pb.Model, error) {
	m := &pb.Model{}
	c := counter{}
	if err := c.walk(raw, m.ProtoReflect().Descriptor(), 0); err != nil {
		return nil, err
	}
	if err := (proto.UnmarshalOptions{DiscardUnknown: true, RecursionLimit: maxDepth + 4}).Unmarshal(raw, m); err != nil {
		return nil, invalid(err, "the bytes are not a model")
	}
	return m, nil
}

// A counter bounds what decoding will allocate, before it does.
type counter struct{ parts, ints int }

func (c *counter) walk(b []byte, d protoreflect.MessageDescriptor, depth int) error {
	if depth > maxDepth {
		return tooLarge("its messages are nested too deeply")
	}
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return invalid(protowire.ParseError(n), "the bytes are not a model")
		}
		b = b[n:]
		n = protowire.ConsumeFieldValue(number, kind, b)
		if n < 0 {
			return invalid(protowire.ParseError(n), "the bytes are not a model")
		}
		field := d.Fields().ByNumber(number)
		if field != nil {
			if err := c.count(b[:n], kind, field, depth); err != nil {
				return err
			}
		}
		b = b[n:]
	}
	if c.parts > maxParts || c.ints > maxInts {
		return tooLarge("it has too many parts")
	}
	return nil
}

func (c *counter) count(value []byte, kind protowire.Type, field protoreflect.FieldDescriptor, depth int) error {
	switch field.Kind() {
	case protoreflect.MessageKind, protoreflect.StringKind, protoreflect.BytesKind:
		if c.parts++; c.parts > maxParts {
			return tooLarge("it has too many parts")
		}
		if field.Kind() != protoreflect.MessageKind || kind != protowire.BytesType {
			return nil
		}
		inner, _ := protowire.ConsumeBytes(value)
		return c.walk(inner, field.Message(), depth+1)
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		// Packed they cost what they occupy; one by one, a tag each as well.
		return nil
	}
	if field.IsList() {
		c.ints++
		if kind == protowire.BytesType {
			inner, _ := protowire.ConsumeBytes(value)
			for _, x := range inner {
				if x < 0x80 {
					c.ints++
				}
			}
		}
		if c.ints > maxInts {
			return tooLarge("it has too many integers")
		}
	}
	return nil
}

func tooLarge(why string) error {
	return notice.New(notice.Exhausted, "the ONNX file is too large: "+why, "export a smaller model")
}

func invalid(cause error, what string) error {
	return notice.Because(cause, notice.Invalid, "the ONNX file cannot be read: "+what, "export the model again, and check it with an ONNX checker")
}

func unsupported(what string) error {
	return notice.New(notice.Unsupported, "the ONNX model is not one that runs here: "+what,
		"the operators covered are Conv, Gemm, MatMul, Add, Sub, Mul, Div, Pow, AveragePool, MaxPool, GlobalAveragePool, GlobalMaxPool, BatchNormalization, "+
			"Relu, Sigmoid, Tanh, Softmax, Flatten, Reshape, Squeeze, Unsqueeze, Transpose, Concat, Pad, Dropout, Identity and Constant")
}

// quote shows a name from a file, bounded.
func quote(s string) string {
	if len(s) > 48 {
		s = s[:48]
	}
	return strconv.QuoteToASCII(s)
}

func describe(n *pb.Node, at int) string {
	if n.GetName() == "" {
		return "node " + strconv.Itoa(at) + ", operator " + quote(n.GetOpType())
	}
	return "node " + quote(n.GetName()) + ", operator " + quote(n.GetOpType())
}

var errShape = errors.New("the shapes do not fit")
