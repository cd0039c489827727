package sharedscore

import (
	"reflect"
	"testing"

	"manx/credit"
	"manx/credit/scorecard"
	"manx/ml/consumertrees"
	points "manx/ml/scorecard"
	"manx/ml/tree"
	"manx/privacy/mpc"
	"manx/privacy/mpc/mpctest"
	"manx/privacy/reveal"
)

// A lender who joins what three parties give for a file reads the score and the
// reasons that the model gives in the clear, for both models.
func TestInvariant7_LendersReadTheClearScore(t *testing.T) {
	card, err := scorecard.ConsumerRisk()
	if err != nil {
		t.Fatal(err)
	}
	m, _, err := consumertrees.Model()
	if err != nil {
		t.Fatal(err)
	}
	trees, err := consumertrees.Points(m)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		p     *tree.Points
		clear func(credit.Features) (scorecard.Score, error)
	}{
		"consumer-risk":    {points.Points(card), func(f credit.Features) (scorecard.Score, error) { return card.Score(f), nil }},
		consumertrees.Name: {trees, func(f credit.Features) (scorecard.Score, error) { return consumertrees.Score(trees, f) }},
	} {
		t.Run(name, func(t *testing.T) {
			program, err := Compile(c.p)
			if err != nil {
				t.Fatal(err)
			}
			for _, security := range []mpc.Security{mpc.SemiHonest, mpc.WithAbort} {
				const files = 40
				var flat []uint64
				for seed := range uint64(files) {
					flat = append(flat, Keys(credit.Sample(seed).Features().Reveal(reveal.Token{}))...)
				}
				got := mpctest.Run(t, security, func(s *mpc.Session, in []mpc.Share) (mpc.Share, error) { return program.Run(s, in[0], files) }, flat)
				if len(got) != files*(1+scorecard.MaxReasons) {
					t.Fatalf("%d numbers leave for %d files: more than scores and reasons", len(got), files)
				}
				for i := range files {
					s, err := Read(program, got[i*program.Outputs():(i+1)*program.Outputs()])
					want, err2 := c.clear(credit.Sample(uint64(i)).Features().Reveal(reveal.Token{}))
					if err != nil || err2 != nil || !reflect.DeepEqual(s, want) {
						t.Fatalf("file %d, %s: %+v (%v), in the clear %+v (%v)", i, security, s, err, want, err2)
					}
				}
			}
		})
	}
}
