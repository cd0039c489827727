package committee_test

import (
	"errors"
	"slices"
	"testing"

	"manx/ml/ckks"
	he "manx/privacy/ckks"
	"manx/privacy/ckks/committee"
	"manx/privacy/notice"
)

// blamed returns the numbers of the members that an error names.
func blamed(t testing.TB, err error) (out []int) {
	t.Helper()
	isNotice(t, err)
	f, ok := errors.AsType[committee.Faults](err)
	if !ok {
		t.Fatalf("nobody is named: %v", err)
	}
	for _, x := range f {
		out = append(out, x.Member)
	}
	t.Log(err)
	return out
}

func isNotice(t testing.TB, err error) {
	t.Helper()
	if _, ok := errors.AsType[*notice.Error](err); !ok {
		t.Fatalf("not a notice: %v", err)
	}
}

// wrongs are what a message can suffer on its way, or its sender do to it.
var wrongs = map[string]func(m committee.Message) []committee.Message{
	"missing":   func(committee.Message) []committee.Message { return nil },
	"cut":       func(m committee.Message) []committee.Message { return []committee.Message{m[:len(m)-1]} },
	"cut short": func(m committee.Message) []committee.Message { return []committee.Message{m[:20]} },
	"too long": func(m committee.Message) []committee.Message {
		return []committee.Message{append(slices.Clone(m), make([]byte, 4<<20)...)}
	},
	"bent in its body": func(m committee.Message) []committee.Message {
		m = slices.Clone(m)
		m[len(m)/2] ^= 1
		return []committee.Message{m}
	},
	"of another version": func(m committee.Message) []committee.Message {
		m = slices.Clone(m)
		m[3] = 9
		return []committee.Message{m}
	},
	"of another session": func(m committee.Message) []committee.Message {
		m = slices.Clone(m)
		m[10] ^= 1
		return []committee.Message{m}
	},
}

// spoil returns messages with the first of a sender's spoilt.
func spoil(said []committee.Message, from int, how func(committee.Message) []committee.Message) (out []committee.Message) {
	done := false
	for _, m := range said {
		if m.From() == from && !done {
			out, done = append(out, how(m)...), true
			continue
		}
		out = append(out, m)
	}
	return out
}

// A founding, its members' messages wrong one after the other in every round:
// the sender is named, and with the right message it goes on.
func TestFoundingNamesWhoeverSpoilsIt(t *testing.T) {
	tb := sit(t, he.Shared, 2, 3)
	var all []*committee.Founding
	var said []committee.Message
	for _, id := range tb.identities {
		f, out, err := committee.Found(tb.charter, id)
		if err != nil {
			t.Fatal(err)
		}
		all, said = append(all, f), append(said, out...)
	}
	stale := said
	for round := range 4 {
		in := to(said, 1)
		for what, how := range wrongs {
			if _, err := all[0].Next(spoil(in, 3, how)); err == nil {
				t.Fatalf("round %d: a message %s is taken", round+1, what)
			} else if got := blamed(t, err); !slices.Equal(got, []int{3}) {
				t.Fatalf("round %d, %s: named %v", round+1, what, got)
			}
		}
		if round > 0 { // replayed from the first round
			old := slices.DeleteFunc(slices.Clone(stale), func(m committee.Message) bool { return m.From() != 2 })
			_, err := all[0].Next(append(slices.DeleteFunc(slices.Clone(in), func(m committee.Message) bool { return m.From() == 2 && m.To() == 0 }), old...))
			if got := blamed(t, err); !slices.Equal(got, []int{2}) {
				t.Fatalf("round %d, replayed: named %v", round+1, got)
			}
		}
		// Two at once, one of them silent.
		_, err := all[0].Next(spoil(spoil(in, 2, wrongs["missing"]), 3, wrongs["cut"]))
		if got := blamed(t, err); !slices.Equal(got, []int{2, 3}) {
			t.Fatalf("round %d: named %v", round+1, got)
		}
		if _, err := all[0].Next([]committee.Message{{1, 2, 3}}); !notice.Is(err, notice.Invalid) {
			t.Fatalf("round %d: bytes from nobody: %v", round+1, err)
		}
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
	if _, err := all[0].Next(nil); !notice.Is(err, notice.Conflict) {
		t.Errorf("a founding that is over: %v", err)
	}
}

// A member that signs what is false: another share than it committed to, shares
// of the public key that differ by reader, a polynomial that is none.
func TestFoundingFindsLies(t *testing.T) {
	for what, c := range map[string]struct {
		round  int // whose messages are changed
		sealed bool
		at     int // of the byte
		want   []int
	}{
		"other share than committed": {1, false, 40, []int{3}},
		"a share off its polynomial": {1, true, 40, []int{2, 3}}, // the dealer, or who was dealt it
		"saw something else":         {2, false, 5, []int{3}},
		"another challenge":          {2, false, 40, []int{3}},
		"shows another sum":          {3, false, 40, []int{1, 3}}, // the dealer, or who shows it
	} {
		tb := sit(t, he.Shared, 2, 4)
		var all []*committee.Founding
		var said []committee.Message
		for _, id := range tb.identities {
			f, out, err := committee.Found(tb.charter, id)
			if err != nil {
				t.Fatal(err)
			}
			all, said = append(all, f), append(said, out...)
		}
		var failed error
		for round := range 4 {
			if round == c.round {
				for i, m := range said {
					if m.From() == 3 && (m.To() != 0) == c.sealed && (!c.sealed || m.To() == 2) {
						reader := tb.identities[max(m.To(), 1)-1]
						said[i] = committee.Lie(tb.identities[2], tb.charter, m, reader, func(b []byte) { b[c.at] ^= 1 })
					}
				}
			}
			var next []committee.Message
			for i, f := range all {
				out, err := f.Next(to(said, i+1))
				if err != nil && i == 0 {
					failed = err
				}
				next = append(next, out...)
			}
			if failed != nil {
				break
			}
			said = next
		}
		if failed == nil {
			t.Fatalf("%s: nobody noticed", what)
		}
		if got := blamed(t, failed); !slices.Equal(got, c.want) {
			t.Errorf("%s: named %v", what, got)
		}
	}
}

// Members fall away, or send what is wrong, while evaluation keys are made: they
// are named, and others make them under a new commission.
func TestKeysAreMadeByWhoeverIsThere(t *testing.T) {
	tb := found(t, he.Shared, 2, 3)
	needs := he.Needs{{Rotation: 0, Level: 4}, {Rotation: 5, Level: 4}}
	w, err := tb.charter.Commission([]int{1, 2}, needs)
	if err != nil {
		t.Fatal(err)
	}
	promises := tb.promise(w, needs)
	for what, how := range wrongs {
		_, err := tb.members[0].Forge(w, spoil(promises, 2, how), tb.journals[0])
		if got := blamed(t, err); !slices.Equal(got, []int{2}) {
			t.Errorf("a promise %s: named %v", what, got)
		}
	}
	var said []committee.Message
	for _, m := range []int{1, 2} {
		out, err := tb.members[m-1].Forge(w, promises, tb.journals[m-1])
		if err != nil {
			t.Fatal(err)
		}
		again, err := tb.reborn(m).Forge(w, promises, tb.journals[m-1])
		if err != nil || !slices.EqualFunc(out, again, slices.Equal) {
			t.Fatalf("asked again a member gives other shares: %v", err)
		}
		said = append(said, out...)
	}
	if _, err := tb.members[2].Forge(w, promises, tb.journals[2]); !notice.Is(err, notice.Denied) {
		t.Errorf("a member that the commission does not name: %v", err)
	}
	for what, how := range wrongs {
		_, err := tb.members[0].Relinearise(w, promises, spoil(said, 2, how), tb.journals[0])
		if got := blamed(t, err); !slices.Equal(got, []int{2}) {
			t.Errorf("%s: named %v", what, got)
		}
	}
	// A member that chooses her share when she has seen the others': she cannot
	// keep her promise, nor put another in its place.
	chosen := slices.Clone(said)
	for i, m := range chosen {
		if m.From() == 2 {
			chosen[i] = committee.Lie(tb.identities[1], tb.charter, m, tb.identities[1], func(b []byte) { b[0] ^= 1 })
			break
		}
	}
	_, err = tb.members[0].Relinearise(w, promises, chosen, tb.journals[0])
	if got := blamed(t, err); !slices.Equal(got, []int{2}) {
		t.Errorf("a promise that is not kept: named %v", got)
	}
	later := []committee.Message{promises[0], committee.Lie(tb.identities[1], tb.charter, promises[1], tb.identities[1], func(b []byte) { b[0] ^= 1 })}
	if _, err := tb.members[0].Relinearise(w, later, chosen, tb.journals[0]); !notice.Is(err, notice.Conflict) {
		t.Errorf("a promise made afterwards: %v", err)
	}
	if _, err := tb.members[0].Forge(w, later, tb.journals[0]); !notice.Is(err, notice.Conflict) {
		t.Errorf("shares are shown upon other promises: %v", err)
	}
	var b counting
	if err := w.WriteKeys(&b, said); err == nil {
		t.Error("keys without the second round are written")
	} else if got := blamed(t, err); !slices.Equal(got, []int{1, 2}) {
		t.Errorf("the second round is missing: named %v", got)
	}
	tb.keys([]int{1, 3}, needs)
}

type counting int64

func (c *counting) Write(b []byte) (int, error) { *c += counting(len(b)); return len(b), nil }

// Members fall away at each message of a decryption, or send what is wrong: they
// are named, a new order with others opens the result, and it is counted.
func TestResultsAreOpenedByWhoeverIsThere(t *testing.T) {
	tb := found(t, he.Shared, 2, 3)
	p, err := ckks.CompileShared(card(1), [32]byte{1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := tb.evaluate(p.Plan, tb.keys([]int{1, 2}, p.Needs()), applicant(1))
	o, err := tb.charter.Order([]int{1, 2}, c, p.Results())
	if err != nil {
		t.Fatal(err)
	}
	said := tb.serve(o, c)
	for what, how := range wrongs {
		_, err := o.Combine(tb.public(), c, spoil(said, 2, how))
		if got := blamed(t, err); !slices.Equal(got, []int{2}) {
			t.Errorf("%s: named %v", what, got)
		}
	}
	// Replayed from another order of the same result.
	other, err := tb.charter.Order([]int{2, 3}, c, p.Results())
	if err != nil {
		t.Fatal(err)
	}
	replayed := tb.serve(other, c)[0]
	_, err = o.Combine(tb.public(), c, []committee.Message{said[0], replayed})
	if got := blamed(t, err); !slices.Equal(got, []int{2}) {
		t.Errorf("replayed: named %v", got)
	}
	// A member says two things.
	lie := committee.Lie(tb.identities[1], tb.charter, said[1], tb.identities[1], func(b []byte) { b[0] ^= 1 })
	_, err = o.Combine(tb.public(), c, append(slices.Clone(said), lie))
	if got := blamed(t, err); !slices.Equal(got, []int{2}) {
		t.Errorf("two messages: named %v", got)
	}
	// Another's signature.
	forged := committee.Lie(tb.identities[2], tb.charter, said[1], tb.identities[1], func([]byte) {})
	_, err = o.Combine(tb.public(), c, []committee.Message{said[0], forged})
	if got := blamed(t, err); !slices.Equal(got, []int{2}) {
		t.Errorf("forged: named %v", got)
	}
	if _, err := o.Combine(tb.public(), c, said); err != nil {
		t.Error(err)
	}
	if got := tb.open([]int{1, 3}, c, p.Results(), committee.Round); len(got) != 1 {
		t.Error(got)
	}
	for i, want := range []int{4, 4, 4} { // a result and a check each, in two orders
		if n, _ := tb.journals[i].Spent(); n != want {
			t.Errorf("member %d has counted %d values, want %d", i+1, n, want)
		}
	}
}

// A wrong share is found by the check, and its member by putting others' together.
func TestAWrongShareIsFoundAndItsMemberNamed(t *testing.T) {
	tb := found(t, he.Shared, 2, 4)
	p, err := ckks.CompileShared(card(1), [32]byte{1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := tb.evaluate(p.Plan, tb.keys([]int{1, 2}, p.Needs()), applicant(1))
	tb.members[1].Bend()
	o, err := tb.charter.Order([]int{1, 2}, c, p.Results())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Combine(tb.public(), c, tb.serve(o, c)); !notice.Is(err, notice.Integrity) {
		t.Fatalf("a wrong share passed the check: %v", err)
	} else {
		t.Log(err)
	}
	for _, x := range []struct{ base, want []int }{{[]int{1, 2}, []int{2}}, {[]int{1, 3}, nil}, {[]int{2, 4}, []int{2}}} {
		a, err := tb.charter.Audit(x.base)
		if err != nil {
			t.Fatal(err)
		}
		said := tb.serve(a, nil)
		named, err := a.Suspects(tb.public(), said)
		if err != nil {
			t.Fatal(err)
		}
		var got []int
		for _, f := range named {
			got = append(got, f.Member)
		}
		if !slices.Equal(got, x.want) {
			t.Errorf("audit of %v named %v", x.base, got)
		}
		_, err = a.Suspects(tb.public(), spoil(said, 4, wrongs["cut"]))
		if got := blamed(t, err); !slices.Equal(got, []int{4}) {
			t.Errorf("a malformed answer to an audit: named %v", got)
		}
	}
	tb.members[0].Bend()
	tb.members[3].Bend()
	a, err := tb.charter.Audit([]int{1, 2})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Suspects(tb.public(), tb.serve(a, nil)); !notice.Is(err, notice.Integrity) {
		t.Errorf("three wrong shares of four: %v", err)
	}
}
