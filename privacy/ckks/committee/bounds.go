package committee

import (
	"crypto/ed25519"
	"slices"

	"manx/privacy/ckks"
	"manx/privacy/ckks/internal/limb"
)

// Whoever carries messages reads them from strangers, and allocates no more than
// these bounds say. The steps themselves check exact sizes.

func whole(body int) int { return messageHeader + body + ed25519.SignatureSize }

// MostDealt returns the most bytes that a message of a founding, or of sharing
// anew, has under c.
func (c *Charter) MostDealt() int {
	primes := c.set.Chain(c.set.Levels(), true)
	poly := int(limb.Size(primes, 2*c.set.Slots()))
	return max(whole(sealed(36+poly+8*len(primes))), whole(8*len(primes)*len(c.seats)))
}

// Most returns the most bytes that a member's message for one of the
// commission's keys has, in their order. The second round's are no longer.
func (w *Commission) Most() []int {
	var out []int
	for _, n := range w.needs {
		polys := w.charter.set.Digits(n.Level)
		if n.Rotation == 0 {
			polys *= 2
		}
		out = append(out, whole(polys*int(limb.Size(w.charter.set.Chain(n.Level, true), 2*w.charter.set.Slots()))))
	}
	return out
}

// Needs returns the keys that the commission asks for.
func (w *Commission) Needs() ckks.Needs { return slices.Clone(w.needs) }

// Most returns the most bytes that a member's message for the order has.
func (o *Order) Most() int {
	return whole(8 * o.charter.set.Floor() * o.values())
}

// Slots returns the slots of the results that the order asks for; of an audit, none.
func (o *Order) Slots() []int { return slices.Clone(o.slots) }
