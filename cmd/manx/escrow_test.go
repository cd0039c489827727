package main

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"manx/escrow"
	"manx/ledger"
)

// writeContract makes a draft of terms whose deadlines are written as 1, 2, 3:
// contract TERMS DRAFT [SECONDS], so many seconds apart, an hour if not told. The
// lender, the borrower and the school are those of $LENDER, $BORROWER, $SCHOOL.
func writeContract(ts *testscript.TestScript, _ bool, args []string) {
	step := ledger.Time(3600)
	if len(args) > 2 {
		n, err := strconv.Atoi(args[2])
		ts.Check(err)
		step = ledger.Time(n)
	}
	var terms escrow.Terms
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &terms))
	now, last := ledger.Time(time.Now().Unix()), ledger.Time(0)
	for _, c := range terms.Clauses {
		if c.Wait != nil {
			c.Wait.Until = now + c.Wait.Until*step
			last = max(last, c.Wait.Until)
		}
	}
	raw, err := json.Marshal(terms)
	ts.Check(err)
	d := draft{Title: "School fees", Terms: raw, Last: last}
	for _, role := range []string{"lender", "borrower", "school"} {
		d.Players = append(d.Players, ledger.Player{Role: role, Party: ledger.PartyID(ts.Getenv(strings.ToUpper(role)))})
	}
	b, err := json.Marshal(d)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), b, 0o600))
}

// ended waits until a contract has ended: ended CONTRACT.
func ended(ts *testscript.TestScript, _ bool, args []string) {
	for range 120 {
		ts.Check(ts.Exec("manx", "escrow", "show", args[0]))
		if strings.Contains(ts.ReadFile("stdout"), "ended ") && !strings.Contains(ts.ReadFile("stdout"), "at clause") {
			return
		}
		time.Sleep(500 * time.Millisecond)
	}
	ts.Fatalf("the contract has not ended")
}
