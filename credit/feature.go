package credit

// The indices of the features, in schema order. Ties between reasons are
// decided by this order, so it never changes within a schema.
const (
	FeatureLimit = iota
	FeatureLatestDelay
	FeatureWorstDelay
	FeatureMonthsOverdue
	FeatureSinceSerious
	FeatureUtilisation
	FeatureMeanUtilisation
	FeatureMeanPaid
	FeatureLowestPaid
	FeatureLatestPaid
	FeaturePreviousPaid
	FeatureMonthsUnpaid
	FeatureCount
)

// MaxPercent caps the two utilisation features, in percent.
const MaxPercent = 1<<10 - 1

// SeriousDelay is the delay, in months, from which an overdue payment counts as
// serious.
const SeriousDelay = 2

// Features are the model's inputs in schema order. Every value is at least 0
// and below 2^Bits of its feature.
type Features [FeatureCount]int64

// A Feature is one input of a credit model.
type Feature struct {
	Name    string
	Bits    int // values are 0 to 2^Bits-1
	Better  int // +1 where more of it is better for the consumer, else -1
	Unit    string
	Meaning string // the arithmetic, exact, on integers
	Basis   Basis  // always NotProhibited; CheckFeatures enforces it
}

// FeatureList returns the features in order; the result is the caller's.
func FeatureList() []Feature {
	const money = "whole units of the account's currency"
	return []Feature{
		{"credit_limit", amountBits, +1, money, "credit_limit", NotProhibited},
		{"latest_delay", delayBits, -1, "months", "delay_1", NotProhibited},
		{"worst_delay", delayBits, -1, "months", "the largest of delay_1 to delay_6", NotProhibited},
		{"months_overdue", 3, -1, "months of 6", "how many of delay_1 to delay_6 are above 0", NotProhibited},
		{"months_since_serious", 3, +1, "months", "how many statements are later than the latest one with a delay of 2 or more; 6 where there is none", NotProhibited},
		{"utilisation", 10, -1, "percent", "max(bill_1, 0) * 100 / credit_limit, rounded down, at most 1023", NotProhibited},
		{"mean_utilisation", 10, -1, "percent", "the sum of max(bill_i, 0) * 100 / (6 * credit_limit), rounded down, at most 1023", NotProhibited},
		{"mean_paid", amountBits, +1, money, "the sum of paid_1 to paid_6, / 6, rounded down", NotProhibited},
		{"lowest_paid", amountBits, +1, money, "the smallest of paid_1 to paid_6", NotProhibited},
		{"latest_paid", amountBits, +1, money, "paid_1", NotProhibited},
		{"previous_paid", amountBits, +1, money, "paid_2", NotProhibited},
		{"months_unpaid", 3, -1, "months of 6", "how many of paid_1 to paid_6 are 0", NotProhibited},
	}
}

// FeatureNames returns the names of the features in order.
func FeatureNames() []string {
	names := make([]string, 0, FeatureCount)
	for _, f := range FeatureList() {
		names = append(names, f.Name)
	}
	return names
}

// Derive computes the features of a file's fields. credit/scoreproof proves
// this very arithmetic, so it uses only sums, comparisons and divisions that
// round down.
func Derive(v Values) Features {
	delay, bill, paid := v[Delay:Delay+Months], v[Bill:Bill+Months], v[Paid:Paid+Months]
	var f Features
	var billed, totalPaid int64
	f[FeatureLowestPaid] = paid[0]
	f[FeatureSinceSerious] = Months
	for m := Months - 1; m >= 0; m-- {
		billed += max(bill[m], 0)
		totalPaid += paid[m]
		f[FeatureWorstDelay] = max(f[FeatureWorstDelay], delay[m])
		f[FeatureLowestPaid] = min(f[FeatureLowestPaid], paid[m])
		if delay[m] > 0 {
			f[FeatureMonthsOverdue]++
		}
		if delay[m] >= SeriousDelay {
			f[FeatureSinceSerious] = int64(m)
		}
		if paid[m] == 0 {
			f[FeatureMonthsUnpaid]++
		}
	}
	limit := max(v[CreditLimit], 1) // 0 is in no file, only in the zero Values
	f[FeatureLimit] = limit
	f[FeatureLatestDelay] = delay[0]
	f[FeatureUtilisation] = min(max(bill[0], 0)*100/limit, MaxPercent)
	f[FeatureMeanUtilisation] = min(billed*100/(Months*limit), MaxPercent)
	f[FeatureMeanPaid] = totalPaid / Months
	f[FeatureLatestPaid] = paid[0]
	f[FeaturePreviousPaid] = paid[1]
	return f
}
