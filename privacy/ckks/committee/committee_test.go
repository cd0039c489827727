package committee_test

import (
	"bytes"
	"fmt"
	"testing"

	"manx/privacy/ckks"
	"manx/privacy/ckks/committee"
)

// A table is a committee in one process: every member with its identity and its
// journal.
type table struct {
	t          testing.TB
	charter    *committee.Charter
	identities []committee.Identity
	members    []*committee.Member
	journals   []*journal
}

// sit returns a charter for need of n members, not founded.
func sit(t testing.TB, set ckks.Set, need, n int) *table {
	t.Helper()
	tb := &table{t: t}
	var seats []committee.Seat
	for i := range n {
		id, err := committee.NewIdentity()
		if err != nil {
			t.Fatal(err)
		}
		tb.identities = append(tb.identities, id)
		tb.journals = append(tb.journals, newJournal())
		seats = append(seats, id.Seat(fmt.Sprintf("organisation %d", i+1)))
	}
	var err error
	if tb.charter, err = committee.NewCharter(set, need, seats); err != nil {
		t.Fatal(err)
	}
	return tb
}

// found runs the founding, all messages to all.
func found(t testing.TB, set ckks.Set, need, n int) *table {
	t.Helper()
	tb := sit(t, set, need, n)
	var all []*committee.Founding
	var said []committee.Message
	for _, id := range tb.identities {
		f, out, err := committee.Found(tb.charter, id)
		if err != nil {
			t.Fatal(err)
		}
		all, said = append(all, f), append(said, out...)
	}
	for range 4 {
		var next []committee.Message
		for i, f := range all {
			out, err := f.Next(to(said, i+1))
			if err != nil {
				t.Fatal(err)
			}
			next = append(next, out...)
		}
		said = next
	}
	for _, f := range all {
		m, err := f.Member()
		if err != nil {
			t.Fatal(err)
		}
		tb.members = append(tb.members, m)
	}
	return tb
}

// to returns the messages for a member.
func to(all []committee.Message, member int) (out []committee.Message) {
	for _, m := range all {
		if m.To() == 0 || m.To() == member {
			out = append(out, m)
		}
	}
	return out
}

func (tb *table) public() *ckks.PublicKey { return tb.members[0].PublicKey() }

// keys makes the evaluation keys that a plan needs.
func (tb *table) keys(active []int, needs ckks.Needs) *ckks.EvaluationKeys {
	tb.t.Helper()
	w, err := tb.charter.Commission(active, needs)
	if err != nil {
		tb.t.Fatal(err)
	}
	said := tb.forge(w, tb.promise(w, needs))
	var b bytes.Buffer
	if err := w.WriteKeys(&b, said); err != nil {
		tb.t.Fatal(err)
	}
	keys, err := ckks.ReadEvaluationKeys(tb.t.Context(), &b, tb.charter.Set(), needs)
	if err != nil {
		tb.t.Fatal(err)
	}
	return keys
}

// promise collects the members' promises, where the keys need any.
func (tb *table) promise(w *committee.Commission, needs ckks.Needs) (said []committee.Message) {
	tb.t.Helper()
	for _, m := range w.Active() {
		if needs[0].Rotation == 0 {
			out, err := tb.members[m-1].Promise(w)
			if err != nil {
				tb.t.Fatal(err)
			}
			said = append(said, out)
		}
	}
	return said
}

// forge collects the members' shares of keys, of both rounds.
func (tb *table) forge(w *committee.Commission, promises []committee.Message) (said []committee.Message) {
	tb.t.Helper()
	for _, m := range w.Active() {
		out, err := tb.members[m-1].Forge(w, promises, tb.journals[m-1])
		if err != nil {
			tb.t.Fatal(err)
		}
		said = append(said, out...)
	}
	if len(promises) == 0 {
		return said
	}
	var second []committee.Message
	for _, m := range w.Active() {
		out, err := tb.members[m-1].Relinearise(w, promises, said, tb.journals[m-1])
		if err != nil {
			tb.t.Fatal(err)
		}
		second = append(second, out)
	}
	return append(said, second...)
}

// serve collects the active members' messages for an order.
func (tb *table) serve(o *committee.Order, c *ckks.Ciphertext) (said []committee.Message) {
	tb.t.Helper()
	for _, m := range o.Active() {
		out, err := tb.members[m-1].Serve(o, c, tb.journals[m-1])
		if err != nil {
			tb.t.Fatal(err)
		}
		said = append(said, out)
	}
	return said
}

// first returns 1 to n.
func first(n int) (out []int) {
	for i := range n {
		out = append(out, i+1)
	}
	return out
}

// A journal in memory. It can fail before or after it has written.
type journal struct {
	entries       map[[32]byte]committee.Entry
	before, after error
}

func newJournal() *journal { return &journal{entries: map[[32]byte]committee.Entry{}} }

func (j *journal) Read(s [32]byte) (committee.Entry, bool, error) {
	e, ok := j.entries[s]
	return e, ok, nil
}

func (j *journal) Write(s [32]byte, e committee.Entry) error {
	if j.before != nil {
		return j.before
	}
	if _, ok := j.entries[s]; ok {
		return committee.ErrTaken
	}
	j.entries[s] = e
	return j.after
}

func (j *journal) Spent() (n int, _ error) {
	for _, e := range j.entries {
		n += e.Values
	}
	return n, nil
}
