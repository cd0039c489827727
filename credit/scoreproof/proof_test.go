package scoreproof

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark-crypto/ecc/bls12-381/fr"
	"github.com/consensys/gnark/test"

	"manx/credit"
	"manx/credit/scorecard"
	"manx/privacy/notice"
	"manx/privacy/reveal"
)

var here = Context{Network: "demo", Lender: "credit-p-lender", Grant: "credit-grant-1", Job: "credit-job-1"}

// testKeys are made once for the whole test binary.
var testKeys = sync.OnceValues(func() (*Keys, error) {
	k, _, err := SetupAlone()
	return k, err
})

func keys(t testing.TB) *Keys {
	t.Helper()
	k, err := testKeys()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func consumerRisk(t testing.TB) *scorecard.Model {
	t.Helper()
	m, err := scorecard.ConsumerRisk()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func witnessOf(t testing.TB, seed uint64) Witness {
	t.Helper()
	f := credit.Sample(seed)
	_, o, err := Commit(f, "credit-p-borrower", 3, 20000)
	if err != nil {
		t.Fatal(err)
	}
	return Witness{f, o, consumerRisk(t)}
}

// solved runs the circuit in gnark's test engine.
func solved(t testing.TB, s Statement, w Witness) error {
	t.Helper()
	c, err := assign(s, w)
	if err != nil {
		return err
	}
	quiet()
	return test.IsSolved(&circuit{}, c, ecc.BLS12_381.ScalarField())
}

// randomFile draws every field from its range, the ends and small values more
// often than chance would.
func randomFile(t testing.TB, r *rand.Rand) *credit.File {
	t.Helper()
	var v credit.Values
	for i, f := range credit.Fields() {
		switch r.IntN(5) {
		case 0:
			v[i] = f.Min
		case 1:
			v[i] = f.Max
		case 2:
			v[i] = min(f.Max, max(f.Min, int64(r.IntN(4))))
		default:
			v[i] = f.Min + r.Int64N(f.Max-f.Min+1)
		}
	}
	file, err := credit.New(v)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// randomModel draws a scorecard of any shape within bounds.
func randomModel(t testing.TB, r *rand.Rand) *scorecard.Model {
	t.Helper()
	m := &scorecard.Model{Format: scorecard.Format, Schema: credit.Schema, Name: "random", Version: "1", Date: "2026-01-01", Base: scorecard.MaxBase}
	for _, f := range credit.FeatureList() {
		if r.IntN(4) == 0 {
			continue
		}
		limit := int64(1)<<f.Bits - 1
		bins := 2 + r.IntN(min(scorecard.MaxBins-1, int(min(limit, 8))-1))
		var upTo []int64
		for at := int64(0); len(upTo) < bins-1 && at < limit; at++ {
			if left := limit - at; left > int64(bins) && r.IntN(3) > 0 {
				at += r.Int64N(left / int64(bins))
			}
			upTo = append(upTo, at)
		}
		lost := make([]int, len(upTo)+1)
		for i := 1; i < len(lost); i++ {
			lost[i] = min(scorecard.MaxLost, lost[i-1]+r.IntN(30))
		}
		if f.Better > 0 {
			for i, j := 0, len(lost)-1; i < j; i, j = i+1, j-1 {
				lost[i], lost[j] = lost[j], lost[i]
			}
		}
		m.Features = append(m.Features, scorecard.Feature{Name: f.Name, UpTo: upTo, Lost: lost})
	}
	if len(m.Features) == 0 {
		return randomModel(t, r)
	}
	if err := m.Check(); err != nil {
		t.Fatal(err)
	}
	return m
}

// The circuit says what the scorecard says, on any file and any scorecard, and
// of no other score and no other reasons.
func TestCircuitIsTheScorecard(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 60 {
		w := Witness{File: randomFile(t, r), Model: randomModel(t, r)}
		if i%3 == 0 {
			w.File, w.Model = credit.Sample(uint64(i)), consumerRisk(t)
		}
		var err error
		if _, w.Opening, err = Commit(w.File, "credit-p-borrower", r.Uint32(), r.Uint32()); err != nil {
			t.Fatal(err)
		}
		s := State(w, here)
		if err := solved(t, s, w); err != nil {
			t.Fatalf("case %d: the circuit refuses the scorecard's own result", i)
		}
		for name, wrong := range wrongStatements(s) {
			if name == "context" {
				continue // the circuit takes any context: it is the proof that binds it
			}
			if solved(t, wrong, w) == nil {
				t.Fatalf("case %d: the circuit takes another %s", i, name)
			}
		}
	}
}

// wrongStatements returns statements that differ from s in one thing.
func wrongStatements(s Statement) map[string]Statement {
	out := map[string]Statement{}
	change := func(name string, f func(*Statement)) {
		c := s
		c.Reasons = append([]int(nil), s.Reasons...)
		f(&c)
		out[name] = c
	}
	change("higher score", func(s *Statement) { s.Score++ })
	change("commitment", func(s *Statement) { s.Commitment[31] ^= 1 })
	change("model", func(s *Statement) { s.Model[31] ^= 1 })
	change("subject", func(s *Statement) { s.Subject += "x" })
	change("sequence", func(s *Statement) { s.Sequence++ })
	change("date", func(s *Statement) { s.Date++ })
	change("context", func(s *Statement) { s.Context.Job += "2" })
	if len(s.Reasons) > 0 {
		change("list of reasons, one dropped at the end,", func(s *Statement) { s.Reasons = s.Reasons[:len(s.Reasons)-1] })
		change("list of reasons, one dropped at the start,", func(s *Statement) { s.Reasons = s.Reasons[1:] })
		for code := 1; code <= credit.FeatureCount; code++ {
			if !contains(s.Reasons, code) {
				change("last reason", func(s *Statement) { s.Reasons[len(s.Reasons)-1] = code })
				if len(s.Reasons) < scorecard.MaxReasons {
					change("list of reasons, one added,", func(s *Statement) { s.Reasons = append(s.Reasons, code) })
				}
				break
			}
		}
	}
	if len(s.Reasons) > 1 {
		change("order of reasons", func(s *Statement) { s.Reasons[0], s.Reasons[1] = s.Reasons[1], s.Reasons[0] })
	}
	return out
}

func contains(list []int, v int) bool {
	for _, x := range list {
		if x == v {
			return true
		}
	}
	return false
}

func TestProofFitsItsStatementOnly(t *testing.T) {
	k := keys(t)
	w := witnessOf(t, 3)
	s := State(w, here)
	p, err := Prove(t.Context(), k, s, w)
	if err != nil {
		t.Fatal(err)
	}
	if err := Verify(k.Verifying(), s, p); err != nil {
		t.Fatal(err)
	}
	wrong := wrongStatements(s)
	for name, f := range map[string]func(*Context){
		"network": func(c *Context) { c.Network = "other" }, "lender": func(c *Context) { c.Lender = "other" },
		"grant": func(c *Context) { c.Grant = "other" }, "job": func(c *Context) { c.Job = "other" },
		"boundary between ids": func(c *Context) { c.Lender, c.Grant = c.Lender+c.Grant[:1], c.Grant[1:] },
	} {
		c := s
		f(&c.Context)
		wrong[name] = c
	}
	for name, c := range wrong {
		if err := Verify(k.Verifying(), c, p); !notice.Is(err, notice.Integrity) {
			t.Errorf("the proof verifies for another %s: %v", name, err)
		}
		if name == "lender" || name == "grant" || name == "job" || name == "network" || name == "context" || name == "boundary between ids" {
			continue // the holder of the file may prove anew for any context
		}
		if _, err := Prove(t.Context(), k, c, w); err == nil {
			t.Errorf("another %s can be proved", name)
		}
	}
	for i := 0; i < len(p); i += 7 {
		q := p
		q[i] ^= 4
		if Verify(k.Verifying(), s, q) == nil {
			t.Errorf("a proof with byte %d changed verifies", i)
		}
	}
}

// A prover with a scorecard of its own cannot pass it off as the published one.
func TestScorecardCannotBeSwapped(t *testing.T) {
	k := keys(t)
	w := witnessOf(t, 3)
	published := w.Model
	kind := *published
	kind.Base += 100
	w.Model = &kind
	s := State(w, here)
	p, err := Prove(t.Context(), k, s, w)
	if err != nil {
		t.Fatal(err)
	}
	if err := Verify(k.Verifying(), s, p); err != nil {
		t.Fatal(err)
	}
	if low, high, err := p.Range(); err != nil || high != kind.Base || low != high-(published.Base-lowest(published)) {
		t.Errorf("range %d to %d: %v", low, high, err)
	}
	s.Model = ModelHash(published)
	if err := Verify(k.Verifying(), s, p); !notice.Is(err, notice.Integrity) {
		t.Errorf("the proof verifies for the published scorecard: %v", err)
	}
	q := pack(must(p.points()), modelNumbers(published))
	if err := Verify(k.Verifying(), s, q); !notice.Is(err, notice.Integrity) {
		t.Errorf("with the published numbers in its place it verifies: %v", err)
	}
}

func lowest(m *scorecard.Model) int {
	low, _ := m.Range()
	return low
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// A prover who departs from assign, to keep a statement that does not follow,
// does not satisfy the circuit either.
func TestCircuitRefusesOtherWitnesses(t *testing.T) {
	w := witnessOf(t, 3)
	s := State(w, here)
	x := credit.Derive(w.File.Values(reveal.Token{}))
	table := w.Model.Table()
	late := credit.FeatureMeanUtilisation // of many bins in consumer-risk
	bin := 0
	for bin < scorecard.MaxBins-1 && x[late] > table.UpTo[late][bin] {
		bin++
	}
	for name, change := range map[string]func(c *circuit){
		"none": nil,
		"another bin, and the score it would give": func(c *circuit) {
			other := (bin + 1) % scorecard.MaxBins
			c.Bin[late][bin], c.Bin[late][other] = 0, 1
			c.Score = s.Score + table.Lost[late][bin] - table.Lost[late][other]
		},
		"no bin": func(c *circuit) {
			c.Bin[late][bin] = 0
			c.Score = s.Score + table.Lost[late][bin]
		},
		"two halves of bins": func(c *circuit) {
			half := new(fr.Element).SetUint64(2)
			half.Inverse(half)
			other := (bin + 1) % scorecard.MaxBins
			c.Bin[late][bin], c.Bin[late][other] = *half, *half
		},
		"a larger quotient":     func(c *circuit) { c.Percent = x[credit.FeatureUtilisation] + 1 },
		"a smaller mean":        func(c *circuit) { c.Mean = x[credit.FeatureMeanUtilisation] - 1 },
		"a larger mean payment": func(c *circuit) { c.Paid = x[credit.FeatureMeanPaid] + 1 },
		"a worse worst delay":   func(c *circuit) { c.Worst = x[credit.FeatureWorstDelay] + 1 },
		"a lower lowest":        func(c *circuit) { c.Lowest = x[credit.FeatureLowestPaid] + 1 },
		"another field":         func(c *circuit) { c.Fields[credit.Paid+3] = 12 },
		"no limit":              func(c *circuit) { c.Fields[credit.CreditLimit] = 0 },
		"another salt":          func(c *circuit) { c.Salt = 1 },
		"a reason twice": func(c *circuit) {
			c.Slot[1] = c.Slot[0]
			c.Reasons[1] = c.Reasons[0]
		},
		"two reasons in one slot": func(c *circuit) {
			c.Slot[0][0], c.Slot[0][1] = 1, 1
			c.Reasons[0] = 3
		},
	} {
		c, err := assign(s, w)
		if err != nil {
			t.Fatal(err)
		}
		if change == nil {
			if test.IsSolved(&circuit{}, c, curve.ScalarField()) != nil {
				t.Fatal("the honest witness is refused")
			}
			continue
		}
		change(c)
		if test.IsSolved(&circuit{}, c, curve.ScalarField()) == nil {
			t.Errorf("%s: the circuit is satisfied", name)
		}
	}
}

// A proof over a file that has been replaced is bound to the old commitment,
// and the new file cannot be made to fit it.
func TestStaleCommitment(t *testing.T) {
	k := keys(t)
	old := witnessOf(t, 4)
	p, err := Prove(t.Context(), k, State(old, here), old)
	if err != nil {
		t.Fatal(err)
	}
	latest := old
	latest.File = credit.Sample(5)
	c, o, err := Commit(latest.File, "credit-p-borrower", 4, 20030)
	if err != nil {
		t.Fatal(err)
	}
	latest.Opening = o
	s := State(old, here)
	s.Commitment, s.Sequence, s.Date = c, o.Sequence, o.Date
	if Verify(k.Verifying(), s, p) == nil {
		t.Error("a proof over the old file verifies for the latest commitment")
	}
	if _, err := Prove(t.Context(), k, s, old); err == nil {
		t.Error("the old file can be proved under the latest commitment")
	}
	if err := o.Opens(old.File, c); !notice.Is(err, notice.Integrity) {
		t.Errorf("the old file opens the latest commitment: %v", err)
	}
	if err := o.Opens(latest.File, c); err != nil {
		t.Error(err)
	}
}

func TestCommitmentHidesAndBinds(t *testing.T) {
	f := credit.Sample(1)
	a, o, err := Commit(f, "credit-p-x", 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	if b, _, _ := Commit(f, "credit-p-x", 1, 2); a == b {
		t.Error("two commitments to one file are alike: the salt does nothing")
	}
	b, err := o.Bytes(reveal.Token{})
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseOpening(b)
	if err != nil || again.Opens(f, a) != nil {
		t.Errorf("an opening does not survive its bytes: %v", err)
	}
	var d Digest
	if err := d.UnmarshalText([]byte(strings.Repeat("f", 64))); err == nil {
		t.Error("a digest above the field's order is taken")
	}
	if err := d.UnmarshalText([]byte(a.String())); err != nil || d != a {
		t.Error("a digest does not survive its text")
	}
}

func TestModelHashIsOfCanonical(t *testing.T) {
	m := consumerRisk(t)
	h := ModelHash(m)
	m.Version, m.Date = "9", "2030-01-01"
	if ModelHash(m) != h {
		t.Error("the hash depends on the version's name")
	}
	m.Features[0].Lost[0]++
	if ModelHash(m) == h {
		t.Error("the hash does not depend on the points")
	}
}

func TestInvariant10_CurveAndSizes(t *testing.T) {
	if curve != ecc.BLS12_381 || curve.ScalarField().Cmp(fr.Modulus()) != 0 {
		t.Fatal("the curve is not BLS12-381")
	}
	if ProofSize != 542 {
		t.Errorf("a proof is %d bytes", ProofSize)
	}
	cs, err := compile()
	if err != nil {
		t.Fatal(err)
	}
	if n := cs.GetNbConstraints(); domainSize(cs) > 1<<12 {
		t.Errorf("%d constraints need a domain above 2^12", n)
	}
	for i, point := range keys(t).Verifying().key.G1.K {
		if point.IsInfinity() {
			t.Errorf("public input %d is in no constraint: a proof would fit any value of it", i)
		}
	}
	if cs.Field().Cmp(ecc.BN254.ScalarField()) == 0 {
		t.Error("the circuit is over BN254")
	}
}

func TestKeysAreReadOnlyUnderTheirDigest(t *testing.T) {
	k := keys(t)
	var b bytes.Buffer
	if _, err := k.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	d, err := k.Digest()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ReadKeys(bytes.NewReader(b.Bytes()), d)
	if err != nil {
		t.Fatal(err)
	}
	w := witnessOf(t, 8)
	s := State(w, here)
	p, err := Prove(t.Context(), again, s, w)
	if err != nil {
		t.Fatal(err)
	}
	vk, err := ParseVerifyingKey(k.Verifying().Bytes(), k.Verifying().Digest())
	if err != nil {
		t.Fatal(err)
	}
	if err := Verify(vk, s, p); err != nil {
		t.Error(err)
	}
	broken := b.Bytes()
	broken[len(broken)/2] ^= 1
	for name, c := range map[string][]byte{"changed": broken, "empty": nil, "cut": broken[:100]} {
		if _, err := ReadKeys(bytes.NewReader(c), d); !notice.Is(err, notice.Integrity) {
			t.Errorf("%s keys: %v", name, err)
		}
	}
	if _, err := ParseVerifyingKey(k.Verifying().Bytes()[1:], k.Verifying().Digest()); !notice.Is(err, notice.Integrity) {
		t.Errorf("a changed verifying key: %v", err)
	}
}

// No error of this package holds a value of the file.
func TestErrorsHoldNoValues(t *testing.T) {
	k := keys(t)
	var v credit.Values
	for i := range v {
		v[i] = 7654321
	}
	for m := range credit.Months {
		v[credit.Delay+m] = 1
	}
	f, err := credit.New(v)
	if err != nil {
		t.Fatal(err)
	}
	_, o, err := Commit(f, "credit-p-borrower", 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	w := Witness{f, o, consumerRisk(t)}
	s := State(w, here)
	s.Score--
	_, err = Prove(t.Context(), k, s, w)
	for ; err != nil; err = unwrap(err) {
		if strings.Contains(err.Error(), "7654321") || strings.Contains(err.Error(), "constraint") {
			t.Errorf("the error tells of values: %v", err)
		}
	}
}

func unwrap(err error) error {
	if u, ok := err.(interface{ Unwrap() error }); ok {
		return u.Unwrap()
	}
	return nil
}
