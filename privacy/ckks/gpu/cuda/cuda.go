// Package cuda opens NVIDIA GPUs through their driver's own interface, without NVIDIA's
// toolkit and without cgo. It is the only door to purego.
//
// It runs the kernels of privacy/ckks/gpu, which it hands to the driver as PTX, and knows
// not what they compute. What links it is no static binary any more, so cmd/manx-gpu
// does and cmd/manx does not.
package cuda

import (
	"manx/privacy/notice"
)

// absent is what a machine without a driver gets.
func absent(cause error) error {
	return notice.Because(cause, notice.Unavailable, "this machine has no NVIDIA driver",
		"let the worker use the processor, or install the driver; --library names the driver's library where it lies elsewhere")
}
