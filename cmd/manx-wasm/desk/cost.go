//go:build !js || credit

package desk

import (
	"math"
	"slices"

	"manx/escrow"
	"manx/escrow/tell"
	"manx/ledger"
)

// A Cost is what a role pays and gets in a contract that goes as it is meant to, in
// MAN. What it pledges is in both.
type Cost struct {
	Role  string        `json:"role"`
	Pays  ledger.Amount `json:"pays"`
	Gets  ledger.Amount `json:"gets"`
	More  ledger.Amount `json:"more"`             // that it pays beyond what it gets, or 0
	Rate  float64       `json:"rate,omitempty"`   // of who gets first and pays later: effective, a year, in percent
	Times int           `json:"times,omitempty"`  // payments after the first money came
	Each  string        `json:"each,omitempty"`   // MAN of one of these, where all are alike
	First ledger.Time   `json:"first,omitempty"`  // the first of these is due
	Until ledger.Time   `json:"until,omitempty"`  // the last of these is due
	Held  ledger.Amount `json:"pledged,omitzero"` // put in before any money came
}

// costs adds up a contract's course from its beginning, for each role.
func costs(terms escrow.Terms, start escrow.State, opened ledger.Time) []Cost {
	turns, _ := teller(tell.English).Course(terms, start)
	out := []Cost{}
	for _, part := range start.Parties {
		c := Cost{Role: string(part.Role)}
		var flows []flow
		got := false
		alike := true
		for _, turn := range turns {
			if turn.Deposit != nil && turn.By == part.Role {
				c.Pays, _ = c.Pays.Add(*turn.Deposit)
				at := turn.Until
				if !got {
					at = opened // as if what begins it were done at once
					c.Held, _ = c.Held.Add(*turn.Deposit)
				} else {
					if c.Times++; c.Times == 1 {
						c.First, c.Each = turn.Until, turn.Deposit.String()
					}
					alike = alike && c.Each == turn.Deposit.String()
					c.Until = turn.Until
				}
				flows = append(flows, flow{at, -number(*turn.Deposit)})
			}
			for _, paid := range turn.Paid {
				if paid.To != part.Party {
					continue
				}
				at := turn.Until
				if !got {
					at = opened
				}
				got = true
				c.Gets, _ = c.Gets.Add(paid.Amount)
				flows = append(flows, flow{at, number(paid.Amount)})
			}
		}
		if !alike {
			c.Each = ""
		}
		c.More, _ = c.Pays.Sub(c.Gets) // 0 where it is less
		if c.Times > 0 && !c.More.IsZero() {
			c.Rate = yearly(flows)
		}
		out = append(out, c)
	}
	return out
}

// A flow is money at a time: what comes is positive.
type flow struct {
	at     ledger.Time
	amount float64
}

func number(a ledger.Amount) float64 { return float64(a.Thousandths()) / 1000 }

const year = 365.25 * 86400 // seconds

// yearly returns the effective rate a year, in percent, at which flows are worth
// nothing together on their first day: what borrowing them costs (an annual percentage
// rate as in Annex I of Directive 2008/48/EC). 0 where there is none from 0 to 10,000.
func yearly(flows []flow) float64 {
	slices.SortStableFunc(flows, func(a, b flow) int { return int(a.at - b.at) })
	worth := func(rate float64) (sum float64) {
		for _, f := range flows {
			sum += f.amount * math.Pow(1+rate, -float64(f.at-flows[0].at)/year)
		}
		return sum
	}
	low, high := 0.0, 100.0
	if worth(low) >= 0 || worth(high) <= 0 {
		return 0
	}
	for range 60 {
		if mid := (low + high) / 2; worth(mid) < 0 {
			low = mid
		} else {
			high = mid
		}
	}
	return math.Round(low*1e4) / 100
}
