package mpc

import "crypto/sha256"

// Blind returns s with blindings, so that its Digests hide its values: they follow
// from those of in, a share that Deal made, and a context used once. The two
// parties that have a component of in blind the component of s with that index
// alike, and the third, who could otherwise try values out, cannot.
func (s Share) Blind(in Share, context []byte) Share {
	d := &dealt{party: s.Party(), vec: s.vec()}
	from := in.v()
	if from == nil {
		return hide(d)
	}
	for k := range d.blinds {
		h := sha256.New()
		h.Write([]byte("manx/mpc/blinding/v1\x00"))
		h.Write(from.blinds[k][:])
		h.Write(context)
		h.Sum(d.blinds[k][:0])
	}
	return hide(d)
}
