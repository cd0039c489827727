package mpc

import "crypto/sha256"

// Blind returns s with blindings, so that its Digests hide its values: they follow
// from a context used once and those of other shares, which Deal made. The two
// parties that have a component of those blind the component of s with that index
// alike, and the third, who could otherwise try values out, cannot. Neither can
// who dealt one of them, where somebody else dealt another.
func (s Share) Blind(context []byte, first Share, more ...Share) Share {
	d := &dealt{party: s.Party(), vec: s.vec()}
	in := append([]Share{first}, more...)
	for k := range d.blinds {
		h := sha256.New()
		h.Write([]byte("manx/mpc/blinding/v1\x00"))
		for _, x := range in {
			from := x.v()
			if from == nil {
				return hide(&dealt{party: s.Party(), vec: s.vec()})
			}
			h.Write(from.blinds[k][:])
		}
		h.Write(context)
		h.Sum(d.blinds[k][:0])
	}
	return hide(d)
}
