package committee

import (
	"manx/privacy/mpc"
	"manx/privacy/notice"
	"manx/privacy/reveal"
)

// Deal splits this member's additive shares of an opening's results into shares
// for the three parties of a computation: number i of what it returns is for
// party i alone. The parties need not be members. A party that has the shares
// of every active member adds them up with Receive.
func (m *Member) Deal(o *Opening) ([mpc.Parties]mpc.Share, error) {
	mine, err := m.additive(o)
	if err != nil {
		return [mpc.Parties]mpc.Share{}, err
	}
	return mpc.Deal(mine.Reveal(reveal.Token{}))
}

// Receive adds up one party's shares from all active members: shares of the
// results, with 20 bits after the point.
func Receive(s *mpc.Session, c *Charter, from []mpc.Share) (mpc.Share, error) {
	if len(from) != c.need {
		return mpc.Share{}, notice.New(notice.Unavailable, "shares of some serving members are missing", "wait for every member that the order names")
	}
	sum := from[0]
	for _, x := range from[1:] {
		var err error
		if sum, err = s.Add(sum, x); err != nil {
			return mpc.Share{}, err
		}
	}
	return sum, nil
}

// Fixed returns received results as the engine's fixed-point numbers, to compute
// on: a sigmoid, a choice of reasons.
func Fixed(s *mpc.Session, results mpc.Share) (mpc.Share, error) {
	return s.Truncate(results, fraction-mpc.Fraction)
}

// Round returns received results rounded to integers, halves up: what may leave,
// by Session.Output. It says nothing of what was rounded away, as a truncation at
// random would if it were repeated: of the four integers around what Truncate
// gives it counts those that the result is not below.
func Round(s *mpc.Session, results mpc.Share) (mpc.Share, error) {
	n := results.Len()
	ones := func(v int64) []uint64 {
		out := make([]uint64, n)
		for i := range out {
			out[i] = uint64(v)
		}
		return out
	}
	half, err := s.AddPublic(results, ones(1<<(fraction-1)))
	if err != nil {
		return mpc.Share{}, err
	}
	near, err := s.Truncate(half, fraction)
	if err != nil {
		return mpc.Share{}, err
	}
	var all, next []mpc.Share
	for d := int64(-2); d < 2; d++ {
		k, err := s.AddPublic(near, ones(d))
		if err == nil {
			k, err = s.Scale(k, 1<<fraction)
		}
		if err != nil {
			return mpc.Share{}, err
		}
		all, next = append(all, half), append(next, k)
	}
	x, err := mpc.Concat(all...)
	if err != nil {
		return mpc.Share{}, err
	}
	y, err := mpc.Concat(next...)
	if err != nil {
		return mpc.Share{}, err
	}
	over, err := s.Less(x, y)
	if err != nil {
		return mpc.Share{}, err
	}
	// near - 3 and the four less those that the result is below.
	out, err := s.AddPublic(near, ones(1))
	for d := range 4 {
		if err == nil {
			out, err = s.Sub(out, over.Slice(d*n, (d+1)*n))
		}
	}
	return out, err
}

// Same returns for each result 1 where two openings of one ciphertext agree as
// far as smudging lets them, else 0. The checks of an order find a share that is
// wrong; a member that serves the check rightly and shifts a result is found by
// opening it again through members without her, and by nothing else.
func Same(s *mpc.Session, c *Charter, one, other mpc.Share) (mpc.Share, error) {
	// In units of 2^-fraction: each opening is off by its members' smudging, and by
	// half for each share that was brought to 2^64.
	smudged := uint64(c.need) << (smudgeBits(c.set) - scaleBits(c.set) + fraction)
	most := make([]uint64, one.Len())
	for i := range most {
		most[i] = 2*smudged + uint64(c.need) + 3
	}
	d, err := s.Sub(one, other)
	if err != nil {
		return mpc.Share{}, err
	}
	up, err := s.Less(d, s.Public(most))
	if err != nil {
		return mpc.Share{}, err
	}
	minus, err := s.Sub(other, one)
	if err != nil {
		return mpc.Share{}, err
	}
	down, err := s.Less(minus, s.Public(most))
	if err != nil {
		return mpc.Share{}, err
	}
	return s.Mul(up, down)
}
