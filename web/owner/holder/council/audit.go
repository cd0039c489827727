package council

import (
	"context"

	"manx/privacy/ckks"
	"manx/privacy/ckks/committee"
)

// Audit has all members show whether their shares fit together, after an opening
// whose shares did not: who calls it makes the order with committee.Charter.Audit.
// The table has the charter's members alone, in its order. Each place finds for
// itself whose share is wrong; nobody's, where all fit. It opens nothing, and
// counts against the key as an opening does.
func Audit(ctx context.Context, t *Table, m *committee.Member, o *committee.Order, public *ckks.PublicKey, j committee.Journal) (_ committee.Faults, err error) {
	defer func() { err = t.end(err) }()
	active := o.Active()
	if len(active) != len(t.conns) {
		return nil, badTable("it has other places than the audit members")
	}
	if err := checkSeat(m, active[t.self]); err != nil {
		return nil, err
	}
	mine, err := m.Serve(o, nil, j)
	if err != nil {
		return nil, err
	}
	a := assembly{t, about("audit", o.Bytes()), active}
	said, err := a.tell(ctx, "audit", []committee.Message{mine}, []int{o.Most()})
	if err != nil {
		return nil, err
	}
	found, err := o.Suspects(public, said)
	return found, a.placed(err)
}
