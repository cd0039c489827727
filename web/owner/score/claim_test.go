package score

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"manx/credit"
	"manx/credit/scorecard"
	"manx/credit/scoreproof"
	"manx/ledger"
	"manx/privacy/notice"
	"manx/privacy/reveal"
)

// A borrower shows anybody that her score reaches a floor. It convinces whoever
// gave the nonce, once her furnisher's file is the latest, and tells no more.
func TestClaims(t *testing.T) {
	s := begin(t)
	ctx := t.Context()
	s.furnish(7)
	points := s.card.Score(credit.Sample(7).Features().Reveal(reveal.Token{})).Points
	nonce, again := strings.Repeat("1f", scoreproof.NonceSize), strings.Repeat("2e", scoreproof.NonceSize)
	want := Wanted{Furnisher: s.furnisher.ID(), Model: DefaultModel, AtLeast: points - 30, Nonce: nonce}

	shown, floors, err := Claim(ctx, s.borrower, want)
	if err != nil || !slices.Equal(floors, []int{points - 30}) {
		t.Fatalf("floors %v, %v", floors, err)
	}
	b, err := json.Marshal(shown)
	if err != nil {
		t.Fatal(err)
	}
	for _, told := range []string{"score\":", "reasons"} {
		if strings.Contains(string(b), told) {
			t.Errorf("the claim tells %q", told)
		}
	}
	stranger := s.party(ledger.Person)
	v, err := SeeClaim(ctx, stranger, b, DefaultModel, nonce)
	if err != nil {
		t.Fatal(err)
	}
	low, high := s.card.Range()
	if v.AtLeast != points-30 || v.Subject != s.borrower.ID() || v.Furnisher != s.furnisher.ID() || v.Low != low || v.High != high {
		t.Errorf("the verifier sees %+v", v)
	}

	for name, change := range map[string]func(*Shown){
		"a higher floor":           func(s *Shown) { s.Claim.AtLeast = points + 1 },
		"another network":          func(s *Shown) { s.Claim.Occasion.Network = "other" },
		"a date to come":           func(s *Shown) { s.Claim.Occasion.AsOf += 2 },
		"another day":              func(s *Shown) { s.Claim.Occasion.AsOf-- },
		"a furnisher that is none": func(s *Shown) { s.Claim.Occasion.Furnisher = string(stranger.ID()) },
		"another scorecard":        func(s *Shown) { s.Claim.Model[0] ^= 1 },
		"another file":             func(s *Shown) { s.Claim.Commitment[3] ^= 1 },
		"another number":           func(s *Shown) { s.Claim.Sequence++ },
		"a damaged proof":          func(s *Shown) { s.Proof[10] ^= 1 },
	} {
		var other Shown
		if err := json.Unmarshal(b, &other); err != nil {
			t.Fatal(err)
		}
		change(&other)
		c, err := json.Marshal(other)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := SeeClaim(ctx, stranger, c, DefaultModel, nonce); !notice.Is(err, notice.Integrity) && !notice.Is(err, notice.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := SeeClaim(ctx, stranger, b, DefaultModel, again); !notice.Is(err, notice.Integrity) {
		t.Errorf("a claim for another verifier's nonce: %v", err)
	}
	if _, err := SeeClaim(ctx, stranger, []byte("{}"), DefaultModel, nonce); !notice.Is(err, notice.Integrity) && !notice.Is(err, notice.Invalid) {
		t.Errorf("an empty claim: %v", err)
	}

	want.AtLeast, want.Nonce = points+1, again
	if _, _, err := Claim(ctx, s.borrower, want); !notice.Is(err, notice.Denied) {
		t.Errorf("a false claim: %v", err)
	}
	want.AtLeast = points
	if _, floors, err = Claim(ctx, s.borrower, want); err != nil || !slices.Equal(floors, []int{points - 30, points}) {
		t.Errorf("floors %v, %v", floors, err)
	}
	want.Nonce = "mine"
	if _, _, err := Claim(ctx, s.borrower, want); !notice.Is(err, notice.Invalid) {
		t.Errorf("a nonce of the borrower's own making: %v", err)
	}
	want.AtLeast, want.Nonce = scorecard.MaxBase+1, again
	if _, _, err := Claim(ctx, s.borrower, want); !notice.Is(err, notice.Invalid) {
		t.Errorf("a floor out of range: %v", err)
	}

	s.furnish(8) // a newer file: what was shown of the old one has lapsed
	if _, err := SeeClaim(ctx, stranger, b, DefaultModel, nonce); !notice.Is(err, notice.Integrity) {
		t.Errorf("a claim about a file that was replaced: %v", err)
	}
}
