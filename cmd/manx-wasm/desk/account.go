package desk

import (
	"os"
	"path/filepath"
	"slices"

	"manx/ledger"
	"manx/privacy/notice"
)

// An account is what somebody comes to the desk as. Each has a home, a keyring and a
// party of its own, on one side of the exchange: who is a patient and a borrower has
// two, that have nothing in common (Invariant 5).
type account struct {
	name  string // of its folder and in the page: "patient", "lender", "scientist-credit"
	side  ledger.Vertical
	role  ledger.Role
	named bool // it has a public name
	demo  bool // its keys were made by the node's `manx up --demo`, and guard nothing
}

// accounts are those that the portal has rooms for.
func accounts() []account {
	return []account{
		{name: "patient", side: ledger.Health, role: ledger.Person, named: false},
		{name: "borrower", side: ledger.Credit, role: ledger.Person, named: false},
		{name: "lender", side: ledger.Credit, role: ledger.Lender, named: true},
		{name: "hospital", side: ledger.Health, role: ledger.Hospital, named: true},
		{name: "scientist", side: ledger.Health, role: ledger.Scientist, named: true},
		{name: "scientist-credit", side: ledger.Credit, role: ledger.Scientist, named: true},
		{name: "provider", side: ledger.Common, role: ledger.Worker, named: true},
		{name: "auditor", side: ledger.Health, role: ledger.Auditor, named: true},
		{name: "auditor-credit", side: ledger.Credit, role: ledger.Auditor, named: true},
	}
}

// accountNamed returns the account of a name; "" is the patient's.
func accountNamed(name string) (account, error) {
	if name == "" {
		name = "patient"
	}
	all := accounts()
	i := slices.IndexFunc(all, func(a account) bool { return a.name == name })
	if i < 0 {
		return account{}, notice.New(notice.Invalid, "the page asked for rooms that this module does not know", "load the page again")
	}
	return all[i], nil
}

// Stands returns on which side an account of a name stands, and in which role.
func Stands(name string) (ledger.Vertical, ledger.Role, error) {
	a, err := accountNamed(name)
	return a.side, a.role, err
}

// homeOf returns an account's folder. The patient's is the desk's own, as it was when
// there were no others.
func (d *Desk) homeOf(a account) string {
	switch {
	case a.demo:
		return filepath.Join(d.dir, "demo", a.name)
	case a.name == "patient":
		return d.dir
	}
	return filepath.Join(d.dir, a.name)
}

// hasKeys reports whether there is a keyring in an account's home.
func (d *Desk) hasKeys(a account) bool {
	_, err := os.Stat(filepath.Join(d.homeOf(a), "keyring.age"))
	return err == nil
}
