package secagg

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"manx/privacy"
)

// account is a key that signs.
type account ed25519.PrivateKey

// newAccount and seedOf make the same keys in every run, so that inputs that fuzzing
// found stay what they were.
func newAccount(n, i int) account {
	seed := sha256.Sum256(fmt.Appendf(nil, "account %d %d", n, i))
	return account(ed25519.NewKeyFromSeed(seed[:]))
}

func seedOf(n, i int) privacy.Secret[[32]byte] {
	return privacy.Hide(sha256.Sum256(fmt.Appendf(nil, "seed %d %d", n, i)))
}

func (a account) Public() ed25519.PublicKey {
	return ed25519.PrivateKey(a).Public().(ed25519.PublicKey)
}
func (a account) Sign(m []byte) []byte { return ed25519.Sign(ed25519.PrivateKey(a), m) }

// party is one side of a round, which may be killed and begun again.
type party struct {
	account account
	seed    privacy.Secret[[32]byte]
	dir     string
	files   *Files
	site    *Site
	c       Contribution
}

// world is a round with all its sides in one process.
type world struct {
	t           testing.TB
	round       Round
	coordinator party
	hub         *Coordinator
	sites       []*party
}

func newWorld(t testing.TB, n, threshold, length int) *world {
	w := &world{t: t, round: Round{Threshold: threshold, Length: length, Clip: 2, Most: 1000, Minimum: 10}}
	w.coordinator = party{account: newAccount(n, n), seed: seedOf(n, n), dir: t.TempDir()}
	w.round.Coordinator = w.coordinator.account.Public()
	rnd := rand.New(rand.NewPCG(1, uint64(n)))
	w.round.ID[0] = byte(n)
	for i := range n {
		p := &party{account: newAccount(n, i), seed: seedOf(n, i), dir: t.TempDir(), c: Contribution{Weight: 10 + rnd.Uint32N(991)}}
		for range length {
			p.c.Values = append(p.c.Values, 4*rnd.Float64()-2)
		}
		w.sites = append(w.sites, p)
		w.round.Sites = append(w.round.Sites, p.account.Public())
	}
	return w
}

func (p *party) open(t testing.TB) *Files {
	if p.files != nil {
		if err := p.files.Close(); err != nil {
			t.Fatal(err)
		}
	}
	f, err := OpenFiles(p.dir)
	if err != nil {
		t.Fatal(err)
	}
	p.files = f
	return f
}

// start begins all sides, or begins them again where their journals end.
func (w *world) start() {
	w.startHub()
	for i := range w.sites {
		w.startSite(i)
	}
}

func (w *world) startHub() {
	var err error
	if w.hub, err = NewCoordinator(w.round, w.coordinator.account, w.coordinator.seed, w.coordinator.open(w.t)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) startSite(i int) {
	p := w.sites[i]
	var err error
	if p.site, err = NewSite(w.round, p.account, p.seed, p.open(w.t)); err != nil {
		w.t.Fatal(err)
	}
}

// answer gives a site's message of a step, 1 to 5.
func (p *party) answer(step int, told []byte) ([]byte, error) {
	switch step {
	case 1:
		return p.site.Keys()
	case 2:
		return p.site.Shares(told)
	case 3:
		return p.site.Masked(told, privacy.Hide(p.c))
	case 4:
		return p.site.Agree(told)
	default:
		return p.site.Unmask(told)
	}
}

// run goes through a round in which site i sends nothing from step gone[i] on. seen
// hears of every message.
func (w *world) run(gone map[int]int, seen func(step, site int, m []byte)) (Sum, error) {
	told := map[int][]byte{}
	for step := 1; step <= 5; step++ {
		for i, p := range w.sites {
			at, leaves := gone[i]
			if _, in := told[i]; leaves && at <= step || step > 1 && !in {
				continue
			}
			m, err := p.answer(step, told[i])
			if err != nil {
				return Sum{}, fmt.Errorf("site %d, step %d: %w", i, step, err)
			}
			if seen != nil {
				seen(step, i, m)
			}
			if err := w.hub.Take(m); err != nil {
				return Sum{}, fmt.Errorf("from site %d, step %d: %w", i, step, err)
			}
		}
		if step == 5 {
			break
		}
		var err error
		if told, err = w.hub.Close(); err != nil {
			return Sum{}, err
		}
	}
	return w.hub.Sum()
}

// expect compares a sum with what the sites of it hold.
func (w *world) expect(s Sum, sites ...int) {
	w.t.Helper()
	if !slices.Equal(s.Sites, sites) {
		w.t.Fatalf("the sum is of sites %v, not %v", s.Sites, sites)
	}
	want, weight := make([]float64, w.round.Length), uint64(0)
	for _, i := range sites {
		weight += uint64(w.sites[i].c.Weight)
		for k, v := range w.sites[i].c.Values {
			want[k] += v * float64(w.sites[i].c.Weight)
			if w.sites[i].c.Noise != nil {
				want[k] += float64(w.sites[i].c.Noise[k]) * w.round.Step() * float64(w.round.Most)
			}
		}
	}
	if s.Weight != weight {
		w.t.Errorf("weight %d, not %d", s.Weight, weight)
	}
	off := 0.0
	for k := range want {
		off = max(off, math.Abs(s.Totals[k]-want[k]))
	}
	if most := float64(len(sites)) / 2 * w.round.Step() * float64(w.round.Most) * 1.0001; off > most {
		w.t.Errorf("totals are off by %g, rounding explains %g", off, most)
	}
}

func others(n int, without ...int) (out []int) {
	for i := range n {
		if !slices.Contains(without, i) {
			out = append(out, i)
		}
	}
	return out
}

func TestTheCoordinatorGetsTheSum(t *testing.T) {
	for _, n := range []int{3, 4, 10} {
		w := newWorld(t, n, Majority(n), 300)
		w.start()
		s, err := w.run(nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		w.expect(s, others(n)...)
		if m := s.Mean(); math.Abs(m[0]*float64(s.Weight)-s.Totals[0]) > 1e-9 {
			t.Error("the mean is not the total over the weight")
		}
	}
}

// The largest values, weights and noise that are allowed, of one sign, at the most
// sites: the sum is still what it should be.
func TestNothingOverflows(t *testing.T) {
	for _, sign := range []float64{1, -1} {
		w := newWorld(t, 10, 7, 4)
		w.round.Noise, w.round.Most = 1, math.MaxUint32/10
		for _, p := range w.sites {
			p.c.Weight = w.round.Most
			most := int64(sign * math.Floor(w.round.Noise/w.round.Step()))
			for i := range p.c.Values {
				p.c.Values[i] = sign * w.round.Clip
			}
			p.c.Noise = []int64{most, most, most, most}
		}
		w.start()
		s, err := w.run(nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		w.expect(s, others(10)...)
	}
}

func TestUpdatesOutOfBoundsAreRefused(t *testing.T) {
	for name, change := range map[string]func(c *Contribution){
		"beyond the clip":          func(c *Contribution) { c.Values[2] = -2.0001 },
		"no number":                func(c *Contribution) { c.Values[0] = math.NaN() },
		"infinite":                 func(c *Contribution) { c.Values[0] = math.Inf(1) },
		"another length":           func(c *Contribution) { c.Values = c.Values[1:] },
		"below the minimum cohort": func(c *Contribution) { c.Weight = 9 },
		"a weight too large":       func(c *Contribution) { c.Weight = 1001 },
		"noise without a bound":    func(c *Contribution) { c.Noise = []int64{0, 1, 0, 0} },
		"noise of another length":  func(c *Contribution) { c.Noise = []int64{0} },
	} {
		w := newWorld(t, 3, 3, 4)
		change(&w.sites[1].c)
		w.start()
		if _, err := w.run(nil, nil); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// A hospital that vanishes at any message neither stops the round nor is opened.
func TestASiteMayVanishAtAnyMessage(t *testing.T) {
	for step := 1; step <= 5; step++ {
		for i := range 4 {
			w := newWorld(t, 4, 3, 50)
			w.start()
			s, err := w.run(map[int]int{i: step}, nil)
			if err != nil {
				t.Fatalf("site %d from step %d: %v", i, step, err)
			}
			if step <= 3 {
				w.expect(s, others(4, i)...)
			} else {
				w.expect(s, others(4)...) // its masked update had arrived
			}
		}
	}
	w := newWorld(t, 10, 7, 50)
	w.start()
	s, err := w.run(map[int]int{2: 2, 7: 3, 9: 5}, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.expect(s, others(10, 2, 7)...)
}

func TestBelowTheThresholdTheMissingAreNamed(t *testing.T) {
	for step := 1; step <= 5; step++ {
		w := newWorld(t, 4, 3, 5)
		w.start()
		_, err := w.run(map[int]int{0: step, 3: step}, nil)
		short, ok := errors.AsType[*ShortError](err)
		if !ok || !slices.Equal(short.Missing, []int{0, 3}) {
			t.Errorf("step %d: %v", step, err)
		}
	}
}

// Late messages, messages twice, and a step that goes on when one more answers.
func TestMessagesOutOfTurn(t *testing.T) {
	w := newWorld(t, 4, 3, 5)
	w.start()
	var keys [4][]byte
	for i := range keys {
		keys[i], _ = w.sites[i].site.Keys()
	}
	for range 2 { // the second time is nothing new
		for _, i := range []int{0, 1} {
			if err := w.hub.Take(keys[i]); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := w.hub.Close(); err == nil {
		t.Fatal("closed with two of three")
	}
	if err := w.hub.Take(keys[2]); err != nil {
		t.Fatal(err)
	}
	if got := w.hub.Missing(); !slices.Equal(got, []int{3}) {
		t.Errorf("missing: %v", got)
	}
	told, err := w.hub.Close()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.hub.Take(keys[3]); err == nil {
		t.Error("a late message is taken")
	}
	if _, err := w.sites[0].site.Masked(told[0], privacy.Hide(w.sites[0].c)); err == nil {
		t.Error("a site masks before it has dealt")
	}
	if _, err := w.sites[3].site.Shares(told[0]); err == nil {
		t.Error("a site goes on with a roster that it is not in")
	}
	if w.hub.Step() != 2 {
		t.Errorf("step %d after the first was closed", w.hub.Step())
	}
	if _, err := w.hub.Sum(); err == nil {
		t.Error("a sum before its time")
	}
}

func TestRoundsOutOfBounds(t *testing.T) {
	good := newWorld(t, 4, 3, 5).round
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(r *Round){
		"two sites":              func(r *Round) { r.Sites = r.Sites[:2]; r.Threshold = 2 },
		"a site twice":           func(r *Round) { r.Sites[1] = r.Sites[0] },
		"half is enough":         func(r *Round) { r.Threshold = 2 },
		"more than there are":    func(r *Round) { r.Threshold = 5 },
		"no coordinator":         func(r *Round) { r.Coordinator = nil },
		"no values":              func(r *Round) { r.Length = 0 },
		"too many values":        func(r *Round) { r.Length = MaxLength + 1 },
		"no clip":                func(r *Round) { r.Clip = 0 },
		"a clip that is none":    func(r *Round) { r.Clip = math.Inf(1) },
		"weights that overflow":  func(r *Round) { r.Most = math.MaxUint32/4 + 1 },
		"no minimum":             func(r *Round) { r.Minimum = 0 },
		"an odd sparse graph":    func(r *Round) { r.Degree, r.Needed = 1, 2 },
		"shares beside a degree": func(r *Round) { r.Needed = 2 },
	} {
		r := good
		r.Sites = slices.Clone(good.Sites)
		change(&r)
		if r.Check() == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestNothingPrints(t *testing.T) {
	w := newWorld(t, 3, 3, 5)
	w.start()
	p := w.sites[0]
	key := p.site.secrets.masking().Bytes()
	for _, s := range []string{fmt.Sprintf("%v", p.site), fmt.Sprintf("%+v", *p.site), fmt.Sprintf("%#v", p.site.secrets), fmt.Sprint(p.seed)} {
		if bytes.Contains([]byte(s), key) || bytes.Contains([]byte(s), fmt.Appendf(nil, "%v", key)) || bytes.Contains([]byte(s), fmt.Appendf(nil, "%x", key)) {
			t.Error("a secret key prints")
		}
	}
}
