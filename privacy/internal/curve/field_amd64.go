//go:build amd64 && !purego

package curve

import (
	"encoding/binary"

	"golang.org/x/sys/cpu"
)

func haveVectors() bool {
	return cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512IFMA
}

// An element is eight of GF(2^255 - 19): limbs of 51 bits, lowest first, of each limb
// eight lanes. Limbs are under 2^52 wherever one lies.
type element [5][lanes]uint64

// A number is one of them, under p where it says so.
type number [5]uint64

const limb = 1<<51 - 1

// three[0] becomes the product of the others.
//
//go:noescape
func mulEights(three *[3]element)

//go:noescape
func squareEights(e *element, times int)

//go:noescape
func addEights(three *[3]element)

//go:noescape
func subEights(three *[3]element)

func mul(a, b *element) element { return by(mulEights, a, b) }
func add(a, b *element) element { return by(addEights, a, b) }
func sub(a, b *element) element { return by(subEights, a, b) }

func by(f func(*[3]element), a, b *element) element {
	three := [3]element{{}, *a, *b}
	f(&three)
	return three[0]
}

// squared returns a to the power 2^times.
func squared(a element, times int) element {
	squareEights(&a, times)
	return a
}

// all returns a number in all lanes.
func (n number) all() (e element) {
	for i, v := range n {
		for lane := range e[i] {
			e[i][lane] = v
		}
	}
	return e
}

func (e *element) put(lane int, n number) {
	for i, v := range n {
		e[i][lane] = v
	}
}

// numberOf reads 32 bytes, little-endian, without the last bit. It may be p or more.
func numberOf(b []byte) number {
	w := func(i int) uint64 { return binary.LittleEndian.Uint64(b[i:]) }
	return number{w(0) & limb, w(6) >> 3 & limb, w(12) >> 6 & limb, w(19) >> 1 & limb, w(24) >> 12 & limb}
}

// get returns a lane's number, under p. Its time does not tell it.
func (e *element) get(lane int) (n number) {
	for i := range n {
		n[i] = e[i][lane]
	}
	n.carry() // limbs are under 2^51 + 1, so the number is under 2p
	over := (n[0] + 19) >> 51
	for i := 1; i < 5; i++ {
		over = (n[i] + over) >> 51 // at last 1 from p on
	}
	n[0] += 19 * over
	for i := range 4 {
		n[i+1] += n[i] >> 51
		n[i] &= limb
	}
	n[4] &= limb
	return n
}

func (n *number) carry() {
	for range 2 {
		for i := range 4 {
			n[i+1] += n[i] >> 51
			n[i] &= limb
		}
		n[0] += 19 * (n[4] >> 51)
		n[4] &= limb
	}
}

// bytes is a number under p in 32 bytes, little-endian.
func (n number) bytes() (b [keySize]byte) {
	binary.LittleEndian.PutUint64(b[0:], n[0]|n[1]<<51)
	binary.LittleEndian.PutUint64(b[8:], n[1]>>13|n[2]<<38)
	binary.LittleEndian.PutUint64(b[16:], n[2]>>26|n[3]<<25)
	binary.LittleEndian.PutUint64(b[24:], n[3]>>39|n[4]<<12)
	return b
}

// ones returns a^(2^250 - 1), and a^11.
func ones(a *element) (most, eleven element) {
	more := func(e element, times int, f element) element {
		e = squared(e, times)
		return mul(&e, &f)
	}
	two := squared(*a, 1)
	nine := more(two, 2, *a)
	eleven = mul(&nine, &two)
	five := more(eleven, 1, nine) // 2^5 - 1
	ten := more(five, 5, five)
	twenty := more(ten, 10, ten)
	fifty := more(more(twenty, 20, twenty), 10, ten)
	hundred := more(fifty, 50, fifty)
	return more(more(hundred, 100, hundred), 50, fifty), eleven
}

// inverse returns a^(p-2), which is 1/a, and 0 of 0.
func inverse(a *element) element {
	most, eleven := ones(a)
	most = squared(most, 5)
	return mul(&most, &eleven)
}

// root returns a^((p-5)/8).
func root(a *element) element {
	most, _ := ones(a)
	most = squared(most, 2)
	return mul(&most, a)
}
