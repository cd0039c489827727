package scoreproof

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/consensys/gnark/test"

	"manx/credit/scorecard"
	"manx/privacy/notice"
)

var asked = Occasion{Network: "demo", Furnisher: "credit-p-bureau", AsOf: 20100, Nonce: strings.Repeat("0a", NonceSize)}

// The circuit takes every floor up to the score and none above it, on any file
// and any scorecard.
func TestClaimsUpToTheScoreAndNoFurther(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 24 {
		w := Witness{File: randomFile(t, r), Model: randomModel(t, r)}
		var err error
		if _, w.Opening, err = Commit(w.File, "credit-p-borrower", r.Uint32(), r.Uint32()); err != nil {
			t.Fatal(err)
		}
		score := State(w, here).Score
		for _, floor := range []int{0, score / 2, score - 1, score} {
			if c := ClaimOf(w, asked, floor); floor >= 0 && (solvedClaim(t, c, w) != nil || !c.Holds(w)) {
				t.Fatalf("case %d: a score of %d is not proved to be at least %d", i, score, floor)
			}
		}
		for _, floor := range []int{score + 1, scorecard.MaxBase} {
			if c := ClaimOf(w, asked, floor); floor > score && floor <= scorecard.MaxBase && (solvedClaim(t, c, w) == nil || c.Holds(w)) {
				t.Fatalf("case %d: a score of %d passes for at least %d", i, score, floor)
			}
		}
	}
}

func solvedClaim(t testing.TB, c Claim, w Witness) error {
	t.Helper()
	a, err := assign(c, w)
	if err != nil {
		return err
	}
	quiet()
	return test.IsSolved(&circuit{}, a, curve.ScalarField())
}

// No witness turns a claim into a score, or a floor above the score into a
// claim.
func TestCircuitRefusesOtherClaims(t *testing.T) {
	w := witnessOf(t, 3)
	s := State(w, here)
	c := ClaimOf(w, asked, s.Score-5)
	for name, change := range map[string]func(*circuit){
		"none":                       nil,
		"a floor above the score":    func(c *circuit) { c.Score, c.Above = s.Score+1, -1 },
		"a score that is a floor":    func(c *circuit) { c.Claim = 0 },
		"a claim of another kind":    func(c *circuit) { c.Claim = 2 },
		"a claim that gives reasons": func(c *circuit) { c.Reasons[0] = s.Reasons[0] },
	} {
		a, err := assign(c, w)
		if err != nil {
			t.Fatal(err)
		}
		if change == nil {
			if test.IsSolved(&circuit{}, a, curve.ScalarField()) != nil {
				t.Fatal("the honest witness is refused")
			}
			continue
		}
		change(a)
		if test.IsSolved(&circuit{}, a, curve.ScalarField()) == nil {
			t.Errorf("%s: the circuit is satisfied", name)
		}
	}
}

func TestClaimFitsItsOccasionOnly(t *testing.T) {
	k, w := keys(t), witnessOf(t, 3)
	score := State(w, here).Score
	c := ClaimOf(w, asked, score-20)
	p, err := Prove(t.Context(), k, c, w)
	if err != nil {
		t.Fatal(err)
	}
	if err := Verify(k.Verifying(), c, p); err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func(*Claim){
		"higher floor": func(c *Claim) { c.AtLeast++ },
		"lower floor":  func(c *Claim) { c.AtLeast-- },
		"commitment":   func(c *Claim) { c.Commitment[31] ^= 1 },
		"model":        func(c *Claim) { c.Model[31] ^= 1 },
		"subject":      func(c *Claim) { c.Subject += "x" },
		"sequence":     func(c *Claim) { c.Sequence++ },
		"date":         func(c *Claim) { c.Date++ },
		"network":      func(c *Claim) { c.Occasion.Network += "x" },
		"furnisher":    func(c *Claim) { c.Occasion.Furnisher += "x" },
		"day":          func(c *Claim) { c.Occasion.AsOf++ },
		"nonce":        func(c *Claim) { c.Occasion.Nonce = strings.Repeat("0b", NonceSize) },
	} {
		d := c
		f(&d)
		if err := Verify(k.Verifying(), d, p); !notice.Is(err, notice.Integrity) {
			t.Errorf("the proof verifies for another %s: %v", name, err)
		}
	}
	s := State(w, here)
	s.Score, s.Reasons = c.AtLeast, nil
	if err := Verify(k.Verifying(), s, p); !notice.Is(err, notice.Integrity) {
		t.Errorf("a claim passes for a statement: %v", err)
	}
	if _, err := Prove(t.Context(), k, ClaimOf(w, asked, score+1), w); !notice.Is(err, notice.Integrity) {
		t.Errorf("a false claim: %v", err)
	}
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var again Claim
	if err := json.Unmarshal(b, &again); err != nil || again != c {
		t.Errorf("a claim does not survive its JSON: %v", err)
	}
}

func TestClaimsOutOfBoundsAreRefused(t *testing.T) {
	w := witnessOf(t, 1)
	for name, f := range map[string]func(*Claim){
		"no network":          func(c *Claim) { c.Occasion.Network = "" },
		"a long furnisher":    func(c *Claim) { c.Occasion.Furnisher = strings.Repeat("x", maxName+1) },
		"no nonce":            func(c *Claim) { c.Occasion.Nonce = "" },
		"a short nonce":       func(c *Claim) { c.Occasion.Nonce = "0a" },
		"a nonce in capitals": func(c *Claim) { c.Occasion.Nonce = strings.Repeat("0A", NonceSize) },
		"a floor below 0":     func(c *Claim) { c.AtLeast = -1 },
		"a floor out of range": func(c *Claim) {
			c.AtLeast = scorecard.MaxBase + 1
		},
	} {
		c := ClaimOf(w, asked, 100)
		f(&c)
		if c.Check() == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
