package council

import (
	"bytes"
	"context"
	"crypto/sha256"

	"manx/privacy/ckks/committee"
)

// Forge makes the evaluation keys of a commission. The table has its active
// members alone, in its order. It returns the keys as ckks.ReadEvaluationKeys
// reads them, the same bytes at every place.
//
// After each round the places compare what they were told: a member that tells
// two others different things is found, and named with the place that says so.
// A try that fails costs the commission: make a new one. All shares of all keys
// are in memory at once: the size of the keys, once for each active member.
func Forge(ctx context.Context, t *Table, m *committee.Member, w *committee.Commission, j committee.Journal) (_ []byte, err error) {
	defer func() { err = t.end(err) }()
	active := w.Active()
	if len(active) != len(t.conns) {
		return nil, badTable("it has other places than the commission members")
	}
	if err := checkSeat(m, active[t.self]); err != nil {
		return nil, err
	}
	a := assembly{t, about("commission", w.Bytes()), active}
	most := w.Most()
	var promises, said, second []committee.Message
	needs := w.Needs()
	products := len(needs) > 0 && needs[0].Rotation == 0 // needs ascend, and 0 is relinearisation
	if products {
		word, err := m.Promise(w)
		if err != nil {
			return nil, err
		}
		if promises, err = a.tell(ctx, "promise", []committee.Message{word}, most[:1]); err != nil {
			return nil, err
		}
	}
	mine, err := m.Forge(w, promises, j)
	if err != nil {
		return nil, a.placed(err)
	}
	if said, err = a.tell(ctx, "forge", mine, most); err != nil {
		return nil, err
	}
	if products {
		word, err := m.Relinearise(w, promises, said, j)
		if err != nil {
			return nil, a.placed(err)
		}
		if second, err = a.tell(ctx, "relinearise", []committee.Message{word}, most[:1]); err != nil {
			return nil, err
		}
	}
	var out bytes.Buffer
	out.Grow(int(needs.Size(m.Charter().Set())))
	if err := w.WriteKeys(&out, append(said, second...)); err != nil {
		return nil, a.placed(err)
	}
	sum := sha256.Sum256(out.Bytes())
	return out.Bytes(), t.same(ctx, "forged", a.about, sum[:])
}

// An assembly is members that sit at a table's places, all of them, and say all
// they say to all.
type assembly struct {
	*Table
	about   [32]byte
	members []int // by place
}

func (a assembly) placed(err error) error {
	return placed(err, func(m int) int {
		for i, x := range a.members {
			if x == m {
				return i
			}
		}
		return a.self // not one of these: cannot be
	})
}

// tell says messages to all and returns everybody's, this place's among them, when
// all places have compared what they were told.
func (a assembly) tell(ctx context.Context, step string, mine []committee.Message, most []int) ([]committee.Message, error) {
	x := exchange{step, a.about, a.others(), func(i int) int { return a.members[i] }}
	in, err := a.exchange(ctx, x, mine, most)
	if err != nil {
		return nil, err
	}
	all := append(in, mine...)
	sums := make([][]byte, len(a.members))
	for i, m := range a.members {
		h := sha256.New()
		for _, x := range all {
			if x.From() == m {
				_, _ = h.Write(x) // a hash takes all
			}
		}
		sums[i] = h.Sum(nil)
	}
	return all, a.compare(ctx, step+", compared", sums)
}

// compare tells the others the digests of what each place told this one. Where
// two places were told different things, who told them and who says so are named:
// it is one of the two.
func (a assembly) compare(ctx context.Context, step string, sums [][]byte) error {
	var most []int
	for _, s := range sums {
		most = append(most, len(s))
	}
	got, err := a.take(ctx, turn{step, a.about, a.all(sums...), a.bounds(most...)})
	if err != nil {
		return err
	}
	var faults Faults
	for _, by := range a.others() {
		for of, s := range got[by] {
			switch {
			case bytes.Equal(s, sums[of]):
			case of == a.self || of == by:
				faults = append(faults, a.lied(by, "tells something else of what was told"))
			default:
				faults = append(faults, Fault{of, "told two places different things", []int{by}, lied})
			}
		}
	}
	return faults.because(nil)
}
