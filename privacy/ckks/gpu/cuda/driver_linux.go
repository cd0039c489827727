//go:build linux && (amd64 || arm64)

package cuda

import (
	"errors"
	"fmt"

	"github.com/ebitengine/purego"

	"manx/privacy/ckks/gpu"
)

// A driver is the part of NVIDIA's driver interface that is used here, in the versions
// of CUDA 11 and 12, which 13 still has. Every function returns 0 or a code. Purego keeps
// what is given to a call where it is until the call returns.
type driver struct {
	start       func(flags uint32) int32
	count       func(n *int32) int32
	get         func(device *int32, index int32) int32
	name        func(name []byte, length, device int32) int32
	attribute   func(value *int32, which, device int32) int32
	retain      func(context *uintptr, device int32) int32
	release     func(device int32) int32
	current     func(context uintptr) int32
	synchronize func() int32
	memory      func(free, total *uint64) int32
	alloc       func(at *uint64, bytes uint64) int32
	free        func(at uint64) int32
	write       func(to uint64, from []byte, bytes uint64) int32
	read        func(to []byte, from, bytes uint64) int32
	load        func(module *uintptr, ptx []byte, options uint32, which []int32, values []uintptr) int32
	unload      func(module uintptr) int32
	function    func(f *uintptr, module uintptr, name string) int32
	launch      func(f uintptr, x, y, z, blockX, blockY, blockZ, shared uint32, stream uintptr, args []*uint64, extra uintptr) int32
}

func (d *driver) functions() map[string]any {
	return map[string]any{
		"cuInit": &d.start, "cuDeviceGetCount": &d.count, "cuDeviceGet": &d.get, "cuDeviceGetName": &d.name, "cuDeviceGetAttribute": &d.attribute,
		"cuDevicePrimaryCtxRetain": &d.retain, "cuDevicePrimaryCtxRelease_v2": &d.release, "cuCtxSetCurrent": &d.current, "cuCtxSynchronize": &d.synchronize,
		"cuMemGetInfo_v2": &d.memory, "cuMemAlloc_v2": &d.alloc, "cuMemFree_v2": &d.free, "cuMemcpyHtoD_v2": &d.write, "cuMemcpyDtoH_v2": &d.read,
		"cuModuleLoadDataEx": &d.load, "cuModuleUnload": &d.unload, "cuModuleGetFunction": &d.function, "cuLaunchKernel": &d.launch,
	}
}

// link finds the driver's functions in a library; "" looks for it.
func link(library string) (*driver, error) {
	names := libraries()
	if library != "" {
		names = []string{library}
	}
	var missing error
	for _, name := range names {
		handle, err := purego.Dlopen(name, purego.RTLD_NOW|purego.RTLD_LOCAL)
		if err != nil {
			missing = errors.Join(missing, err)
			continue
		}
		d := new(driver)
		for f, to := range d.functions() {
			at, err := purego.Dlsym(handle, f)
			if err != nil {
				return nil, err
			}
			purego.RegisterFunc(to, at)
		}
		return d, nil
	}
	return nil, missing
}

// A refusal is what the driver answers instead of doing what it was asked.
type refusal struct {
	call string
	code int32
}

// Codes that mean something here (cuda.h, CUresult).
const outOfMemory = 2

func (r *refusal) Error() string { return fmt.Sprintf("%s: CUDA error %d", r.call, r.code) }

// Is makes gpu.ErrFull of the driver's word for it.
func (r *refusal) Is(target error) bool { return r.code == outOfMemory && target == gpu.ErrFull }

// did returns an error where a call's code is not 0.
func did(call string, code int32) error {
	if code == 0 {
		return nil
	}
	return &refusal{call, code}
}
