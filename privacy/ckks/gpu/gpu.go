// Package gpu computes with vectors of residues on a GPU as privacy/ckks/rns does on
// the processor, to the bit: the kernels, which limb and which table each works on,
// and what lies in the device's memory.
//
// It knows neither ciphertexts nor keys, and no driver: privacy/ckks/gpu/cuda is one.
package gpu

import (
	"container/list"
	"embed"
	"errors"
	"fmt"
	"sync"
	"unsafe"

	"manx/privacy/notice"
)

// Kernels is the folder of the kernels: their source, and what clang made of it for
// NVIDIA's assembler.
//
//go:embed kernels
var Kernels embed.FS

// A Pointer is an address in a device's memory. 0 is none.
type Pointer uint64

// ErrFull is a driver's answer where the device's memory does not suffice.
var ErrFull = errors.New("the device's memory is full")

// A Driver is a device, or something that does what one does. Launches and copies are
// done in their order. It is safe for concurrent use.
type Driver interface {
	Alloc(bytes int64) (Pointer, error) // ErrFull where there is no room; holds anything
	Free(Pointer) error                 // after all launches before it
	Write(to Pointer, from []byte) error
	// Read waits for all launches before it; of no bytes, it only waits.
	Read(to []byte, from Pointer) error
	// Launch starts a kernel on blocks of Threads threads.
	Launch(kernel string, blocks [3]int, args []uint64) error
}

// Threads is how many each block has.
const Threads = 256

// A Device is a Driver's memory in use: buffers that are taken and given back, and
// residents, which stay until their room is needed.
type Device struct {
	driver Driver
	bound  int64 // bytes

	mu    sync.Mutex // guards what follows
	used  int64
	spare map[int64][]Pointer // by bytes
	at    map[Name]*list.Element
	order *list.List // of *resident, most recently used first
	held  int64      // of residents
}

// A Name tells residents of one owner apart. The owner is anything that compares, such
// as a hash.
type Name struct {
	Owner any
	Part  int
}

type resident struct {
	name  Name
	at    Pointer
	bytes int64
}

// NewDevice returns a driver's device, of whose memory it takes no more than bound bytes.
func NewDevice(d Driver, bound int64) *Device {
	return &Device{driver: d, bound: bound, spare: map[int64][]Pointer{}, at: map[Name]*list.Element{}, order: list.New()}
}

// words is the room of a vector of so many words.
func words(n int) int64 { return 8 * int64(n) }

// Bytes returns v as bytes, in this machine's order, which must be little-endian as a
// GPU's is. Both are one memory.
func Bytes(v []uint64) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), 8*len(v)) //nolint:gosec // as long as v, and v's element type has no pointers
}

// take returns memory that holds anything. It evicts residents where there is no room.
func (d *Device) take(bytes int64) (Pointer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.spare[bytes]; len(s) > 0 {
		d.spare[bytes] = s[:len(s)-1]
		return s[len(s)-1], nil
	}
	for {
		p, err := Pointer(0), ErrFull
		if bytes <= d.bound-d.used {
			p, err = d.driver.Alloc(bytes)
		}
		switch {
		case err == nil:
			d.used += bytes
			return p, nil
		case !errors.Is(err, ErrFull):
			return 0, err
		}
		freed, err := d.shrink()
		if err != nil {
			return 0, err
		}
		if !freed {
			return 0, notice.Because(ErrFull, notice.Exhausted, "the evaluation needs more memory than this worker's GPU has", "the model's owner can publish a smaller plan")
		}
	}
}

// shrink frees the spare buffers or, where there are none, the resident that was not
// used for longest.
func (d *Device) shrink() (freed bool, err error) {
	for bytes, all := range d.spare {
		for _, p := range all {
			err = errors.Join(err, d.driver.Free(p))
			d.used -= bytes
			freed = true
		}
	}
	clear(d.spare)
	if last := d.order.Back(); !freed && last != nil {
		return true, d.evict(last)
	}
	return freed, err
}

func (d *Device) evict(e *list.Element) error {
	r := d.order.Remove(e).(*resident)
	delete(d.at, r.name)
	d.used, d.held = d.used-r.bytes, d.held-r.bytes
	return d.driver.Free(r.at)
}

func (d *Device) give(p Pointer, bytes int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.spare[bytes] = append(d.spare[bytes], p)
}

// resident returns where what a name stands for lies, and has fill write it there
// first where it is not on the device. It stays at least until more memory is taken.
func (d *Device) resident(n Name, bytes int64, fill func(at Pointer) error) (Pointer, error) {
	d.mu.Lock()
	if e := d.at[n]; e != nil {
		d.order.MoveToFront(e)
		d.mu.Unlock()
		return e.Value.(*resident).at, nil
	}
	d.mu.Unlock()
	p, err := d.take(bytes)
	if err != nil {
		return 0, err
	}
	if err := fill(p); err != nil {
		d.give(p, bytes)
		return 0, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at[n] = d.order.PushFront(&resident{n, p, bytes})
	d.held += bytes
	return p, nil
}

// Forget frees what an owner has resident.
func (d *Device) Forget(owner any) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var failed error
	for e := d.order.Front(); e != nil; {
		next := e.Next()
		if e.Value.(*resident).name.Owner == owner {
			failed = errors.Join(failed, d.evict(e))
		}
		e = next
	}
	return failed
}

// Close frees all of the device's memory that was given back, and the residents.
func (d *Device) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for {
		if freed, err := d.shrink(); err != nil || !freed {
			return err
		}
	}
}

// Use returns the bytes in use, and those of them that residents take.
func (d *Device) Use() (used, residents int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.used, d.held
}

// write copies vectors one after another.
func (d *Device) write(to Pointer, vectors ...[]uint64) error {
	for _, v := range vectors {
		if err := d.driver.Write(to, Bytes(v)); err != nil {
			return fmt.Errorf("write to the device: %w", err)
		}
		to += Pointer(words(len(v)))
	}
	return nil
}
