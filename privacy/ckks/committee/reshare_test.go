package committee_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"testing"

	"manx/ml/ckks"
	"manx/ml/clear"
	he "manx/privacy/ckks"
	"manx/privacy/ckks/committee"
	"manx/privacy/notice"
)

func hexOf(b [32]byte) string { return hex.EncodeToString(b[:]) }

// reshare runs the sharing of the key to the next charter's members.
func (tb *table) reshare(next *committee.Charter, as []committee.Identity, active []int) (out []*committee.Member) {
	tb.t.Helper()
	var said, ready []committee.Message
	for _, m := range active {
		x, err := tb.members[m-1].Reshare(next, active, tb.journals[m-1])
		if err != nil {
			tb.t.Fatal(err)
		}
		said = append(said, x...)
	}
	for i, id := range as {
		m, word, err := committee.Join(next, tb.charter, id, active, tb.public(), to(said, i+1))
		if err != nil {
			tb.t.Fatal(err)
		}
		out, ready = append(out, m), append(ready, word)
	}
	if err := committee.Ready(next, tb.charter, active, ready); err != nil {
		tb.t.Fatal(err)
	}
	if got := blamed(tb.t, committee.Ready(next, tb.charter, active, ready[1:])); !slices.Equal(got, []int{1}) {
		tb.t.Fatalf("a member that is not ready: named %v", got)
	}
	return out
}

// Members leave and join: the key and what is encrypted under it stay, the old
// serve until the new are ready, and then no longer.
func TestMembersLeaveAndJoinWithoutAPause(t *testing.T) {
	tb := found(t, he.Shared, 2, 3)
	p, err := ckks.CompileShared(card(1), [32]byte{1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	keys := tb.keys([]int{1, 2}, p.Needs())
	c := tb.evaluate(p.Plan, keys, applicant(1))
	want, err := clear.Run(card(1), applicant(1))
	if err != nil {
		t.Fatal(err)
	}
	score := func(tb *table, active []int) {
		t.Helper()
		if got := tb.open(active, c, p.Results(), committee.Round); float64(int64(got[0])) != want[0] {
			t.Fatalf("members %v open %d, want %g", active, int64(got[0]), want[0])
		}
	}
	// Organisation 1 leaves, three join, and three of five are needed.
	var seats []committee.Seat
	young := &table{t: t, identities: slices.Clone(tb.identities[1:])}
	for i := range 3 {
		id, err := committee.NewIdentity()
		if err != nil {
			t.Fatal(err)
		}
		young.identities = append(young.identities, id)
		seats = append(seats, id.Seat(fmt.Sprintf("newcomer %d", i+1)))
	}
	next, err := tb.charter.Succeed(3, append(tb.charter.Seats()[1:], seats...))
	if err != nil {
		t.Fatal(err)
	}
	young.charter = next
	for range 5 {
		young.journals = append(young.journals, newJournal())
	}
	// A first try, in which member 3 falls away or sends what is wrong.
	said, err := tb.members[0].Reshare(next, []int{1, 3}, tb.journals[0])
	if err != nil {
		t.Fatal(err)
	}
	other, err := tb.members[2].Reshare(next, []int{1, 3}, tb.journals[2])
	if err != nil {
		t.Fatal(err)
	}
	for what, how := range wrongs {
		_, _, err := committee.Join(next, tb.charter, young.identities[4], []int{1, 3}, tb.public(), spoil(to(append(slices.Clone(said), other...), 5), 3, how))
		if got := blamed(t, err); !slices.Equal(got, []int{3}) {
			t.Fatalf("%s: named %v", what, got)
		}
	}
	// A public key that somebody put in the place of the committee's.
	foreign := found(t, he.Shared, 2, 2).public()
	_, _, err = committee.Join(next, tb.charter, young.identities[4], []int{1, 3}, foreign, to(append(slices.Clone(said), other...), 5))
	if got := blamed(t, err); !slices.Equal(got, []int{1, 3}) {
		t.Fatalf("another public key: named %v", got)
	}
	score(tb, []int{1, 3})
	// The second try, by others.
	young.members = tb.reshare(next, young.identities, []int{1, 2})
	score(tb, []int{2, 3})
	score(young, []int{1, 3, 5})
	score(young, []int{2, 4, 5})
	for _, m := range tb.members {
		m.Destroy()
		m.Destroy()
	}
	o, err := tb.charter.Order([]int{1, 2}, c, p.Results())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tb.members[0].Serve(o, c, tb.journals[0]); !notice.Is(err, notice.Denied) {
		t.Errorf("a destroyed share serves: %v", err)
	}
	if _, err := tb.members[0].Keep(); !notice.Is(err, notice.Denied) {
		t.Errorf("a destroyed share is kept: %v", err)
	}
	// The new members make keys for another plan, and the old key still encrypts.
	var old, now bytes.Buffer
	_, _ = tb.members[0].PublicKey().WriteTo(&old)
	_, _ = young.public().WriteTo(&now)
	if !bytes.Equal(old.Bytes(), now.Bytes()) {
		t.Error("the public key changed")
	}
	c = young.evaluate(p.Plan, young.keys([]int{2, 3, 4}, p.Needs()), applicant(1))
	score(young, []int{1, 2, 3})
	// Old and new shares do not mix.
	if _, err := young.members[0].Serve(o, c, young.journals[0]); !notice.Is(err, notice.Invalid) {
		t.Errorf("an order of the old charter: %v", err)
	}
	if a, err := next.Audit([]int{1, 2, 3}); err != nil {
		t.Error(err)
	} else if f, err := a.Suspects(young.public(), young.serve(a, nil)); err != nil || len(f) != 0 {
		t.Errorf("an audit after sharing anew: %v, %v", f, err)
	}
	later, err := next.Succeed(2, next.Seats())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := committee.Join(later, tb.charter, young.identities[0], []int{1, 2}, tb.public(), nil); !notice.Is(err, notice.Invalid) {
		t.Errorf("a charter that skips one: %v", err)
	}
}
