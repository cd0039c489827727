package ring

// Slice writes bits [low, low+planes) of the values x bit-sliced: plane p, which
// starts at word p·Words(len(x)), holds bit low+p of every value, value i at
// bit i mod 64 of word i/64. Unused bits of a last word are zero.
func Slice(out, x []uint64, low, planes int) {
	w := Words(len(x))
	var block [64]uint64
	for j := range w {
		n := copy(block[:], x[64*j:])
		clear(block[n:])
		Transpose(&block)
		for p := range planes {
			out[p*w+j] = block[low+p]
		}
	}
}

// Transpose turns a 64x64 matrix of bits: afterwards bit j of word i is what
// bit i of word j was (Warren, Hacker's Delight, 7-3).
func Transpose(m *[64]uint64) {
	mask := uint64(0x00000000FFFFFFFF)
	for width := 32; width != 0; width >>= 1 {
		for base := 0; base < 64; base += 2 * width {
			lower, upper := m[base:base+width], m[base+width:base+2*width]
			for k := range lower {
				t := (lower[k]>>width ^ upper[k]) & mask
				lower[k] ^= t << width
				upper[k] ^= t
			}
		}
		mask ^= mask << (width >> 1)
	}
}

// Bit returns bit i of a plane.
func Bit(plane []uint64, i int) uint64 { return plane[i>>6] >> (i & 63) & 1 }
