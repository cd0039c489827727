// Package credit defines the credit file: the typed integer fields of one
// consumer's revolving-credit account, how they are read from CSV, and the
// integer features derived from them.
//
// It scores nothing (credit/scorecard), proves nothing (credit/scoreproof),
// keeps no key and stores nothing. docs/credit-file.md is its schema in words.
package credit

import "fmt"

// Schema names the version of the field list, order and ranges below. A change
// to any of them is a new schema: commitments and proofs depend on it.
const Schema = "manx/credit-file/v1"

// Months is how many monthly statements a file covers.
const Months = 6

// The indices of the fields, in schema order. Month 0 is the most recent
// statement, so Delay+0 is the column delay_1.
const (
	CreditLimit = 0
	Delay       = 1
	Bill        = Delay + Months
	Paid        = Bill + Months
	FieldCount  = Paid + Months
)

// A Field is one column of the schema.
type Field struct {
	Name     string // the column's name
	Min, Max int64  // inclusive
	Unit     string
	Meaning  string
	Basis    Basis // always NotProhibited in a schema; CheckFields enforces it
}

// Every range is a power of two wide (the credit limit's without its zero), so
// that one decomposition into bits proves it in credit/scoreproof.
const (
	amountBits = 24
	delayBits  = 4

	maxAmount = 1<<amountBits - 1
	minBill   = -(1 << 20)
	maxDelay  = 1<<delayBits - 1
)

// Fields returns the schema's columns in order; the result is the caller's.
func Fields() []Field {
	const money = "whole units of the account's currency"
	out := make([]Field, FieldCount)
	out[CreditLimit] = Field{"credit_limit", 1, maxAmount, money,
		"credit granted on the account, with any supplementary line", NotProhibited}
	for m := range Months {
		ago := fmt.Sprintf("statement %d", m+1)
		if m == 0 {
			ago += ", the latest"
		}
		out[Delay+m] = Field{fmt.Sprintf("delay_%d", m+1), 0, maxDelay, "months",
			"how long payment was overdue at " + ago + "; 0 is not overdue, 15 is 15 or more", NotProhibited}
		out[Bill+m] = Field{fmt.Sprintf("bill_%d", m+1), minBill, minBill + maxAmount, money,
			"balance billed at " + ago + "; negative is in the consumer's favour", NotProhibited}
		out[Paid+m] = Field{fmt.Sprintf("paid_%d", m+1), 0, maxAmount, money,
			"paid in the month before " + ago, NotProhibited}
	}
	return out
}
