package secagg

import (
	"bytes"
	"crypto/ecdh"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"manx/privacy"
)

// A coordinator that says of one site to some that it is gone, and to others that
// it stays, would hold both of its secrets. With whatever it makes of signatures
// that it has, one of the two groups opens nothing.
func TestTheCoordinatorThatLiesAboutWhoDroppedIsRefused(t *testing.T) {
	const n, victim = 4, 3
	w := newWorld(t, n, 3, 10)
	w.start()
	told := w.until(4) // survivors: all
	// The other truth, in the form that Close would have given it.
	gone := set(others(n, victim))
	lie := func(to int) []byte {
		return append(survivors.head(w.hub.digest, to, 0), gone.bitmap(n)...)
	}
	var truthful, lied [n][]byte
	for i, p := range w.sites {
		var err error
		if i < 2 {
			truthful[i], err = p.site.Agree(told[i])
		} else if i == 2 {
			lied[i], err = p.site.Agree(lie(i))
		} else {
			truthful[i], err = p.site.Agree(told[i])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	// Who has signed one truth signs no other.
	if _, err := w.sites[0].site.Agree(lie(0)); err == nil {
		t.Fatal("a site signs two sets of survivors")
	}
	if _, err := w.sites[victim].site.Agree(lie(victim)); err == nil {
		t.Fatal("a site signs a set without itself")
	}
	sign := func(to int, staying, by set, from ...[]byte) []byte {
		m := append(signatures.head(w.hub.digest, to, 0), by.bitmap(n)...)
		for _, f := range from {
			m = append(m, f[len(f)-64:]...)
		}
		for _, silent := range by.without(staying.of(w.hub.graph[to], to)) {
			m = append(m, w.hub.got[maskedFrom][silent][headSize+digestSize:]...)
		}
		return m
	}
	all := set(others(n))
	// Three have signed that all stay: they may open. The one that was lied to is
	// given what there is: those signatures, fewer of them, its own again.
	for name, m := range map[string][]byte{
		"signatures of another set": sign(2, gone, set{0, 1, 3}, truthful[0], truthful[1], truthful[3]),
		"its own alone":             sign(2, gone, set{2}, lied[2]),
		"its own for everybody":     sign(2, gone, set{0, 1, 2}, lied[2], lied[2], lied[2]),
		"a mixture":                 sign(2, gone, set{0, 1, 2}, truthful[0], truthful[1], lied[2]),
		"none":                      sign(2, gone, nil),
	} {
		if _, err := w.sites[2].site.Unmask(m); err == nil {
			t.Errorf("%s: the site that was lied to opens shares", name)
		}
	}
	if _, err := w.sites[0].site.Unmask(sign(0, all, set{0, 1, 3}, truthful[0], truthful[1], truthful[3])); err != nil {
		t.Errorf("the true set, signed by a threshold: %v", err)
	}
	if _, err := w.sites[1].site.Unmask(sign(1, all, set{0, 1}, truthful[0], truthful[1])); err == nil {
		t.Error("two of four are enough")
	}
}

// until plays a round without faults up to the coordinator's messages before a
// step, which it returns.
func (w *world) until(step int) map[int][]byte {
	w.t.Helper()
	told := map[int][]byte{}
	for k := 1; k < step; k++ {
		for i, p := range w.sites {
			m, err := p.answer(k, told[i])
			if err == nil {
				err = w.hub.Take(m)
			}
			if err != nil {
				w.t.Fatal(err)
			}
		}
		var err error
		if told, err = w.hub.Close(); err != nil {
			w.t.Fatal(err)
		}
	}
	return told
}

// A masked update that was spoiled on its way, or that the journal did not take, is
// in no sum; the same once more and whole is.
func TestWhatWasSpoiledIsInNoSum(t *testing.T) {
	w := newWorld(t, 4, 3, 2*spanWords+9)
	w.start()
	files := w.hub.journal
	s, err := w.run(nil, func(step, site int, m []byte) {
		if step != 3 {
			return
		}
		for _, at := range []int{headerSize, headerSize + 4*spanWords, len(m) - 1} {
			spoiled := bytes.Clone(m)
			spoiled[at] ^= 0x40
			if err := w.hub.Take(spoiled); err == nil {
				t.Errorf("site %d: byte %d may change", site, at)
			}
		}
		w.hub.journal = full{files}
		if err := w.hub.Take(m); err == nil {
			t.Errorf("site %d: taken without a journal", site)
		}
		w.hub.journal = files
	})
	if err != nil {
		t.Fatal(err)
	}
	w.expect(s, others(4)...)
}

// full is a journal on a disk that is.
type full struct{ Journal }

func (full) Append([]byte) error { return errors.New("no space left") }

// Of no site are both secrets opened, whoever vanishes when.
func TestNeverBothSharesOfOneSite(t *testing.T) {
	for step := 1; step <= 5; step++ {
		w := newWorld(t, 5, 4, 5)
		w.start()
		kinds := map[int]map[byte]bool{}
		if _, err := w.run(map[int]int{1: step}, func(k, site int, m []byte) {
			if k != 5 {
				return
			}
			all := w.sites[site].site.shared.set
			for i, dealer := range all {
				mark := m[headSize+i*openedShare]
				if kinds[dealer] == nil {
					kinds[dealer] = map[byte]bool{}
				}
				kinds[dealer][mark] = true
			}
		}); err != nil {
			t.Fatal(err)
		}
		for dealer, k := range kinds {
			if len(k) != 1 || k[nothing] || k[ofKey] != (dealer == 1 && step == 3) {
				t.Errorf("step %d, site %d: opened %v", step, dealer, k)
			}
		}
	}
}

// A coordinator that puts a key of its own in the roster, leaves out or alters what
// a site signed, or tells two sites of different partners, is refused.
func TestTheCoordinatorCannotSwapKeysOrRosters(t *testing.T) {
	w := newWorld(t, 4, 3, 10)
	w.start()
	told := w.until(2)
	w.sites[0].account = w.coordinator.account // signs what it makes up
	forged := &Site{round: w.round, digest: w.hub.digest, signer: w.coordinator.account, place: 2, said: map[kind]said{}, journal: w.sites[0].files}
	forged.secrets, _ = newSecrets(NewSeed(), w.hub.digest)
	own, err := forged.keys()
	if err != nil {
		t.Fatal(err)
	}
	at := headSize + keySize + 1
	put := func(b []byte) []byte { // with the coordinator's signature over it
		return signed(w.coordinator.account, b[:len(b)-64])
	}
	swapped := bytes.Clone(told[1])
	copy(swapped[at+2*keysSize:], own)
	if _, err := w.sites[1].site.Shares(put(swapped)); err == nil {
		t.Error("a key that the hospital did not sign is taken")
	}
	twice := bytes.Clone(told[1])
	copy(twice[at+2*keysSize:], twice[at+3*keysSize:at+4*keysSize])
	if _, err := w.sites[1].site.Shares(put(twice)); err == nil {
		t.Error("one hospital's keys are taken for another's")
	}
	stranger := bytes.Clone(told[1])
	stranger[len(stranger)-1] ^= 1
	if _, err := w.sites[1].site.Shares(stranger); err == nil {
		t.Error("a roster that the coordinator did not sign is taken")
	}
	// Another roster is another round: the same account's keys do not fit.
	other := newWorld(t, 4, 3, 10)
	other.round.Sites = slices.Clone(w.round.Sites)
	other.round.Sites[3] = w.coordinator.account.Public()
	s, err := NewSite(other.round, w.sites[1].account, w.sites[1].seed, other.sites[1].open(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Shares(told[1]); err == nil {
		t.Error("a roster of another round is taken")
	}
	for i := 1; i < 4; i++ {
		if _, err := w.sites[i].site.Shares(told[i]); err != nil {
			t.Fatalf("the true roster: %v", err)
		}
	}
	altered := bytes.Clone(told[1])
	altered = put(altered[:len(altered)-64-keysSize])
	if _, err := w.sites[1].site.Shares(altered); err == nil {
		t.Error("a second roster is taken")
	}
}

// Where one site was told of other partners than its neighbours they open nothing, so
// between whom there are masks is the same for all of whom something is opened.
func TestDifferentPartnersAreRefused(t *testing.T) {
	w := newWorld(t, 4, 3, 10)
	w.start()
	told := w.until(3)
	few := set{0, 1, 2} // site 0 is told that 3 dealt nothing
	cut := append(sharesFor.head(w.hub.digest, 0, 0), few.bitmap(4)...)
	cut = append(cut, told[0][headSize+1:headSize+1+2*pieceSize]...)
	m, err := w.sites[0].site.Masked(cut, privacy.Hide(w.sites[0].c))
	if err != nil {
		t.Fatal(err)
	}
	if w.hub.Take(m) == nil {
		t.Error("an honest coordinator takes an update that was masked with others")
	}
	all := set{0, 1, 2, 3}
	headers := map[int][]byte{0: m[:headerSize]}
	var agreed [4][]byte
	for i, p := range w.sites {
		if i > 0 {
			m, err := p.site.Masked(told[i], privacy.Hide(p.c))
			if err != nil {
				t.Fatal(err)
			}
			headers[i] = m[:headerSize]
		}
		if agreed[i], err = p.site.Agree(append(survivors.head(w.hub.digest, i, 0), all.bitmap(4)...)); err != nil && i > 0 {
			t.Fatal(err)
		}
	}
	if agreed[0] != nil {
		t.Error("a site signs survivors that it was not told of before")
	}
	// A threshold has signed; of site 0 there is only what it masked with.
	for to := 1; to < 4; to++ {
		by := set{1, 2, 3}
		m := append(signatures.head(w.hub.digest, to, 0), by.bitmap(4)...)
		for _, i := range by {
			m = append(m, agreed[i][len(agreed[i])-64:]...)
		}
		if _, err := w.sites[to].site.Unmask(append(m, headers[0][headSize+digestSize:]...)); err == nil {
			t.Errorf("site %d opens shares, though site 0 masked with others", to)
		}
	}
}

// All but two hospitals and the coordinator pool what they see. With the same seeds
// and other updates of the two, of the same sum, all that they see is the same to
// the byte, but for the two masked vectors and what signs them; and those differ by
// what the updates differ by, one up, one down: by a mask that only the two know,
// and which is uniform, the views have one distribution.
func TestAllButTwoColludingSeeOnlyTheSum(t *testing.T) {
	const n, a, b = 4, 0, 2
	w := newWorld(t, n, 3, 40)
	a0, b0 := w.sites[a].c, w.sites[b].c
	a0.Weight, b0.Weight = 500, 500
	a1, b1 := a0, b0
	a1.Values, b1.Values = slices.Clone(a0.Values), slices.Clone(b0.Values)
	for i := range a1.Values { // the two change places: the sum stays
		a1.Values[i], b1.Values[i] = b0.Values[i], a0.Values[i]
	}
	view := func(x, y Contribution) (out map[[2]int][]byte, s Sum) {
		out = map[[2]int][]byte{}
		w.sites[a].c, w.sites[b].c = x, y
		w.coordinator.dir = t.TempDir()
		for _, p := range w.sites {
			p.dir = t.TempDir()
		}
		w.start()
		s, err := w.run(nil, func(step, site int, m []byte) { out[[2]int{step, site}] = m })
		if err != nil {
			t.Fatal(err)
		}
		return out, s
	}
	first, s0 := view(a0, b0)
	second, s1 := view(a1, b1)
	if !slices.Equal(s0.Totals, s1.Totals) || s0.Weight != s1.Weight {
		t.Fatal("the two worlds have not one sum")
	}
	for at, m := range first {
		step, site := at[0], at[1]
		if !bytes.Equal(m, second[at]) != (step == 3 && (site == a || site == b)) {
			t.Errorf("step %d, site %d: the views differ where they should not, or do not where they should", step, site)
		}
	}
	qa, qb := quantised(t, w.round, a0), quantised(t, w.round, b0)
	known := func(site int) []uint32 { // the masks that colluders and coordinator can take off
		v := make([]uint32, len(qa))
		own := w.sites[site].site
		addMasks(v, 0, []mask{newMask(maskKey(own.secrets.self(), own.digest), false)}) // its seed was opened
		for _, c := range others(n, a, b) {
			p := w.sites[c].site
			addMasks(v, 0, []mask{newMask(p.roster.masks[site](), c < site)})
		}
		return v
	}
	left := func(m []byte, site int) []uint32 {
		v, k := make([]uint32, len(qa)), known(site)
		for i := range v {
			v[i] = binary.LittleEndian.Uint32(m[headerSize+4*i:]) - k[i]
		}
		return v
	}
	la, lb := left(first[[2]int{3, a}], a), left(first[[2]int{3, b}], b)
	ra, rb := left(second[[2]int{3, a}], a), left(second[[2]int{3, b}], b)
	for i := range la {
		mask := la[i] - qa[i] // between the two
		switch {
		case lb[i]+mask != qb[i]:
			t.Fatal("what is left of the two does not cancel")
		case i > 0 && (ra[i]-mask != qb[i] || rb[i]+mask != qa[i]):
			t.Fatal("the other world is not explained by the same mask")
		case i > 0 && mask == 0:
			t.Fatal("there is no mask")
		}
	}
	// Of neither's key do the colluders hold a threshold of shares, and none was opened.
	if held := len(others(n, a, b)); held >= w.round.needed() {
		t.Errorf("the colluders hold %d shares of a key that %d make", held, w.round.needed())
	}
}

// A share that is not what was dealt is told apart, and the sum comes from the
// others; where there are too few others, who opened it is named.
func TestWrongSharesAreTold(t *testing.T) {
	lie := func(w *world, liar int) func(int, int, []byte) {
		return func(step, site int, m []byte) {
			if step == 5 && site == liar {
				m[headSize+2] ^= 1
				copy(m, signed(w.sites[site].account, m[:len(m)-64]))
			}
		}
	}
	w := newWorld(t, 5, 4, 10)
	w.start()
	s, err := w.run(nil, lie(w, 2))
	if err != nil {
		t.Fatal(err)
	}
	w.expect(s, others(5)...)

	w = newWorld(t, 4, 4, 10)
	w.start()
	if _, err := w.run(nil, lie(w, 2)); err == nil || !bytes.Contains([]byte(err.Error()), []byte("hospital 3 has opened a wrong share")) {
		t.Errorf("the liar is not named: %v", err)
	}
}

// A masked update that was altered on its way is refused, and so is one without its
// vector.
func TestAlteredUpdatesAreRefused(t *testing.T) {
	w := newWorld(t, 4, 3, 10)
	w.start()
	told := w.until(3)
	m, err := w.sites[0].site.Masked(told[0], privacy.Hide(w.sites[0].c))
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{4, 5, 10, headSize, headSize + digestSize, headerSize - 1, headerSize, len(m) - 1} {
		bad := bytes.Clone(m)
		bad[at] ^= 1
		if w.hub.Take(bad) == nil {
			t.Errorf("byte %d altered: taken", at)
		}
	}
	for _, end := range []int{0, 4, headSize, headerSize - 1, headerSize, len(m) - 4} {
		if w.hub.Take(m[:end]) == nil {
			t.Errorf("cut to %d bytes: taken", end)
		}
	}
	if w.hub.Take(append(bytes.Clone(m), 0)) == nil {
		t.Error("a byte too many: taken")
	}
	if err := w.hub.Take(m); err != nil {
		t.Error(err)
	}
}

// A hospital that deals shares of another secret than the one that it uses is named
// when they are joined.
func TestWrongDealingsAreTold(t *testing.T) {
	named := func(err error) bool {
		return err != nil && bytes.Contains([]byte(err.Error()), []byte("hospital 2 has dealt wrong shares"))
	}
	w := newWorld(t, 5, 4, 10)
	w.start()
	first, calls := w.sites[1].site.secrets.self, byte(0)
	w.sites[1].site.secrets.self = func() [secretSize]byte { // another each time
		s := first()
		calls++
		s[0] ^= calls
		return s
	}
	if _, err := w.run(nil, nil); !named(err) {
		t.Errorf("of the own mask's seed: %v", err)
	}

	w = newWorld(t, 5, 4, 10)
	w.start()
	if _, err := w.run(map[int]int{1: 3}, func(step, site int, _ []byte) {
		if step == 1 && site == 1 {
			other, err := newSecrets(seedOf(77, 77), w.hub.digest)
			if err != nil {
				t.Fatal(err)
			}
			own, calls := w.sites[1].site.secrets.masking, 0
			w.sites[1].site.secrets.masking = func() *ecdh.PrivateKey { // its own where it looks for its keys, once
				if calls++; calls == 1 {
					return own()
				}
				return other.masking()
			}
		}
	}); !named(err) {
		t.Errorf("of the masking key: %v", err)
	}
}

// Shares that do not open at one holder, altered on their way, are done without.
func TestSharesThatDoNotOpenAreDoneWithout(t *testing.T) {
	w := newWorld(t, 5, 4, 10)
	w.start()
	told := w.until(3)
	for _, at := range []int{headSize + 1, headSize + 1 + pieceSize + 2*digestSize} { // a commitment, sealed shares
		told[2][at] ^= 1
	}
	for i, p := range w.sites {
		m, err := p.answer(3, told[i])
		if err == nil {
			err = w.hub.Take(m)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for step := 4; step <= 5; step++ {
		next, err := w.hub.Close()
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range w.sites {
			m, err := p.answer(step, next[i])
			if err == nil {
				err = w.hub.Take(m)
			}
			if err != nil {
				t.Fatal(err)
			}
			if step == 5 && i == 2 && (m[headSize] != nothing || m[headSize+openedShare] != nothing || m[headSize+2*openedShare] != ofMask) {
				t.Error("a share that did not open is opened")
			}
		}
	}
	s, err := w.hub.Sum()
	if err != nil {
		t.Fatal(err)
	}
	w.expect(s, others(5)...)
}

// A dealer that seals to one holder another share than it commits to does not get
// that holder blamed: it opens nothing of it.
func TestAShareThatIsNotCommittedToIsNotOpened(t *testing.T) {
	w := newWorld(t, 5, 4, 10)
	w.start()
	s, err := w.run(nil, func(step, site int, m []byte) {
		switch {
		case step == 2 && site == 1:
			piece := m[headSize+4*digestSize+2*pieceSize:][:pieceSize] // the third holder beside: 3
			key := w.sites[1].site.sealed(3, 1, 3)
			copy(piece[2*digestSize:], sealOnce(key, make([]byte, 2*secretSize), piece[:2*digestSize]))
			copy(m, signed(w.sites[1].account, m[:len(m)-64]))
		case step == 5 && site == 3 && m[headSize+openedShare] != nothing:
			t.Error("a share is opened that its dealer did not commit to")
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	w.expect(s, others(5)...)
}
