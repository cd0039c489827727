package secagg

import (
	"crypto/sha3"
	"encoding/binary"
	"math"
	"slices"
)

// neighbours returns each site's neighbours by place, in order. With Degree below
// the number of others they are a Harary graph over an order that the round's
// digest draws: each site beside Degree/2 on either side of a circle (Bell et al.
// 2020, section 3).
func (r Round) neighbours() [][]int {
	n, k := len(r.Sites), r.degree()
	out := make([][]int, n)
	if r.complete() {
		for i := range out {
			for j := range n {
				if j != i {
					out[i] = append(out[i], j)
				}
			}
		}
		return out
	}
	digest := r.digest()
	coins := sha3.NewSHAKE256()
	_, _ = coins.Write([]byte("manx/secagg/graph/v1"))
	_, _ = coins.Write(digest[:])
	order := make([]int, n)
	for i := range order {
		j := int(below(coins, uint64(i+1)))
		order[i] = order[j]
		order[j] = i
	}
	for i, a := range order {
		for d := 1; d <= k/2; d++ {
			b := order[(i+d)%n]
			out[a], out[b] = append(out[a], b), append(out[b], a)
		}
	}
	for i := range out {
		slices.Sort(out[i])
	}
	return out
}

// below draws a number under n, all alike.
func below(coins *sha3.SHAKE, n uint64) uint64 {
	for {
		var b [8]byte
		_, _ = coins.Read(b[:])
		v := binary.LittleEndian.Uint64(b[:])
		if v < math.MaxUint64-math.MaxUint64%n {
			return v % n
		}
	}
}

// Sparse returns the fewest neighbours, and the shares that rebuild a secret, with
// which among n sites, of which corrupt collude and dropped more vanish, all of
// this fails with a probability of at most 2^-40 over the graph: no neighbourhood
// has Needed of the colluders, each keeps Needed that neither collude nor vanish,
// and the honest who stay are connected. It returns 0 where only the complete graph
// does. The first two are tails of hypergeometric distributions, taken over all
// sites; two sites of a Harary graph are parted only if degree/2 of consecutive
// ones are gone on both sides (Bell et al. 2020, theorem 3.10).
func Sparse(n, corrupt, dropped int) (degree, needed int) {
	if n < leastSite || n > MaxSites || corrupt < 0 || dropped < 0 || corrupt+dropped >= n {
		return 0, 0
	}
	const fails = 0x1p-40
	for k := 2; k < min(n-1, maxDegree); k += 2 {
		// A run of k/2 that are all gone, beginning at any place.
		if float64(n)*run(n, corrupt+dropped, k/2) > fails/3 {
			continue
		}
		for t := 2; t <= k+1; t++ {
			many := float64(n) * tail(n-1, corrupt, k, t)
			few := float64(n) * tail(n-1, corrupt+dropped, k, k+1-t+1) // fewer than t of k+1 stay, the site itself being one
			if many <= fails/3 && few <= fails/3 {
				return k, t
			}
		}
	}
	return 0, 0
}

// run is the probability that m given sites are all among bad of n.
func run(n, bad, m int) float64 {
	if m > bad {
		return 0
	}
	return math.Exp(choose(n-m, bad-m) - choose(n, bad))
}

// tail is the probability that of k drawn from n, of which bad are bad, at least t
// are bad.
func tail(n, bad, k, t int) (p float64) {
	for x := max(t, k-(n-bad)); x <= min(k, bad); x++ {
		p += math.Exp(choose(bad, x) + choose(n-bad, k-x) - choose(n, k))
	}
	return p
}

// choose is the logarithm of the binomial coefficient.
func choose(n, k int) float64 {
	f := func(x int) float64 { l, _ := math.Lgamma(float64(x) + 1); return l }
	return f(n) - f(k) - f(n-k)
}
