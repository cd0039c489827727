package contract

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"testing"

	"manx/escrow"
	"manx/escrow/check"
	"manx/ledger"
	"manx/ledger/ledgertest"
	"manx/privacy/notice"
)

// FuzzTerms reads any bytes as the terms of a contract: they are refused, with
// words for it, or opened, and whatever is then done to them panics nowhere, loses
// nothing and ends. What the checker calls sound pays only whom it says.
func FuzzTerms(f *testing.F) {
	at := ledger.Time(1_000_000)
	for _, terms := range []escrow.Terms{purse(at), price(ledger.MAN(5), at), price(ledger.Units(1), -at)} {
		b, err := json.Marshal(terms)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, []byte{0, 1, 2, 3, 4, 5, 6, 7})
	}
	f.Fuzz(func(t *testing.T, b, moves []byte) {
		var terms escrow.Terms
		if len(b) > 48<<10 || ledger.Decode(b, &terms) != nil {
			return
		}
		var parts []escrow.Part
		for _, r := range []escrow.Role{"lender", "borrower", "school", "buyer", "seller"} {
			parts = append(parts, escrow.Part{Role: r, Party: ledger.PartyID("p-" + r)})
		}
		fund := []ledger.Amount{ledger.Units(7)}
		s, err := escrow.Open(terms, parts, fund, at, at+ledger.MaxEscrow)
		if err != nil {
			if f := (*escrow.Fault)(nil); errors.As(err, &f) && (f.Error() == "" || f.Chinese() == "") {
				t.Fatal("a fault without words")
			}
			return
		}
		report, err := check.Terms(terms, parts, fund, at, at+ledger.MaxEscrow)
		if err != nil {
			t.Fatalf("opened, and not explored: %v", err)
		}
		end := play(t, terms, s, moves, at)
		if len(report.Findings) > 0 {
			return
		}
		for _, o := range end.Paid {
			known := false
			for _, r := range report.Paid {
				known = known || end.Party(r) == o.To
			}
			if !known {
				t.Fatalf("%s is paid, whom the checker does not name", o.To)
			}
		}
	})
}

// play does what moves say to an escrow and then lets its time pass.
func play(t *testing.T, terms escrow.Terms, s escrow.State, moves []byte, at ledger.Time) escrow.State {
	sum := s.Held()
	step := func(in escrow.Input) {
		next, paid, err := terms.Step(s, in)
		if err != nil {
			return
		}
		before, after := s.Held(), next.Held()
		if in.Deposit != nil {
			before, _ = before.Add(*in.Deposit)
			if sum, err = sum.Add(*in.Deposit); err != nil {
				t.Fatal("a deposit past the largest amount")
			}
		}
		for _, o := range paid {
			if after, err = after.Add(o.Amount); err != nil || o.To == "" {
				t.Fatalf("paid %+v: %v", o, err)
			}
		}
		if before != after {
			t.Fatalf("%s before, %s after", before, after)
		}
		s = next
	}
	for _, m := range moves {
		if s.Over() {
			return s
		}
		w := terms.Clauses[s.At].Wait
		if len(w.Cases) == 0 || m%8 == 7 {
			at = w.Until
			step(escrow.Input{At: at})
			continue
		}
		c := w.Cases[int(m)%len(w.Cases)]
		in := escrow.Input{At: at, By: c.By, Party: s.Party(c.By), Choice: c.Choice, Verdict: c.Verdict}
		switch {
		case c.Deposit != nil:
			in.Deposit = &c.Deposit.Amount
		case c.Spend != nil:
			in.Spend = &escrow.Spending{To: c.Spend.Payees[0], Amount: s.Pots[c.Spend.From].Part(uint32(m), 255)}
		case c.Attest != nil:
			in.By = c.Attest.By[int(m)%len(c.Attest.By)]
			in.Party, in.Attest = s.Party(in.By), &escrow.Attestation{Stated: escrow.Stated{Fact: c.Attest.Fact, Value: int64(m) - 9}, At: at}
		}
		if in.Party == "" {
			in.Party = "p-other"
		}
		step(in)
	}
	if step(escrow.Input{At: at + ledger.MaxEscrow}); !s.Over() || !s.Held().IsZero() {
		t.Fatalf("after its last deadline: %+v", s)
	}
	return s
}

// FuzzStep steps an open contract by any body, signed by a party of it or a
// stranger: no panic, a notice where it is refused, no money made or lost. Ids of
// the story stand for "#0" to "#3".
func FuzzStep(f *testing.F) {
	s, m := beginWith(f, rand.NewChaCha8([32]byte{2}))
	c := &contractScene{Story: s, m: m, lender: s.Party(ledger.Credit, ledger.Lender), borrower: s.Party(ledger.Credit, ledger.Person)}
	five := ledger.MAN(5)
	coin, spare := c.Fund(c.lender, five), c.Fund(c.lender, five)
	id, hash, err := c.priced(five)
	if err != nil {
		f.Fatal(err)
	}
	c.Do(c.lender, ledger.StepEscrow{Escrow: id, Terms: hash, Role: "buyer", Deposit: &five, Coins: []ledger.CoinID{coin}})
	f.Add(`{"escrow":"#0","terms":"#1","role":"buyer","choice":"accept"}`, byte(0))
	f.Add(`{"escrow":"#0","terms":"#1","role":"buyer","pay":"2.5","to":"seller"}`, byte(0))
	f.Add(`{"escrow":"#0","terms":"#1","role":"buyer","deposit":"5","coins":["#2"]}`, byte(0))
	f.Add(`{"escrow":"#0","terms":"#1","role":"seller","fact":"f","value":-9223372036854775808,"when":-1}`, byte(1))
	f.Add(`{"escrow":"#0","terms":"#1"}`, byte(2))
	ids := []string{string(id), hash.String(), string(spare), string(c.lender.Party())}
	cast := []*ledgertest.Key{c.lender, c.borrower, s.World.Organisations[0]}
	before := m.money(f)
	f.Fuzz(func(t *testing.T, body string, by byte) {
		b := []byte(body)
		for i, id := range ids {
			b = bytes.ReplaceAll(b, []byte{'#', byte('0' + i)}, []byte(id))
		}
		k := cast[int(by)%len(cast)]
		cmd := ledger.Command{Network: s.World.Genesis.ID(), ID: ledger.CommandID{by}, Name: "escrow.step", Author: k.Party(), NotAfter: s.World.Now() + 9, Body: b}
		cmd.Sig = k.Sign(cmd.SigningBytes())
		v := newView(m.state)
		if _, err := m.apply(v, cmd); err != nil {
			if notice.From(err).Kind == notice.Internal {
				t.Fatalf("an error that is no notice: %v", err)
			}
			return
		}
		after := &memory{state: m.copy()}
		for k, b := range v.writes {
			if after.state[k] = b; b == nil {
				delete(after.state, k)
			}
		}
		if after.money(t) != before {
			t.Fatal("money was made or lost")
		}
	})
}
