package trio

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"manx/privacy"
	"manx/privacy/mpc"
	"manx/privacy/reveal"
	"manx/privacy/seal"
	"manx/privacy/secagg/bounded"
)

// A member is a site with its keys.
type member struct {
	key      ed25519.PrivateKey
	identity seal.Identity
}

func (m member) Sign(b []byte) []byte { return ed25519.Sign(m.key, b) }
func (m member) OpenMessage(sealed []byte) ([]byte, error) {
	return seal.OpenMessage(sealed, m.identity)
}

// A table is a round, its sites, and pipes among those that compute.
type table struct {
	Round
	members []member

	mu    sync.Mutex
	pipes map[string]net.Conn // the end that the other takes
}

func newTable(t testing.TB, sites int, pool []int, parts ...Part) *table {
	t.Helper()
	out := &table{Round: Round{ID: [32]byte{7}, Threshold: 3, Pool: pool, Parts: parts}, pipes: map[string]net.Conn{}}
	for range sites {
		public, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		out.Sites = append(out.Sites, public)
		identity, err := seal.NewIdentity()
		if err != nil {
			t.Fatal(err)
		}
		out.members = append(out.members, member{key, identity})
	}
	if err := out.Check(); err != nil {
		t.Fatal(err)
	}
	return out
}

// connect gives a place its ends of the pipes of a session.
func (b *table) connect(place int) func(context.Context, [32]byte, int, int) (net.Conn, net.Conn, error) {
	end := func(session [32]byte, from, to int) net.Conn {
		b.mu.Lock()
		defer b.mu.Unlock()
		name := fmt.Sprintf("%x %d %d", session[:8], min(from, to), max(from, to))
		if c, ok := b.pipes[name]; ok {
			delete(b.pipes, name)
			return c
		}
		mine, other := net.Pipe()
		b.pipes[name] = other
		return mine
	}
	return func(_ context.Context, session [32]byte, next, previous int) (net.Conn, net.Conn, error) {
		return end(session, place, next), end(session, place, previous), nil
	}
}

func (b *table) to(t Try) (to [mpc.Parties]seal.Recipient) {
	for k, p := range t.Trio {
		to[k] = b.members[p].identity.Recipient()
	}
	return to
}

// dealt has sites deal updates, by place; nil is absent.
func (b *table) dealt(t testing.TB, at Try, all [][]bounded.Update) map[int]Dealing {
	t.Helper()
	out := map[int]Dealing{}
	for place, u := range all {
		if u == nil {
			continue
		}
		m, err := b.Deal(at, place, b.members[place], b.to(at), privacy.Hide(u))
		if err != nil {
			t.Fatal(err)
		}
		if out[place], err = b.ReadDealing(m, at, place); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// compute has the three compute, and returns what they sign and their shares.
func (b *table) compute(t testing.TB, at Try, of map[int]Dealing) (ready, shares [mpc.Parties][]byte, err error) {
	t.Helper()
	var g errgroup.Group
	for k, place := range at.Trio {
		g.Go(func() error {
			w, err := b.Work(at, place, of)
			if err != nil {
				return err
			}
			m := b.members[place]
			said, share, err := b.Compute(t.Context(), Computer{Place: place, Signer: m, Opener: m, Connect: b.connect(place), Patience: 20 * time.Second,
				Measure: func(s *mpc.Session, a *bounded.Admitted) ([]float64, error) {
					return []float64{float64(len(a.In()))}, nil
				}}, w)
			if err != nil {
				return err
			}
			ready[k], shares[k] = said, share.Reveal(reveal.Token{})
			if p, err := b.Ready(said, at, place); err != nil || p != k {
				t.Errorf("party %d says it is %d (%v)", k, p, err)
			}
			return b.notAlone(said)
		})
	}
	return ready, shares, g.Wait()
}

// notAlone fails where a site tells its share after its own word alone.
func (b *table) notAlone(own []byte) error {
	if b.MayTell(own, [mpc.Parties][]byte{own, own, own}) == nil {
		return errors.New("a share is told where one of the three alone has signed")
	}
	return nil
}

func parts() []Part {
	return []Part{{Length: 5, Bound: 2, Minimum: 1, Most: 100}, {Length: 3, Bound: 1, Minimum: 1, Most: 1}}
}

func updates(n int) (all [][]bounded.Update) {
	for i := range n {
		x := float64(i + 1)
		all = append(all, []bounded.Update{{Values: []float64{0.1 * x, -0.2, 0.3, 0, 0.05 * x}, Weight: uint32(10 * (i + 1))}, {Values: []float64{0.1, 0, 0.02 * x}, Weight: 1}})
	}
	return all
}

// The sum is that of those whose updates are all within their bounds; any two of the
// three shares make it, and a share that is not what was signed is left out, or refused.
func TestASumByThree(t *testing.T) {
	b := newTable(t, 5, []int{1, 2, 4}, parts()...)
	at, ok := b.Trio(1, func(int) bool { return true })
	if !ok || at.Trio != [3]int{1, 2, 4} {
		t.Fatalf("%+v", at)
	}
	all := updates(5)
	of := b.dealt(t, at, all)
	// Site 3 deals twice the bound in its second part, by the quantised values.
	bad, err := b.deal(at, 3, b.members[3], b.to(at), func(part int) ([mpc.Parties][]byte, [mpc.Parties][32]byte, error) {
		if part == 0 {
			return b.layout(0, 5).Deal(privacy.Hide(all[3][0]))
		}
		return mpc.DealSeeds([]uint64{1, uint64(2 / b.Step(1)), 0, 0})
	})
	if err != nil {
		t.Fatal(err)
	}
	if of[3], err = b.ReadDealing(bad, at, 3); err != nil {
		t.Fatal(err)
	}
	ready, shares, err := b.compute(t, at, of)
	if err != nil {
		t.Fatal(err)
	}
	for _, gone := range []int{-1, 0, 1, 2} {
		some := shares
		if gone >= 0 {
			some[gone] = nil
		}
		sum, err := b.Join(ready, some)
		if err != nil {
			t.Fatalf("without share %d: %v", gone, err)
		}
		if !slices.Equal(sum.Sites, []int{0, 1, 2, 4}) || !slices.Equal(sum.Out, []int{3}) || sum.Parts[0].Weight != 10+20+30+50 {
			t.Fatalf("%+v", sum)
		}
		want := 0.0
		for _, i := range sum.Sites {
			want += float64(all[i][0].Weight) * all[i][0].Values[0]
		}
		if math.Abs(sum.Parts[0].Totals[0]-want) > 1e-3 || math.Abs(sum.Parts[1].Totals[0]-0.4) > 1e-6 {
			t.Errorf("totals %v and %v, not %g", sum.Parts[0].Totals, sum.Parts[1].Totals, want)
		}
	}
	wrong := shares
	wrong[0] = bytes.Clone(shares[0])
	wrong[0][len(wrong[0])-1] ^= 1
	if b.Share(ready[0], wrong[0]) == nil || b.Share(ready[0], shares[1]) == nil || b.Share(ready[1], shares[1]) != nil {
		t.Error("a share is taken that its site has not signed, or not taken")
	}
	if sum, err := b.Join(ready, wrong); err != nil || len(sum.Sites) != 4 {
		t.Errorf("one false share of three: %v", err)
	}
	wrong[1] = nil
	if _, err := b.Join(ready, wrong); err == nil {
		t.Error("a false share and one that fits make a sum")
	}
	told, err := b.Tell(ready)
	if err != nil || !slices.Equal(told.Out, []int{3}) || !slices.Equal(told.Values, []float64{4}) {
		t.Errorf("%+v (%v)", told, err)
	}
	// What one says alone, or another round's, is nothing.
	if _, err := b.Tell([mpc.Parties][]byte{ready[0], ready[0], ready[2]}); err == nil {
		t.Error("two of the three are enough")
	}
	other := b.Round
	other.ID[0]++
	if _, err := other.Tell(ready); err == nil {
		t.Error("another round's words are taken")
	}
}

// A site that has signed one set of sites tells no share of another's sum: not even where
// the coordinator has the three of another try sign.
func TestInvariant2_NoSecondSetOfARound(t *testing.T) {
	b := newTable(t, 4, []int{0, 1, 2, 3}, parts()...)
	all := updates(4)
	first := Try{1, [3]int{0, 1, 2}}
	ready, _, err := b.compute(t, first, b.dealt(t, first, all))
	if err != nil {
		t.Fatal(err)
	}
	second := Try{2, [3]int{0, 1, 3}}
	some := [][]bounded.Update{all[0], all[1], nil, all[3]}
	of := b.dealt(t, second, some)
	w, err := b.Work(second, 1, of)
	if err != nil {
		t.Fatal(err)
	}
	bound, err := b.Bound(ready[1])
	if err != nil {
		t.Fatal(err)
	}
	set, err := b.Set(w)
	if err != nil || slices.Equal(bound, set) || !slices.Equal(set, []int{0, 1, 3}) {
		t.Errorf("a site bound to %v is to compute with %v and does not see it (%v)", bound, set, err)
	}
	// And were the others of that try to go on, the first's three words do not help.
	again, _, err := b.compute(t, second, of)
	if err != nil {
		t.Fatal(err)
	}
	for _, mixed := range [][mpc.Parties][]byte{{again[0], ready[1], again[2]}, {ready[0], ready[1], again[2]}, {ready[0], again[1], ready[2]}} {
		if b.MayTell(ready[1], mixed) == nil {
			t.Error("a share is told where the three have signed different sets")
		}
	}
	if b.MayTell(ready[1], ready) != nil || b.MayTell(ready[1], again) == nil {
		t.Error("a site tells its share for another's word, or not for its own")
	}
}

// A site whose dealing cannot be opened, or is not what it signed, is named; too few sites
// have no sum; and messages of other sites, tries and rounds are refused.
func TestWhatIsRefused(t *testing.T) {
	b := newTable(t, 4, []int{0, 1, 2}, parts()...)
	at := Try{1, [3]int{0, 1, 2}}
	all := updates(4)
	of := b.dealt(t, at, all)
	strange := of[3]
	strange.m.Sealed[1] = of[2].m.Sealed[1]
	of[3] = strange
	w, err := b.Work(at, 1, of)
	if err != nil {
		t.Fatal(err)
	}
	named := &UnusableError{}
	if _, _, err := b.Compute(t.Context(), Computer{Place: 1, Signer: b.members[1], Opener: b.members[1]}, w); !errors.As(err, &named) || !slices.Equal(named.Sites, []int{3}) {
		t.Errorf("%v", err)
	}
	few := map[int]Dealing{0: of[0], 1: of[1]}
	if w, err = b.Work(at, 0, few); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.Compute(t.Context(), Computer{Place: 0, Signer: b.members[0], Opener: b.members[0]}, w); !errors.Is(err, ErrTooFew) {
		t.Errorf("%v", err)
	}
	if _, err := b.Work(at, 3, of); err == nil {
		t.Error("one who is not of the three gets work")
	}
	good, err := b.Deal(at, 2, b.members[2], b.to(at), privacy.Hide(all[2]))
	if err != nil {
		t.Fatal(err)
	}
	var m dealt
	if err := json.Unmarshal(good, &m); err != nil {
		t.Fatal(err)
	}
	for what, try := range map[string]func() error{
		"another place": func() error { _, err := b.ReadDealing(good, at, 1); return err },
		"another try":   func() error { _, err := b.ReadDealing(good, Try{2, at.Trio}, 2); return err },
		"another three": func() error { _, err := b.ReadDealing(good, Try{1, [3]int{0, 2, 1}}, 2); return err },
		"another's key": func() error {
			m, err := b.Deal(at, 2, b.members[1], b.to(at), privacy.Hide(all[2]))
			return errors.Join(err, second(b.ReadDealing(m, at, 2)))
		},
		"not in the pool": func() error {
			_, err := b.Deal(Try{1, [3]int{0, 1, 3}}, 2, b.members[2], b.to(at), privacy.Hide(all[2]))
			return err
		},
		"one twice": func() error {
			_, err := b.Deal(Try{1, [3]int{0, 1, 1}}, 2, b.members[2], b.to(at), privacy.Hide(all[2]))
			return err
		},
		"a part short": func() error { _, err := b.Deal(at, 2, b.members[2], b.to(at), privacy.Hide(all[2][:1])); return err },
		"beyond its bound": func() error {
			_, err := b.Deal(at, 2, b.members[2], b.to(at), privacy.Hide([]bounded.Update{{Values: []float64{3, 0, 0, 0, 0}, Weight: 1}, all[2][1]}))
			return err
		},
	} {
		if try() == nil {
			t.Errorf("%s: taken", what)
		}
	}
	for what, change := range map[string]func(*Round){
		"two in the pool":  func(r *Round) { r.Pool = r.Pool[:2] },
		"five in the pool": func(r *Round) { r.Pool = []int{0, 1, 2, 3, 4} },
		"one twice":        func(r *Round) { r.Pool = []int{0, 1, 1} },
		"no parts":         func(r *Round) { r.Parts = nil },
		"no bound":         func(r *Round) { r.Parts = []Part{{Length: 1, Minimum: 1, Most: 1}} },
	} {
		r := b.Round
		if change(&r); r.Check() == nil {
			t.Errorf("%s: taken", what)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// FuzzMessages: whatever comes is a message of the round or an error.
func FuzzMessages(f *testing.F) {
	b := newTable(f, 4, []int{0, 1, 2}, parts()...)
	at := Try{1, [3]int{0, 1, 2}}
	good, err := b.Deal(at, 2, b.members[2], b.to(at), privacy.Hide(updates(4)[2]))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"try":1,"trio":[0,1,2],"dealt":[]}`))
	f.Add([]byte(`{"said":"e30=","sig":""}`))
	f.Fuzz(func(t *testing.T, m []byte) {
		if d, err := b.ReadDealing(m, at, 2); err == nil && !ed25519.Verify(b.Sites[2], append([]byte(aDealing), d.m.Said...), d.m.Sig) {
			t.Error("a dealing that its site has not signed")
		}
		if _, err := b.Ready(m, at, 1); err == nil {
			t.Error("nobody has signed that")
		}
		if set, err := b.Set(m); err == nil && len(set) > 0 {
			t.Error("nobody has dealt that")
		}
		if _, _, err := b.Compute(t.Context(), Computer{Place: 0, Signer: b.members[0], Opener: b.members[0]}, m); err == nil {
			t.Error("something was computed")
		}
	})
}
