package committee_test

import (
	"fmt"

	"manx/privacy"
	"manx/privacy/ckks"
	"manx/privacy/ckks/committee"
	"manx/privacy/mpc"
)

// Three organisations found a committee of which two serve; somebody encrypts
// under its key; a number goes to shares. What passes between members here is a
// slice; it would be connections, or blobs. Joining the members' numbers is what
// nobody does but a test: three parties add their shares with Receive, Round
// them, and give them to the recipient.
func Example() {
	var seats []committee.Seat
	var identities []committee.Identity
	for _, name := range []string{"a bank", "a hospital", "a cooperative"} {
		id, err := committee.NewIdentity()
		check(err)
		identities, seats = append(identities, id), append(seats, id.Seat(name))
	}
	charter, err := committee.NewCharter(ckks.Shared, 2, seats)
	check(err)

	var foundings []*committee.Founding
	var said []committee.Message
	for _, id := range identities {
		f, first, err := committee.Found(charter, id)
		check(err)
		foundings, said = append(foundings, f), append(said, first...)
	}
	for len(said) > 0 {
		var next []committee.Message
		for i, f := range foundings {
			out, err := f.Next(to(said, i+1)) // broadcast, and what is for member i+1
			check(err)
			next = append(next, out...)
		}
		said = next
	}
	var members []*committee.Member
	for _, f := range foundings {
		m, err := f.Member()
		check(err)
		members = append(members, m)
	}
	public := members[0].PublicKey()

	// A worker would evaluate a plan of ml/ckks.CompileShared here.
	result, err := public.Encrypt(privacy.Hide([]float64{0, 0, 612}), ckks.Shared.Floor())
	check(err)

	order, err := charter.Order([]int{1, 3}, result, []int{2}) // slot 2, of members 1 and 3
	check(err)
	said = nil
	for _, m := range order.Active() {
		share, err := members[m-1].Serve(order, result, newJournal()) // committee.OpenFiles, beside the share
		check(err)
		said = append(said, share)
	}
	opening, err := order.Combine(public, result, said)
	check(err)
	var sum uint64
	for _, m := range order.Active() {
		dealt, err := members[m-1].Deal(opening)
		check(err)
		values, err := mpc.Join(dealt[0], dealt[1])
		check(err)
		sum += values[0]
	}
	fmt.Printf("%.0f, by %v\n", float64(int64(sum))/(1<<20), members[0])
	// Output: 612, by [secret]
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
