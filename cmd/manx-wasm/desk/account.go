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
}

// accounts are those that the portal has rooms for.
func accounts() []account {
	return []account{
		{"patient", ledger.Health, ledger.Person, false},
		{"borrower", ledger.Credit, ledger.Person, false},
		{"lender", ledger.Credit, ledger.Lender, true},
		{"hospital", ledger.Health, ledger.Hospital, true},
		{"scientist", ledger.Health, ledger.Scientist, true},
		{"scientist-credit", ledger.Credit, ledger.Scientist, true},
		{"provider", ledger.Common, ledger.Worker, true},
		{"auditor", ledger.Health, ledger.Auditor, true},
		{"auditor-credit", ledger.Credit, ledger.Auditor, true},
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

// homeOf returns an account's folder. The patient's is the desk's own, as it was when
// there were no others.
func (d *Desk) homeOf(a account) string {
	if a.name == "patient" {
		return d.dir
	}
	return filepath.Join(d.dir, a.name)
}

// hasKeys reports whether there is a keyring in an account's home.
func (d *Desk) hasKeys(a account) bool {
	_, err := os.Stat(filepath.Join(d.homeOf(a), "keyring.age"))
	return err == nil
}
