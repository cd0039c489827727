package mpc_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"manx/privacy/mpc"
)

func TestJoin(t *testing.T) {
	values := integers(20, 64)
	shares, err := mpc.Deal(values)
	if err != nil {
		t.Fatal(err)
	}
	for _, who := range [][]int{{0, 1}, {1, 2}, {2, 0}, {0, 1, 2}, {2, 1, 0}} {
		var some []mpc.Share
		for _, i := range who {
			some = append(some, shares[i])
		}
		if got, err := mpc.Join(some...); err != nil || !slices.Equal(got, values) {
			t.Errorf("%v: %v", who, err)
		}
	}
	for _, some := range [][]mpc.Share{nil, {shares[0]}, {shares[0], shares[0]}, {shares[0], {}}, {shares[0], shares[1].Slice(0, 3)}} {
		if _, err := mpc.Join(some...); err == nil {
			t.Errorf("%v joined", some)
		}
	}
}

// altered returns a share with one bit of one component's first value flipped.
func altered(t *testing.T, s mpc.Share, components ...int) mpc.Share {
	t.Helper()
	b, err := s.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range components {
		b[77+8*k*s.Len()] ^= 1
	}
	out, err := mpc.ReadShare(b, s.Party(), s.Len())
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestJoinNamesWhoStandsAlone(t *testing.T) {
	for liar := range mpc.Parties {
		shares, err := mpc.Deal(integers(5, 64))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			components []int
			party      int
		}{{[]int{0, 1}, liar}, {[]int{0}, -1}, {[]int{1}, -1}} {
			some := slices.Clone(shares[:])
			some[liar] = altered(t, shares[liar], c.components...)
			_, err = mpc.Join(some...)
			var e *mpc.InconsistentError
			if !errors.As(err, &e) || !errors.Is(err, mpc.ErrInconsistent) || e.Party != c.party {
				t.Errorf("party %d, components %v: %v", liar, c.components, err)
				continue
			}
			if c.party < 0 && e.Component != (liar+c.components[0])%mpc.Parties {
				t.Errorf("party %d, components %v: component %d", liar, c.components, e.Component)
			}
		}
	}
}

// TestInvariant1_SharesDoNotPrint: no verb shows a value or a component.
func TestInvariant1_SharesDoNotPrint(t *testing.T) {
	shares, err := mpc.Deal([]uint64{1234567})
	if err != nil {
		t.Fatal(err)
	}
	b, err := shares[0].MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	component := fmt.Sprint(uint64(b[77]) | uint64(b[78])<<8 | uint64(b[79])<<16 | uint64(b[80])<<24 | uint64(b[81])<<32 | uint64(b[82])<<40 | uint64(b[83])<<48 | uint64(b[84])<<56)
	hidden := struct{ s mpc.Share }{shares[0]}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x"} {
		for _, v := range []any{shares[0], &shares[0], shares, hidden, []any{shares[0]}} {
			if got := fmt.Sprintf(verb, v); strings.Contains(got, "1234567") || strings.Contains(got, component) {
				t.Errorf("%s printed %q", verb, got)
			}
		}
	}
	if _, err := json.Marshal(shares[0]); err == nil {
		t.Error("a share became JSON")
	}
}

func TestDigests(t *testing.T) {
	values := make([]uint64, 3)
	one, err := mpc.Deal(values)
	if err != nil {
		t.Fatal(err)
	}
	all := mpc.Digests(one)
	for i, s := range one {
		if d := s.Digests(); d[0] != all[i] || d[1] != all[(i+1)%mpc.Parties] {
			t.Errorf("party %d's digests are not of the components", i)
		}
		if altered(t, s, 0).Digests() == s.Digests() {
			t.Error("another component, the same digest")
		}
	}
	two, err := mpc.Deal(values)
	if err != nil {
		t.Fatal(err)
	}
	if mpc.Digests(two) == all {
		t.Error("two dealings have the same digests")
	}
}

func TestFixed(t *testing.T) {
	for _, c := range []struct {
		x  float64
		v  int64
		ok bool
	}{
		{0, 0, true}, {1, 65536, true}, {-1, -65536, true}, {1.0 / 131072, 0, true}, {3.0 / 131072, 2, true},
		{math.Nextafter(1<<31, 0), 1 << 47, true}, {-(1<<31 - 1), -(1<<31 - 1) << 16, true},
		{1 << 31, 0, false}, {-(1 << 31), 0, false}, {math.NaN(), 0, false}, {math.Inf(1), 0, false},
	} {
		v, err := mpc.Fixed(c.x)
		if (err == nil) != c.ok || int64(v) != c.v || err != nil && !errors.Is(err, mpc.ErrRange) {
			t.Errorf("%v: %d, %v", c.x, int64(v), err)
		}
		if c.ok && math.Abs(mpc.Real(v)-c.x) > 1.0/131072 {
			t.Errorf("%v came back as %v", c.x, mpc.Real(v))
		}
	}
}

// TestShapes: vectors that do not fit each other are refused before anything is sent.
func TestShapes(t *testing.T) {
	x, y := integers(6, 64), integers(5, 64)
	run(t, mpc.SemiHonest, func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) {
		for name, f := range map[string]func() (mpc.Share, error){
			"mul":       func() (mpc.Share, error) { return s.Mul(in[0], in[1]) },
			"add":       func() (mpc.Share, error) { return s.AddPublic(in[0], y) },
			"less":      func() (mpc.Share, error) { return s.Less(in[0], in[1]) },
			"matrix":    func() (mpc.Share, error) { return s.MatMul(in[0], in[1], 2, 3, 2) },
			"negative":  func() (mpc.Share, error) { return s.MatMul(in[0], in[1], -2, -3, -1) },
			"dot":       func() (mpc.Share, error) { return s.Dot(in[0], in[0], 4) },
			"max":       func() (mpc.Share, error) { return s.Max(in[0], 4) },
			"argmax":    func() (mpc.Share, error) { return s.ArgMax(in[0], 0) },
			"truncate":  func() (mpc.Share, error) { return s.Truncate(in[0], 62) },
			"bits":      func() (mpc.Share, error) { return s.RandomBits(-1) },
			"foreigner": func() (mpc.Share, error) { return s.Mul(in[0], foreign(t, s.Party())) },
		} {
			if _, err := f(); err == nil {
				t.Errorf("%s: fits", name)
			}
		}
		return in[0], nil
	}, x, y)
}

func foreign(t *testing.T, party int) mpc.Share {
	shares, err := mpc.Deal(make([]uint64, 6))
	if err != nil {
		t.Error(err)
	}
	return shares[(party+1)%mpc.Parties]
}
