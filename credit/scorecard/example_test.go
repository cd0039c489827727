package scorecard_test

import (
	"fmt"

	"manx/credit"
	"manx/credit/scorecard"
	"manx/privacy/reveal"
)

// A synthetic consumer's score and reasons under consumer-risk.
func Example() {
	m, err := scorecard.ConsumerRisk()
	if err != nil {
		fmt.Println(err)
		return
	}
	s := m.Score(credit.Sample(1).Features().Reveal(reveal.Token{}))
	low, high := m.Range()
	fmt.Printf("%d points, of %d to %d\n", s.Points, low, high)
	for _, r := range s.Reasons {
		fmt.Println(r.Code, r.English)
	}
	// Output:
	// 554 points, of 435 to 574
	// 8 Average monthly payment in the last six months is low
	// 7 Balances over the last six months are too high for the credit limit
	// 10 Latest monthly payment is low
	// 1 Credit limit on the account is low
}
