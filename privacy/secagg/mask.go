package secagg

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"math/bits"
	"runtime"
	"sync"
	"unsafe"
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
	if whole := len(v) / groupWords; whole > 0 && haveVectors() {
		addBytes(&v[0], &b[0], whole)
		v, b = v[whole*groupWords:], b[4*whole*groupWords:]
	}
	for i := range v {
		v[i] += binary.LittleEndian.Uint32(b[4*i:])
	}
}
