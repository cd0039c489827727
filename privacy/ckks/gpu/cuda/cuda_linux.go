//go:build linux && (amd64 || arm64)

package cuda

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"unsafe"

	"manx/privacy/ckks/gpu"
	"manx/privacy/notice"
)

// libraries are names under which the driver's is looked for: by the system's loader,
// and where containers and other systems put it.
func libraries() []string {
	return []string{"libcuda.so.1", "/usr/local/nvidia/lib64/libcuda.so.1", "/run/opengl-driver/lib/libcuda.so.1", "/usr/lib/wsl/lib/libcuda.so.1"}
}

const (
	capability = 70                    // the least compute capability, times 10: that the PTX is for
	ptxFile    = "kernels/kernels.ptx" // in gpu.Kernels
)

// kernels lists what the PTX must have.
func kernels() []string {
	return []string{"forwardOuter", "forwardInner", "inverseInner", "inverseOuter", "add", "turn", "tensor", "scaled", "multiplied", "weighted", "fold", "extend", "keyed", "divided"}
}

func none(cause error) error {
	return notice.Because(cause, notice.Unavailable, "the NVIDIA driver has no GPU for this process", "`nvidia-smi -L` lists what it has; a container must be given one")
}

func failed(cause error) error {
	return notice.Because(cause, notice.Unavailable, "the GPU does not do what it is asked", "`nvidia-smi` says how it is; the worker can use the processor")
}

// A GPU is one of the machine's, with the kernels loaded. It does one call at a time.
type GPU struct {
	name   string
	memory int64

	mu      sync.Mutex
	driver  *driver // nil once it is closed
	device  int32
	context uintptr
	module  uintptr
	kernels map[string]uintptr
}

var _ gpu.Driver = (*GPU)(nil)

var errClosed = errors.New("the GPU is closed")

// Open opens the index-th GPU. library is the driver's; "" looks for it. Where there is no
// driver, no GPU, or one that is too old, it returns a notice that says so.
func Open(library string, index int) (*GPU, error) {
	d, err := link(library)
	if err != nil {
		return nil, absent(err)
	}
	var count int32
	if err := errors.Join(did("cuInit", d.start(0)), did("cuDeviceGetCount", d.count(&count))); err != nil {
		return nil, none(err)
	}
	if index < 0 || index >= int(count) {
		return nil, none(fmt.Errorf("number %d of %d devices", index, count))
	}
	g := &GPU{driver: d, kernels: map[string]uintptr{}}
	runtime.LockOSThread() // to which the context belongs
	defer runtime.UnlockOSThread()
	if err := g.open(int32(index)); err != nil {
		if _, told := errors.AsType[*notice.Error](err); told {
			return nil, err
		}
		return nil, failed(err)
	}
	return g, nil
}

// open makes the device's context current, measures it and loads the kernels.
func (g *GPU) open(index int32) error {
	d, name := g.driver, make([]byte, 128)
	var major, minor int32
	if err := did("cuDeviceGet", d.get(&g.device, index)); err != nil {
		return err
	}
	if err := errors.Join(did("cuDeviceGetName", d.name(name, int32(len(name)), g.device)),
		did("cuDeviceGetAttribute", d.attribute(&major, 75, g.device)), did("cuDeviceGetAttribute", d.attribute(&minor, 76, g.device))); err != nil {
		return err
	}
	if 10*major+minor < capability {
		return notice.New(notice.Unsupported, fmt.Sprintf("this machine's GPU is of compute capability %d.%d, and the kernels need 7.0", major, minor), "let the worker use the processor")
	}
	g.name = string(name[:max(0, bytes.IndexByte(name, 0))])
	if err := did("cuDevicePrimaryCtxRetain", d.retain(&g.context, g.device)); err != nil {
		return err
	}
	err := did("cuCtxSetCurrent", d.current(g.context))
	if err == nil {
		err = g.load()
	}
	var free, total uint64
	if err == nil {
		err = did("cuMemGetInfo", d.memory(&free, &total))
	}
	if err != nil {
		return errors.Join(err, did("cuDevicePrimaryCtxRelease", d.release(g.device)))
	}
	g.memory = int64(min(free, total))
	return nil
}

// load hands the kernels to the driver, whose assembler makes them the device's.
func (g *GPU) load() error {
	ptx, err := gpu.Kernels.ReadFile(ptxFile)
	if err != nil {
		return fmt.Errorf("kernels: %w", err)
	}
	complaint := make([]byte, 8<<10)
	var pin runtime.Pinner
	defer pin.Unpin()
	pin.Pin(&complaint[0]) // its address below is a number
	const buffer, size = 5, 6
	values := []uintptr{uintptr(unsafe.Pointer(&complaint[0])), uintptr(len(complaint))} //nolint:gosec // pinned above, until the call is over
	if err := did("cuModuleLoadDataEx", g.driver.load(&g.module, append(ptx, 0), 2, []int32{buffer, size}, values)); err != nil {
		said, _, _ := bytes.Cut(complaint, []byte{0})
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(said)))
	}
	for _, k := range kernels() {
		var f uintptr
		if err := did("cuModuleGetFunction", g.driver.function(&f, g.module, k)); err != nil {
			return fmt.Errorf("%w: %s", err, k)
		}
		g.kernels[k] = f
	}
	return nil
}

// Name returns what its maker calls it.
func (g *GPU) Name() string { return g.name }

// Memory returns the bytes that were free when it was opened.
func (g *GPU) Memory() int64 { return g.memory }

// do has f call the driver with the device's context current.
func (g *GPU) do(f func(d *driver) error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.driver == nil {
		return errClosed
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := did("cuCtxSetCurrent", g.driver.current(g.context))
	if err == nil {
		err = f(g.driver)
	}
	if err != nil && !errors.Is(err, gpu.ErrFull) {
		return failed(err)
	}
	return err
}

// Alloc implements gpu.Driver.
func (g *GPU) Alloc(bytes int64) (p gpu.Pointer, err error) {
	err = g.do(func(d *driver) error {
		var at uint64
		err := did("cuMemAlloc", d.alloc(&at, uint64(bytes)))
		p = gpu.Pointer(at)
		return err
	})
	return p, err
}

// Free implements gpu.Driver.
func (g *GPU) Free(p gpu.Pointer) error {
	return g.do(func(d *driver) error {
		return errors.Join(did("cuCtxSynchronize", d.synchronize()), did("cuMemFree", d.free(uint64(p))))
	})
}

// Write implements gpu.Driver.
func (g *GPU) Write(to gpu.Pointer, from []byte) error {
	if len(from) == 0 {
		return nil
	}
	return g.do(func(d *driver) error { return did("cuMemcpyHtoD", d.write(uint64(to), from, uint64(len(from)))) })
}

// Read implements gpu.Driver.
func (g *GPU) Read(to []byte, from gpu.Pointer) error {
	return g.do(func(d *driver) error {
		if len(to) == 0 {
			return did("cuCtxSynchronize", d.synchronize())
		}
		return did("cuMemcpyDtoH", d.read(to, uint64(from), uint64(len(to))))
	})
}

// Launch implements gpu.Driver.
func (g *GPU) Launch(kernel string, blocks [3]int, args []uint64) error {
	f := g.kernels[kernel]
	if f == 0 {
		return fmt.Errorf("no kernel %s", kernel)
	}
	each := make([]*uint64, len(args))
	for i := range args {
		each[i] = &args[i]
	}
	return g.do(func(d *driver) error {
		return did("cuLaunchKernel", d.launch(f, uint32(blocks[0]), uint32(blocks[1]), uint32(blocks[2]), gpu.Threads, 1, 1, 0, 0, each, 0))
	})
}

// Close gives the device back. What lies on it is gone.
func (g *GPU) Close() error {
	if err := g.do(func(d *driver) error { return did("cuModuleUnload", d.unload(g.module)) }); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	err := did("cuDevicePrimaryCtxRelease", g.driver.release(g.device))
	g.driver = nil
	return err
}
