// Package pb is the part of ONNX's protobuf schema that ml/onnx reads and
// writes, as protoc-gen-go makes it from onnx.proto. It checks nothing.
package pb
