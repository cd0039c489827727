package secagg

import "manx/privacy/internal/kernel"

// A mask is a key's stream, which is added to a vector or taken off: AES-128 in
// counter mode from 0, as little-endian words.
type mask struct {
	stream *kernel.Stream
	off    bool
}

func newMask(key [32]byte, off bool) mask {
	return mask{kernel.NewStream([16]byte(key[:16])), off}
}

// addMasks adds all masks to a part of a vector that begins at word `from`, a
// multiple of kernel.GroupWords.
func addMasks(part []uint32, from int, masks []mask) {
	for _, m := range masks {
		m.stream.Add(part, from, m.off)
	}
}
