package scorecard

import "manx/credit"

// A Reason is a principal reason for a score, as Regulation B (12 CFR 1002.9(b)(2)
// and the sample forms of its appendix C) wants it: specific to this consumer
// and understandable. Code is 1 + the feature's index in the credit schema, so
// the reasons a proof carries can be read without the model; 0 is "none".
type Reason struct {
	Code    int    `json:"code"`
	Feature string `json:"feature"`
	English string `json:"en"`
	Chinese string `json:"zh"`
}

// MaxReasons is how many reasons are given at most (12 CFR 1002.9, comment
// 9(b)(2)-1).
const MaxReasons = 4

// ReasonOf returns the reason with a code, and false where there is none.
func ReasonOf(code int) (Reason, bool) {
	if code < 1 || code > credit.FeatureCount {
		return Reason{}, false
	}
	text := [credit.FeatureCount][2]string{
		credit.FeatureLimit:           {"Credit limit on the account is low", "账户的信用额度偏低"},
		credit.FeatureLatestDelay:     {"Payment is overdue on the latest statement", "最近一期账单逾期未还"},
		credit.FeatureWorstDelay:      {"A payment was long overdue in the last six months", "最近六个月内有较长时间的逾期"},
		credit.FeatureMonthsOverdue:   {"Payments were overdue in too many of the last six months", "最近六个月内逾期的月份过多"},
		credit.FeatureSinceSerious:    {"A payment two or more months overdue is too recent", "距最近一次逾期两个月或以上的时间过短"},
		credit.FeatureUtilisation:     {"Balance on the latest statement is too high for the credit limit", "最近一期账单余额占信用额度的比例过高"},
		credit.FeatureMeanUtilisation: {"Balances over the last six months are too high for the credit limit", "最近六个月账单余额占信用额度的比例过高"},
		credit.FeatureMeanPaid:        {"Average monthly payment in the last six months is low", "最近六个月平均每月还款额偏低"},
		credit.FeatureLowestPaid:      {"Lowest monthly payment in the last six months is low", "最近六个月中最低一次月还款额偏低"},
		credit.FeatureLatestPaid:      {"Latest monthly payment is low", "最近一个月的还款额偏低"},
		credit.FeaturePreviousPaid:    {"Monthly payment before the latest is low", "上一个月的还款额偏低"},
		credit.FeatureMonthsUnpaid:    {"No payment was made in too many of the last six months", "最近六个月内未还款的月份过多"},
	}[code-1]
	return Reason{code, credit.FeatureNames()[code-1], text[0], text[1]}, true
}
