// Package rdp prices sums with Gaussian noise in whole numbers: Rényi differential
// privacy at a fixed list of orders, in billionths of a nat, rounded up. The same
// sum has the same price on every machine, prices add, and what a price comes to
// in epsilon at Delta is a comparison of whole numbers. So a ledger can decide by it.
//
// It prices exactly what package dp makes: a sum over records that are each drawn
// with some probability (Poisson sampling), of integer vectors of bounded norm,
// with discrete Gaussian noise. At whole orders the moment is the binomial sum of
// Mironov, Talwar and Zhang 2019 (arXiv 1908.10530, section 3.3); its step for the
// Gaussian, that the k-th moment of the likelihood ratio is exp((k^2-k)/(2 sigma^2)),
// holds for the discrete one without error, because the shift is an integer vector.
// It chooses no noise and knows no records.
package rdp

import (
	"errors"
	"math/big"
)

// Units of what goes in and comes out.
const (
	Thousandth = 1000          // of the largest norm of one record's part: noise
	Million    = 1_000_000     // parts of 1: the rate of sampling, and epsilon
	Billion    = 1_000_000_000 // parts of a nat: prices
)

// Delta is the one at which Epsilon tells what prices come to.
const Delta = 1e-5

// Orders is how many orders a price has. They are whole, and closest where an
// epsilon of 1 to 10 at Delta has its best one.
const Orders = 24

func orders() [Orders]int64 {
	return [Orders]int64{2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 16, 18, 20, 24, 28, 32, 40, 48, 64, 96, 128, 256}
}

// conversion returns for each order a what epsilon has beyond the divergence, in
// billionths, rounded up: log((a-1)/a) - (log Delta + log a)/(a-1), by Balle et al.
// (arXiv 1905.09982, theorem 21) and Canonne, Kamath and Steinke (arXiv 2004.00010,
// proposition 12).
func conversion() [Orders]int64 {
	return [Orders]int64{
		10_126_631_104, 4_801_691_481, 3_087_861_629, 2_252_728_337, 1_761_911_643, 1_440_351_873, 1_214_109_168, 1_046_679_576,
		918_010_637, 816_192_840, 733_717_607, 608_497_270, 518_150_596, 450_050_628, 396_980_032, 319_826_109,
		266_622_021, 227_838_062, 175_298_757, 141_536_473, 100_982_475, 62_671_619, 44_604_817, 19_489_035,
	}
}

// Most is the largest price at an order: a million nats, which is as good as none.
const Most = 1_000_000 * Billion

// A Price is what sums cost, by order. The zero Price is that of nothing.
type Price [Orders]int64

// Bounds of a priced sum.
const (
	MinSigma = 100               // a tenth of a record's largest part
	MaxSigma = 1000 * Thousandth // a thousand times it
)

// ErrPrice marks a sum that has no price here.
var ErrPrice = errors.New("noise is a tenth to a thousand times what one record can add, and the rate of sampling 1 to 1000000 millionths")

// Of returns the price of one sum: sigma is the noise's deviation in thousandths of
// the largest norm of one record's part, rate that of sampling in millionths.
func Of(sigma, rate int64) (p Price, err error) {
	if sigma < MinSigma || sigma > MaxSigma || rate < 1 || rate > Million {
		return p, ErrPrice
	}
	square := big.NewInt(sigma * sigma) // sigma^2 in millionths
	if rate == Million {
		for i, a := range orders() { // a/(2 sigma^2)
			n := big.NewInt(a * Million)
			p[i] = capped(ceilDiv(n.Mul(n, big.NewInt(Billion)), new(big.Int).Lsh(square, 1)))
		}
		return p, nil
	}
	moments := moments(square)
	for i, a := range orders() {
		p[i] = Most
		if int(a) < len(moments) {
			p[i] = capped(divergence(a, rate, moments))
		}
	}
	return p, nil
}

// Plus returns the price of both together.
func (p Price) Plus(q Price) Price {
	for i := range p {
		p[i] = min(p[i]+q[i], Most)
	}
	return p
}

// Times returns the price of n such sums, n >= 0.
func (p Price) Times(n int64) Price {
	for i, v := range p {
		if n > 0 && v > Most/n {
			p[i] = Most
		} else {
			p[i] = v * n
		}
	}
	return p
}

// Valid reports whether p is a sum of prices: at every order 0 to Most.
func (p Price) Valid() bool {
	for _, v := range p {
		if v < 0 || v > Most {
			return false
		}
	}
	return true
}

// Epsilon returns what p comes to at Delta, in millionths, rounded up: the least
// over the orders. Nothing comes to 0.
func (p Price) Epsilon() int64 {
	if p == (Price{}) {
		return 0
	}
	more := conversion()
	least := p[0] + more[0]
	for i, v := range p {
		least = min(least, v+more[i])
	}
	const unit = Billion / Million
	return (max(least, 0) + unit - 1) / unit
}
