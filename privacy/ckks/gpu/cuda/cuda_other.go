//go:build !linux || (!amd64 && !arm64)

package cuda

import (
	"errors"

	"manx/privacy/ckks/gpu"
)

// A GPU is none on this system.
type GPU struct{ gpu.Driver }

// Open returns a notice: the driver is used on Linux alone.
func Open(string, int) (*GPU, error) {
	return nil, absent(errors.New("GPUs are used on Linux alone"))
}

// Name returns nothing.
func (g *GPU) Name() string { return "" }

// Memory returns 0.
func (g *GPU) Memory() int64 { return 0 }

// Close does nothing.
func (g *GPU) Close() error { return nil }
