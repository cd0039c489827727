package psi

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	mrand "math/rand/v2"
	"slices"
	"strings"
	"testing"

	"manx/privacy"
	"manx/privacy/notice"
)

func session(t testing.TB, k Kind) Session {
	t.Helper()
	s := Session{Kind: k, Purpose: "shared patients before a trial", Minimum: 5}
	_, _ = rand.Read(s.ID[:])
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	return s
}

func seed() privacy.Secret[[32]byte] {
	var b [32]byte
	_, _ = rand.Read(b[:])
	return privacy.Hide(b)
}

func holder(t testing.TB, s Session, ids []string) *Holder {
	t.Helper()
	list := make([][]byte, len(ids))
	for i, id := range ids {
		list[i] = []byte(id)
	}
	h, err := NewHolder(s, list, seed())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func must[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// run takes two lists through a whole session.
func run(t testing.TB, s Session, first, second []string) (results [2]Result, seen [][]byte) {
	t.Helper()
	a, b := holder(t, s, first), holder(t, s, second)
	ma, mb := a.Blinded(), b.Blinded()
	ta, tb := must[[]byte](t)(a.Tags(mb)), must[[]byte](t)(b.Tags(ma))
	ra, rb, _, err := Compare(s, ta, tb)
	if err != nil {
		t.Fatal(err)
	}
	return [2]Result{must[Result](t)(a.Result(ra)), must[Result](t)(b.Result(rb))}, [][]byte{ma, mb, ta, tb, ra, rb}
}

// lists draws two lists that share some identifiers, in any order.
func lists(r *mrand.Rand, shared, first, second int) (a, b []string) {
	for i := range shared {
		a, b = append(a, fmt.Sprintf("shared-%d", i)), append(b, fmt.Sprintf("shared-%d", i))
	}
	for i := range first {
		a = append(a, fmt.Sprintf("first-%d", i))
	}
	for i := range second {
		b = append(b, fmt.Sprintf("second-%d", i))
	}
	r.Shuffle(len(a), func(i, j int) { a[i], a[j] = a[j], a[i] })
	r.Shuffle(len(b), func(i, j int) { b[i], b[j] = b[j], b[i] })
	return a, b
}

func TestIntersections(t *testing.T) {
	r := mrand.New(mrand.NewPCG(1, 2))
	for _, c := range []struct{ shared, first, second int }{{5, 0, 0}, {5, 1, 300}, {40, 17, 3}, {256, 0, 44}, {0, 3, 3}, {4, 30, 30}} {
		first, second := lists(r, c.shared, c.first, c.second)
		for _, kind := range []Kind{Count, Join} {
			results, _ := run(t, session(t, kind), first, second)
			if c.shared < 5 {
				if !results[0].Below || !results[1].Below || results[0].Count != 0 || results[0].Matches != nil {
					t.Errorf("%+v: below the minimum, the holders learn %+v", c, results)
				}
				continue
			}
			for _, got := range results {
				if got.Below || got.Count != c.shared || (kind == Count) != (got.Matches == nil) {
					t.Fatalf("%+v: %+v", c, got)
				}
			}
			keys := map[int]bool{}
			for i, m := range results[0].Matches {
				if n := results[1].Matches[i]; m.Key != n.Key || first[m.Item] != second[n.Item] || keys[m.Key] {
					t.Fatalf("key %d is of another identifier on each side", m.Key)
				}
				keys[m.Key] = true
			}
			if kind == Join && len(keys) != c.shared {
				t.Errorf("%d of %d are joined", len(keys), c.shared)
			}
		}
	}
}

// Neither identifiers nor anything that stays the same between sessions is in
// what travels, and one secret alone does not recompute the tags.
func TestInvariant1_MessagesShowNoIdentifier(t *testing.T) {
	first, second := lists(mrand.New(mrand.NewPCG(3, 4)), 20, 5, 5)
	s := session(t, Join)
	_, seen := run(t, s, first, second)
	_, other := run(t, session(t, Join), first, second)
	parts := map[string]bool{}
	for _, m := range seen {
		for _, id := range first {
			if bytes.Contains(m, []byte(id)) {
				t.Fatalf("a message holds %q", id)
			}
			if p := curve25519().hashed(s.binding(), []byte(id)); bytes.Contains(m, p[:]) {
				t.Fatal("a message holds an identifier's point unblinded")
			}
		}
	}
	for i, m := range seen[:4] {
		for b := m[headerSize:]; len(b) > 0; b = b[32:] {
			parts[string(b[:32])] = true
		}
		for b := other[i][headerSize:]; len(b) > 0; b = b[32:] {
			if parts[string(b[:32])] {
				t.Fatal("two sessions send the same value")
			}
		}
	}
	h := holder(t, s, first)
	for _, v := range []string{fmt.Sprint(h), fmt.Sprintf("%+v", h), fmt.Sprintf("%#v", h)} {
		if strings.Contains(v, "secret") || len(v) > 32 {
			t.Errorf("a holder prints as %s", v)
		}
	}
}

// A list's size is told only to the next multiple of 256.
func TestSizesAreRounded(t *testing.T) {
	s := session(t, Count)
	for n, want := range map[int]int{1: padTo, 200: padTo, padTo: padTo, padTo + 1: 2 * padTo} {
		ids, _ := lists(mrand.New(mrand.NewPCG(9, 9)), 0, n, 0)
		if m := holder(t, s, ids).Blinded(); len(m) != headerSize+want*32 {
			t.Errorf("%d identifiers are sent as %d bytes", n, len(m))
		}
	}
}

func TestInvariant9_HostileMessages(t *testing.T) {
	s := session(t, Join)
	first, second := lists(mrand.New(mrand.NewPCG(5, 6)), 9, 3, 3)
	a, b := holder(t, s, first), holder(t, s, second)
	blinded := b.Blinded()
	tagsA, tagsB := must[[]byte](t)(a.Tags(blinded)), must[[]byte](t)(b.Tags(a.Blinded()))
	answerA, _, _, err := Compare(s, tagsA, tagsB)
	if err != nil {
		t.Fatal(err)
	}
	edit := func(m []byte, f func(m []byte) []byte) []byte { return f(slices.Clone(m)) }
	strange := session(t, Join)
	zero := make([]byte, 32)
	for name, m := range map[string][]byte{
		"nothing":            nil,
		"another session's":  holder(t, strange, second).Blinded(),
		"cut":                blinded[:len(blinded)-1],
		"another step's":     tagsA,
		"a count too large":  edit(blinded, func(m []byte) []byte { binary.BigEndian.PutUint32(m[headerSize-4:], 1<<31); return m }),
		"a value twice":      edit(blinded, func(m []byte) []byte { copy(m[headerSize+32:], m[headerSize:headerSize+32]); return m }),
		"a small order":      edit(blinded, func(m []byte) []byte { copy(m[headerSize:], zero); return m }),
		"own points, echoed": a.Blinded(),
	} {
		if _, err := a.Tags(m); !notice.Is(err, notice.Invalid) && !notice.Is(err, notice.Integrity) {
			t.Errorf("%s: %v", name, err)
		}
		if _, _, _, err := Compare(s, m, tagsB); err == nil && name != "another step's" {
			t.Errorf("%s passes as tags", name)
		}
	}
	if _, _, _, err := Compare(s, edit(tagsA, func(m []byte) []byte {
		binary.BigEndian.PutUint32(m[headerSize-4:], 7)
		return m[:headerSize+7*32]
	}), tagsB); !notice.Is(err, notice.Invalid) {
		t.Errorf("a list that is not filled up: %v", err)
	}
	at := func(i int) int { return headerSize + 8*i }
	for name, m := range map[string][]byte{
		"nothing":          nil,
		"cut":              answerA[:len(answerA)-8],
		"a larger count":   edit(answerA, func(m []byte) []byte { m[at(0)+7]++; return m }),
		"below, with rows": edit(answerA, func(m []byte) []byte { clear(m[at(0):at(1)]); return m }),
		"a place twice":    edit(answerA, func(m []byte) []byte { copy(m[at(2):at(2)+4], m[at(1):]); return m }),
		"keys out of turn": edit(answerA, func(m []byte) []byte { m[at(1)+7] = 1; return m }),
		"a place outside":  edit(answerA, func(m []byte) []byte { m[at(1)] = 9; return m }),
		"a place of nobody": edit(answerA, func(m []byte) []byte {
			binary.BigEndian.PutUint32(m[at(1):], uint32(slices.IndexFunc(a.order, func(i int) bool { return i >= a.count })))
			return m
		}),
	} {
		if r, err := a.Result(m); !notice.Is(err, notice.Invalid) && !notice.Is(err, notice.Integrity) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	if r, err := a.Result(answerA); err != nil || r.Count != 9 {
		t.Errorf("the answer itself: %+v, %v", r, err)
	}
}

func TestListsAndSessionsThatCannotBe(t *testing.T) {
	s := session(t, Count)
	for name, ids := range map[string][][]byte{"none": nil, "an empty one": {[]byte("a"), {}}, "one twice": {[]byte("secret-mrn"), []byte("b"), []byte("secret-mrn")}} {
		_, err := NewHolder(s, ids, seed())
		if !notice.Is(err, notice.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret-mrn") {
			t.Errorf("the error tells an identifier: %v", err)
		}
	}
	for name, f := range map[string]func(*Session){
		"no kind":            func(s *Session) { s.Kind = 0 },
		"no purpose":         func(s *Session) { s.Purpose = "" },
		"a minimum of 1":     func(s *Session) { s.Minimum = 1 },
		"a minimum too high": func(s *Session) { s.Minimum = MaxItems + 1 },
	} {
		c := s
		f(&c)
		if c.Check() == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// An interrupted holder that begins again sends the same messages, and reads the
// answer to those sent before.
func TestInvariant8_TheSameSeedGoesOn(t *testing.T) {
	s, k := session(t, Join), seed()
	first, second := lists(mrand.New(mrand.NewPCG(7, 8)), 6, 3, 4)
	ids := make([][]byte, len(first))
	for i, id := range first {
		ids[i] = []byte(id)
	}
	a, again := must[*Holder](t)(NewHolder(s, ids, k)), must[*Holder](t)(NewHolder(s, ids, k))
	b := holder(t, s, second)
	if !bytes.Equal(a.Blinded(), again.Blinded()) {
		t.Error("the same seed gives other points")
	}
	ta, tb := must[[]byte](t)(a.Tags(b.Blinded())), must[[]byte](t)(b.Tags(a.Blinded()))
	if !bytes.Equal(ta, must[[]byte](t)(again.Tags(b.Blinded()))) {
		t.Error("the same seed gives other tags")
	}
	answer, _, _, err := Compare(s, ta, tb)
	if err != nil {
		t.Fatal(err)
	}
	want, got := must[Result](t)(a.Result(answer)), must[Result](t)(must[*Holder](t)(NewHolder(s, ids, k)).Result(answer))
	if got.Count != 6 || !slices.Equal(got.Matches, want.Matches) {
		t.Errorf("%+v, and begun again %+v", want, got)
	}
	if other := must[*Holder](t)(NewHolder(session(t, Join), ids, k)); bytes.Contains(other.Blinded(), a.points[0][:]) {
		t.Error("another session under the same seed sends the same points")
	}
}

func TestIdentifiers(t *testing.T) {
	if !bytes.Equal(Identifier(" Ann  LEE ", "1980-01-02"), Identifier("ann lee", "1980-01-02")) {
		t.Error("the same person is two")
	}
	if bytes.Equal(Identifier("a", "bc"), Identifier("ab", "c")) {
		t.Error("two persons are one")
	}
}

func FuzzMessages(f *testing.F) {
	s := Session{ID: [32]byte{1}, Kind: Join, Purpose: "fuzz", Minimum: 5}
	h, err := NewHolder(s, [][]byte{[]byte("a"), []byte("b")}, seed())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(write(s, stepBlinded, h.points[:4]))
	f.Add(write(s, stepTags, h.points[:4]))
	f.Add(answer(s, 0, nil))
	f.Add(answer(s, 5, []int{0, 1, 2, 3, 4}))
	f.Fuzz(func(t *testing.T, m []byte) {
		if out, err := h.Tags(m); err == nil && len(out) != len(m) {
			t.Fatal("tags of another number of points")
		}
		if r, err := h.Result(m); err == nil && (r.Count > h.count || len(r.Matches) > h.count) {
			t.Fatal("more is shared than there is")
		}
		_, _, _, _ = Compare(s, m, m)
	})
}

// BenchmarkSession is one holder's work over 10,000 identifiers, and the counter's.
func BenchmarkSession(b *testing.B) {
	s := session(b, Join)
	ids := make([][]byte, 10000)
	for i := range ids {
		ids[i] = fmt.Appendf(nil, "patient-%d", i)
	}
	for b.Loop() {
		h, err := NewHolder(s, ids, seed())
		if err != nil {
			b.Fatal(err)
		}
		other, err := NewHolder(s, ids, seed())
		if err != nil {
			b.Fatal(err)
		}
		m := h.Blinded()
		own := must[[]byte](b)(h.Tags(other.Blinded()))
		if _, _, n, err := Compare(s, own, must[[]byte](b)(other.Tags(m))); err != nil || n != len(ids) {
			b.Fatal(n, err)
		}
		b.ReportMetric(float64(len(m)+len(own)), "bytes-up")
	}
	b.ReportMetric(float64(2*len(ids))*float64(b.N)/b.Elapsed().Seconds(), "identifiers/s")
}
