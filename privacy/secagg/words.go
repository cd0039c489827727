package secagg

import (
	"encoding/binary"
	"math/bits"
	"runtime"
	"sync"
	"unsafe"

	"manx/privacy/internal/kernel"
)

// spanWords is how much of a vector is worked on at a time, so that it is near for
// all that is done to it: two parts of a tag.
const spanWords = 2 * 2 * tagWords

// spans does f for the words of a vector of n, span by span, on all processors.
func spans(n int, f func(from, to int)) {
	all := (n + spanWords - 1) / spanWords
	workers := min(runtime.GOMAXPROCS(0), all)
	var wait sync.WaitGroup
	for k := range workers {
		wait.Go(func() {
			for s := k; s < all; s += workers {
				f(s*spanWords, min(n, (s+1)*spanWords))
			}
		})
	}
	wait.Wait()
}

// bytesOf returns the memory of words.
func bytesOf(v []uint32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(&v[0])), 4*len(v)) //nolint:gosec // words and their bytes, of which there are four each
}

// littleEndian brings words to the order that they are sent in, where the machine
// has another.
func littleEndian(v []uint32) {
	if bytesOf([]uint32{1})[0] == 1 {
		return
	}
	for i, w := range v {
		v[i] = bits.ReverseBytes32(w)
	}
}

// addWords adds words of bytes to v, which has as many.
func addWords(v []uint32, b []byte) {
	const group = 64
	if whole := len(v) / group; whole > 0 && kernel.Vectors() {
		addBytes(&v[0], &b[0], whole)
		v, b = v[whole*group:], b[4*whole*group:]
	}
	for i := range v {
		v[i] += binary.LittleEndian.Uint32(b[4*i:])
	}
}

// subWords takes words of bytes off v, which has as many.
func subWords(v []uint32, b []byte) {
	for i := range v {
		v[i] -= binary.LittleEndian.Uint32(b[4*i:])
	}
}
