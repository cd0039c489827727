package committee

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"manx/privacy"
	"manx/privacy/ckks"
	"manx/privacy/notice"
)

// An Opening is what an order's messages add up to: numbers that are uniform to
// whoever has no member's masks, and that with all of them are the results. It
// is public.
type Opening struct {
	order  *Order
	public []uint64 // of each result, modulo 2^64
}

// Combine puts the active members' messages for an order together, and checks
// them: known values that went the same way must come out. Members whose
// messages are missing or malformed are named (Faults); shares that do not fit
// are an Integrity notice, after which an Audit finds whose.
func (o *Order) Combine(public *ckks.PublicKey, c *ckks.Ciphertext, in []Message) (*Opening, error) {
	if o.audits() {
		return nil, notice.New(notice.Invalid, "an audit opens nothing", "read its messages with Suspects")
	}
	if err := o.fits(c); err != nil {
		return nil, err
	}
	op, err := openerOf(o.charter.set)
	if err != nil {
		return nil, err
	}
	got, err := o.read(op, in)
	if err != nil {
		return nil, err
	}
	if fits, err := o.fit(op, public, got, 0); err != nil {
		return nil, err
	} else if !fits {
		var names []string
		for _, m := range o.active {
			names = append(names, o.charter.name(m))
		}
		return nil, notice.New(notice.Integrity, "the shares of "+strings.Join(names, ", ")+" do not fit together", "audit the committee, and order again without the member that it names")
	}
	out := &Opening{order: o}
	for i, slot := range o.slots {
		x, err := op.result(public, c, slot, o.seed("result", i))
		if err != nil {
			return nil, err
		}
		out.public = append(out.public, op.switched(o.total(op, x, o.active, func(m int) []uint64 { return got[m][i] })))
	}
	return out, nil
}

// read returns each member's numbers in the order that shares has them.
func (o *Order) read(op *opener, in []Message) (map[int][][]uint64, error) {
	primes := op.primes[:op.level+1]
	got := map[int][][]uint64{}
	var faults Faults
	for _, m := range o.Active() {
		count := len(o.slots) + len(o.trialsOf(m))
		one := expectation{charter: o.charter, step: o.step(), session: o.id, from: []int{m}, size: 8 * count * len(primes)}
		mine := slices.DeleteFunc(slices.Clone(in), func(x Message) bool { return x.From() != m })
		bodies, err := one.read(mine)
		if f, ok := faultsOf(err); ok {
			faults = append(faults, f...)
			continue
		} else if err != nil {
			return nil, err
		}
		for at := 0; at < len(bodies[m]); at += 8 * len(primes) {
			v, ok := readResidues(bodies[m][at:], primes)
			if !ok {
				faults = append(faults, o.charter.fault(m, "sent residues over their primes"))
				break
			}
			got[m] = append(got[m], v)
		}
	}
	for i, x := range in {
		if !slices.Contains(o.Active(), x.From()) {
			return nil, notice.New(notice.Invalid, fmt.Sprintf("message %d of this step names no member that it is from", i+1), "ask every member for its message again")
		}
	}
	return got, faults.blame()
}

// trialsOf returns which of the trials a member stands in.
func (o *Order) trialsOf(member int) (at []int) {
	for i, t := range o.trials() {
		if slices.Contains(t, member) {
			at = append(at, i)
		}
	}
	return at
}

// total adds members' numbers to a sample's c0.
func (o *Order) total(op *opener, x sample, members []int, of func(m int) []uint64) []uint64 {
	out := slices.Clone(x.c0)
	for _, m := range members {
		for l, v := range of(m) {
			out[l] = (out[l] + v) % op.primes[l]
		}
	}
	return out
}

// fit reports whether a trial's check came out as the 0 that it encrypts: within
// what its members' smudging and its own noise can be.
func (o *Order) fit(op *opener, public *ckks.PublicKey, got map[int][][]uint64, trial int) (bool, error) {
	x, err := op.check(public, o.seed("check", trial))
	if err != nil {
		return false, err
	}
	members := o.trials()[trial]
	v := op.whole(o.total(op, x, members, func(m int) []uint64 {
		return got[m][len(o.slots)+slices.Index(o.trialsOf(m), trial)]
	}))
	if new(big.Int).Lsh(v, 1).Cmp(op.modulus) > 0 {
		v.Sub(v, op.modulus)
	}
	most := new(big.Int).Lsh(big.NewInt(int64(len(members))), uint(smudgeBits(op.set)))
	return v.CmpAbs(most.Add(most, new(big.Int).Lsh(big.NewInt(1), uint(op.set.NoiseBits())))) <= 0, nil
}

// Suspects reads an audit's messages and returns the members of its base whose
// shares are wrong: those who stand in no trial that came out right, if one did.
// None where the base's own trial came out right. Where no trial did, it says so:
// there are more wrong shares than it can tell apart.
func (o *Order) Suspects(public *ckks.PublicKey, in []Message) (Faults, error) {
	if !o.audits() {
		return nil, notice.New(notice.Invalid, "not an audit", "make one with Charter.Audit")
	}
	op, err := openerOf(o.charter.set)
	if err != nil {
		return nil, err
	}
	got, err := o.read(op, in)
	if err != nil {
		return nil, err
	}
	var right []int
	trials := o.trials()
	for i, t := range trials {
		fits, err := o.fit(op, public, got, i)
		if err != nil {
			return nil, err
		}
		if fits && i == 0 {
			return nil, nil
		}
		if fits {
			right = append(right, t...)
		}
	}
	if len(right) == 0 {
		return nil, notice.New(notice.Integrity, "no members' shares fit together, in any way that leaves one of them out", "audit other members, or found a committee anew")
	}
	var out Faults
	for _, m := range o.active {
		if !slices.Contains(right, m) {
			out = append(out, o.charter.fault(m, "gave a share that does not fit the others'"))
		}
	}
	return out, nil
}

// additive returns this member's additive shares of an opening's results, as
// integers modulo 2^64: all active members' add up to result 2^fraction.
func (m *Member) additive(o *Opening) (privacy.Secret[[]uint64], error) {
	if o.order.charter.id != m.charter.id || !slices.Contains(o.order.active, m.number) {
		return privacy.Secret[[]uint64]{}, notice.New(notice.Denied, "the opening is of other members' shares", "ask those")
	}
	s, release, err := m.held()
	if err != nil {
		return privacy.Secret[[]uint64]{}, err
	}
	defer release()
	op, err := openerOf(m.charter.set)
	if err != nil {
		return privacy.Secret[[]uint64]{}, err
	}
	out := make([]uint64, len(o.public))
	for i := range out {
		out[i] = op.switched(s.masks(op, o.order, i))
		if m.number == o.order.active[0] {
			out[i] += o.public[i]
		}
	}
	return privacy.Hide(out), nil
}
