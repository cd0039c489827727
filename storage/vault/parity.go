package vault

import (
	"encoding/binary"
	"fmt"
	"runtime"

	"github.com/klauspost/reedsolomon"
)

// encode writes the parity shards of a stripe, the last of its six, all as long. Where
// the library has no vectors it makes tables of 32 MiB, which in a browser stay with the
// tab: there parity does the same without.
func encode(rs reedsolomon.Encoder, shards [][]byte) error {
	if runtime.GOOS == "js" {
		parity(shards)
		return nil
	}
	if err := rs.Encode(shards); err != nil {
		return fmt.Errorf("erasure code: %w", err)
	}
	return nil
}

// parity writes the last two of six shards of one length, eight bytes at a time.
func parity(shards [][]byte) {
	n := len(shards[0])
	a, b, c, d, p, q := shards[0], shards[1][:n], shards[2][:n], shards[3][:n], shards[4][:n], shards[5][:n]
	le, i := binary.LittleEndian, 0
	for ; i+8 <= n; i += 8 {
		one, two := rows(le.Uint64(a[i:]), le.Uint64(b[i:]), le.Uint64(c[i:]), le.Uint64(d[i:]))
		le.PutUint64(p[i:], one)
		le.PutUint64(q[i:], two)
	}
	for ; i < n; i++ {
		one, two := rows(uint64(a[i]), uint64(b[i]), uint64(c[i]), uint64(d[i]))
		p[i], q[i] = byte(one), byte(two)
	}
}

// rows returns 27w + 28x + 18y + 20z and 28w + 27x + 20y + 18z for each of eight bytes in
// GF(2^8): the parity rows of the library's default matrix, a Vandermonde matrix times the
// inverse of its first rows. Factors are 11011, 11100, 10010 and 10100 in bits, taken from
// the highest on: each bit doubles what there is and adds the bytes that have it.
func rows(w, x, y, z uint64) (one, two uint64) {
	one = double(double(w^x^y^z)^w^x) ^ x ^ z // both begin with 11, 11, 10, 10
	two = one ^ w ^ x ^ y ^ z
	one = double(double(one)^w^y) ^ w
	two = double(double(two)^x^z) ^ x
	return one, two
}

// double multiplies each of eight bytes by x, modulo x^8+x^4+x^3+x^2+1.
func double(v uint64) uint64 {
	const each = 0x0101010101010101
	return v&(0x7f*each)<<1 ^ v>>7&each*0x1d
}
