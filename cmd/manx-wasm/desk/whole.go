//go:build !js

package desk

import "manx/web/owner"

// New is Of with every call there is.
func New(dir, node string) *Desk { return Of(dir, node, Shared, Health, Credit) }

// At returns the desk of a process that has its home open: a worker, a hospital's
// gateway. Who sits at it is the process's party, which Close leaves open; more is what
// can be asked of that process alone. Keys and passphrase cannot be asked for there.
func At(p *owner.Party, accountName string, more map[string]Call) (*Desk, error) {
	a, err := accountNamed(accountName)
	if err != nil {
		return nil, err
	}
	d := New(p.Home.Dir, p.Home.Network.Address)
	d.home, d.party, d.at, d.more = p.Home, p, a, more
	return d, nil
}
