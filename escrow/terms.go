// Package escrow holds money by terms that are data: a small typed language
// after Marlowe (Lamela Seijas, Nemish, Smith, Thompson 2020) and one total,
// deterministic function that steps it, the same in every ledger.
//
// Terms are a list of clauses, each of which goes on with a later one only, so
// that they end whatever anybody does. Money lies in pots; a pot has an owner,
// who gets what is left in it at the end, so that nothing is stranded and no
// remainder of a division is lost.
//
// The package reads no clock and knows no ledger state: time, identities and
// verdicts are arguments. It does not decide who may speak for a role; the
// contract does.
package escrow

import "manx/ledger"

// A Role is a part in the terms, played by one party. A role that nobody plays
// yet is bound to whoever first makes a choice that the terms give it.
type Role string

// A Choice is what a role may say, such as "accept".
type Choice string

// Terms say what happens to the money, from clause 0 on.
type Terms struct {
	Pots    []Pot    `json:"pots"`
	Clauses []Clause `json:"clauses"`
}

// A Pot holds money. What is left in it when the terms close is its owner's.
type Pot struct {
	Name  string `json:"name"`
	Owner Role   `json:"owner"`
}

// A Clause is one of Pay, Wait, If and Close; exactly one is set. The numbers of
// clauses to go on with are greater than its own.
type Clause struct {
	Pay   *Pay   `json:"pay,omitempty"`
	Wait  *Wait  `json:"wait,omitempty"`
	If    *If    `json:"if,omitempty"`
	Close *Close `json:"close,omitempty"`
}

// Pay pays roles out of a pot in their order, and goes on. Where the pot holds
// less than an Amount, what there is is paid; the checker refuses terms in which
// that can happen, unless the value is UpTo.
type Pay struct {
	From   int     `json:"from"`   // a pot
	Shares []Share `json:"shares"` // parts at most Whole together
	Next   int     `json:"next"`
}

// A Share is what one role gets.
type Share struct {
	To    Role  `json:"to"`
	Value Value `json:"value"`
}

// Whole is all of a pot, in basis points.
const Whole = 10_000

// A Value is how much of a pot: exactly one is set.
type Value struct {
	Amount *ledger.Amount `json:"amount,omitempty"`
	UpTo   *ledger.Amount `json:"up_to,omitempty"` // the amount, or what there is
	Parts  uint32         `json:"parts,omitempty"` // basis points of what the pot held before the clause, rounded down
	All    bool           `json:"all,omitempty"`
}

// Wait waits for one of its cases, until a time; from that time on, and not
// before, it goes on with Next.
type Wait struct {
	Cases []Case      `json:"cases,omitempty"`
	Until ledger.Time `json:"until"`
	Next  int         `json:"next"`
}

// A Case is something that may happen while terms wait, and what follows.
// Exactly one of Choice, Deposit, Spend, Attest and Verdict is set; By is who
// acts, and is empty for the last two.
type Case struct {
	By      Role     `json:"by,omitempty"`
	Choice  Choice   `json:"choice,omitempty"`
	Deposit *Deposit `json:"deposit,omitempty"`
	Spend   *Spend   `json:"spend,omitempty"`
	Attest  *Attest  `json:"attest,omitempty"`
	Verdict *Verdict `json:"verdict,omitempty"`
	Next    int      `json:"next"`

	// Alone says that the terms mean it where this role's choice by itself moves
	// another role's money to it. The checker refuses such a choice otherwise.
	Alone bool `json:"alone,omitempty"`
}

// Deposit puts exactly an amount into a pot.
type Deposit struct {
	Into   int           `json:"into"`
	Amount ledger.Amount `json:"amount"`
}

// Spend pays any amount out of a pot to one of the payees, as often as By likes:
// the terms go on with the case's Next when the pot is empty, and wait otherwise.
type Spend struct {
	From   int    `json:"from"`
	Payees []Role `json:"payees"`
}

// Attest is a fact that Need of the attesters have stated with one value, no
// longer ago than Fresh seconds.
type Attest struct {
	Fact  string      `json:"fact"`
	By    []Role      `json:"by"`
	Need  int         `json:"need"`
	Is    *int64      `json:"is,omitempty"` // the value that counts; nil is any
	Fresh ledger.Time `json:"fresh"`
}

// Verdict is how a job of the exchange ended.
type Verdict struct {
	Job     ledger.JobID `json:"job"`
	Settled bool         `json:"settled"` // paid, or else refunded
}

// If goes on by a fact's value, or by what a pot holds.
type If struct {
	Fact    string         `json:"fact,omitempty"` // as attested before
	AtLeast int64          `json:"at_least,omitempty"`
	Pot     int            `json:"pot,omitempty"`
	Holds   *ledger.Amount `json:"holds,omitempty"` // or more; set where no Fact is
	Then    int            `json:"then"`
	Else    int            `json:"else"`
}

// Close gives what is left in every pot to its owner and ends the escrow.
type Close struct {
	Outcome string `json:"outcome"` // a word for how it ended, such as "refunded"
}
