package credit

import "math/rand/v2"

// Sample makes a plausible file of a consumer who does not exist: six months
// of spending, partial payments and now and then a missed month. The same seed
// gives the same file. It imitates no data set.
func Sample(seed uint64) *File {
	r := rand.New(rand.NewPCG(seed, 0x6d616e78))
	var v Values
	limit := int64(1000 * (5 + r.IntN(96)))
	v[CreditLimit] = limit
	balance := int64(float64(limit) * (0.05 + 0.6*r.Float64()))
	spend := 0.03 + 0.12*r.Float64()
	careless := 0.25 * r.Float64()
	overdue := int64(0)
	for m := Months - 1; m >= 0; m-- {
		v[Bill+m] = balance
		paid := int64(0)
		switch {
		case r.Float64() < careless:
			overdue = min(overdue+1, maxDelay)
		case r.Float64() < 0.3:
			overdue, paid = 0, balance
		default:
			overdue, paid = max(0, overdue-1), balance/20+int64(float64(balance)*0.2*r.Float64())
		}
		paid = max(0, paid)
		v[Paid+m], v[Delay+m] = paid, overdue
		balance += int64(float64(limit)*spend*(0.5+r.Float64())) - paid
		balance = min(balance, limit+limit/20)
	}
	f, err := New(v)
	if err != nil {
		panic(err) // every branch above stays in the schema's ranges
	}
	return f
}
