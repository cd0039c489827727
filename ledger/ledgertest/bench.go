package ledgertest

import (
	"sync"
	"testing"

	"manx/escrow"
	"manx/ledger"
)

// Spendings measures b.N steps of contracts, each a payment out of a pot that
// makes a coin, sent by some clients at once. Fifty of them are of one contract.
func Spendings(b *testing.B, s *Story, clients int) {
	const each = 50
	buyer, shop := s.Party(ledger.Health, ledger.Person), s.Party(ledger.Health, ledger.Person)
	one, sum := ledger.Units(1), ledger.MAN(1)
	commands := make(chan ledger.Command, b.N)
	for n := 0; n < b.N; n += each {
		now := s.World.Now()
		o := s.open(buyer, escrow.Terms{Pots: []escrow.Pot{{Name: "purse", Owner: "buyer"}}, Clauses: []escrow.Clause{
			{Wait: &escrow.Wait{Cases: []escrow.Case{{By: "buyer", Deposit: &escrow.Deposit{Into: 0, Amount: sum}, Next: 1}}, Until: now + 3600, Next: 2}},
			{Wait: &escrow.Wait{Cases: []escrow.Case{{By: "buyer", Spend: &escrow.Spend{From: 0, Payees: []escrow.Role{"shop"}}, Next: 2}}, Until: now + 7200, Next: 2}},
			{Close: &escrow.Close{Outcome: "over"}}}}, now+7200, ledger.Player{Role: "buyer", Party: buyer.Party()}, ledger.Player{Role: "shop", Party: shop.Party()})
		put, spend := o, o
		put.Role, put.Deposit, put.Coins = "buyer", &sum, []ledger.CoinID{s.Fund(buyer, sum)}
		s.Do(buyer, put)
		spend.Role, spend.Pay, spend.To = "buyer", &one, "shop"
		for range min(each, b.N-n) {
			commands <- s.Sign(buyer, spend)
		}
	}
	close(commands)
	b.ResetTimer()
	var wait sync.WaitGroup
	for range clients {
		wait.Go(func() {
			for c := range commands {
				if _, err := s.Submit(c); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wait.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "steps/s")
}
