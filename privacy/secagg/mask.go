package secagg

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"runtime"
	"sync"

	"manx/privacy/mpc/ring"
)

// A mask is a key's stream, which is added to a vector or taken off: AES-128 in
// counter mode from 0, as little-endian words. In AVX-512 it is added as it is made.
type mask struct {
	block  cipher.Block // nil where there are vectors of AES
	rounds [11 * aes.BlockSize]byte
	off    bool
}

const (
	groupWords = 64
	spanWords  = 1 << 14 // of a vector, to which all masks are added while it is near
)

func newMask(key [32]byte, off bool) *mask { return maskOf(key, off, haveVectors()) }

func maskOf(key [32]byte, off, vectors bool) *mask {
	m := &mask{off: off}
	if vectors {
		expandAES(&m.rounds[0], &key[0])
		return m
	}
	var err error
	if m.block, err = aes.NewCipher(key[:16]); err != nil {
		panic(err) // sixteen bytes are a key
	}
	return m
}

// add adds the stream's words from `from` on, a multiple of groupWords.
func (m *mask) add(v []uint32, from int) {
	if m.block != nil {
		m.addGo(v, from)
		return
	}
	counter := uint64(from) / (aes.BlockSize / 4)
	if whole := len(v) / groupWords; whole > 0 {
		addStream(&v[0], &m.rounds[0], counter, whole, m.off)
		v, counter = v[whole*groupWords:], counter+uint64(whole)*groupWords*4/aes.BlockSize
	}
	if len(v) > 0 {
		var last [groupWords]uint32
		addStream(&last[0], &m.rounds[0], counter, 1, m.off)
		for i := range v {
			v[i] += last[i]
		}
	}
}

func (m *mask) addGo(v []uint32, from int) {
	var counter [aes.BlockSize]byte
	binary.BigEndian.PutUint64(counter[8:], uint64(from)/(aes.BlockSize/4))
	stream := cipher.NewCTR(m.block, counter[:])
	var chunk [4 << 10]byte
	for len(v) > 0 {
		part := v[:min(len(v), len(chunk)/4)]
		b := chunk[:4*len(part)]
		clear(b)
		stream.XORKeyStream(b, b)
		for i := range part {
			w := binary.LittleEndian.Uint32(b[4*i:])
			if m.off {
				w = -w
			}
			part[i] += w
		}
		v = v[len(part):]
	}
}

// addMasks adds all masks to v, a span at a time, on all processors.
func addMasks(v []uint32, masks []*mask) {
	spans := (len(v) + spanWords - 1) / spanWords
	workers := min(runtime.GOMAXPROCS(0), spans)
	var wait sync.WaitGroup
	for k := range workers {
		wait.Go(func() {
			for s := k; s < spans; s += workers {
				part := v[s*spanWords : min(len(v), (s+1)*spanWords)]
				for _, m := range masks {
					m.add(part, s*spanWords)
				}
			}
		})
	}
	wait.Wait()
}

// putWords writes v, little-endian.
func putWords(b []byte, v []uint32) {
	b = b[:4*len(v)]
	for i, w := range v {
		binary.LittleEndian.PutUint32(b[4*i:], w)
	}
}

// addWords adds words of bytes to v, which has as many.
func addWords(v []uint32, b []byte) {
	b = b[:4*len(v)]
	for i := range v {
		v[i] += binary.LittleEndian.Uint32(b[4*i:])
	}
}

// tagOf is what holds a masked vector on its way: with a key that is used for one
// vector, two inner products over GF(2^64) with words of its stream, the second
// shifted by one (Krawczyk, CRYPTO 1994), and a word added to each. Another vector
// has the same with probability 2^-128.
func tagOf(key [32]byte, vector []byte) (tag [tagSize]byte) {
	const words = 1 << 10
	stream := newMask(key, false)
	var r [2 * (words + groupWords)]uint32
	var weights [words + 1]uint64
	var in [words]uint64
	draw := func(at int) {
		clear(r[:])
		stream.add(r[:], at*len(r))
		for i := range weights {
			weights[i] = uint64(r[2*i]) | uint64(r[2*i+1])<<32
		}
	}
	draw(0)
	a, b := weights[0], weights[1]
	for at := 1; len(vector) > 0; at++ {
		draw(at)
		n := 0
		for ; len(vector) >= 8 && n < words; n++ {
			in[n] = binary.LittleEndian.Uint64(vector)
			vector = vector[8:]
		}
		if len(vector) > 0 && n < words {
			var last [8]byte
			copy(last[:], vector)
			in[n] = binary.LittleEndian.Uint64(last[:])
			n, vector = n+1, nil
		}
		a ^= ring.GFDot(weights[:n], in[:n])
		b ^= ring.GFDot(weights[1:n+1], in[:n])
	}
	binary.LittleEndian.PutUint64(tag[:], a)
	binary.LittleEndian.PutUint64(tag[8:], b)
	return tag
}
