package population

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var docs = flag.Bool("docs", false, "play 100,000 jobs a setting and write docs/population.svg and docs/population.md")

func run(t testing.TB, s Setting) Outcome {
	t.Helper()
	o, err := Run(s)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// Who does not compute, copies or lies alone earns less than who computes, and no
// wrong result of theirs is accepted.
func TestOnlyHonestyPays(t *testing.T) {
	s := Usual(6000)
	s.Workers[Colluder], s.Workers[Honest] = 0, 85
	o := run(t, s)
	end := o.Curve[len(o.Curve)-1]
	if o.Wrong != 0 {
		t.Errorf("%d wrong results were accepted", o.Wrong)
	}
	if end.Profit[Honest] <= 0 {
		t.Errorf("an honest worker has %v MAN", end.Profit[Honest])
	}
	for _, k := range []Kind{Guesser, Copier, Liar} {
		if end.Profit[k] >= 0 {
			t.Errorf("a %s worker has %v MAN", k, end.Profit[k])
		}
	}
	for _, k := range []Kind{Guesser, Liar} {
		if end.Staked[k] != 0 {
			t.Errorf("%v of the %s workers are still drawn", end.Staked[k], k)
		}
	}
}

// A coalition of the share that is assumed has wrong results accepted no more often
// than the confidence says, and of a larger share as often as it is drawn alone.
func TestACoalitionUpToTheBound(t *testing.T) {
	s := Coalition(20, 12_000)
	s.Canaries = 0 // nothing deters it
	o := run(t, s)
	if got := float64(o.Wrong) / float64(o.Accepted); got > 0.01 {
		t.Errorf("%v of the results are wrong, and 0.99 was asked for", got)
	}
	if o.Wrong == 0 || o.Wrong != o.Chances {
		t.Errorf("%d results are wrong, with %d chances", o.Wrong, o.Chances)
	}
	half := Coalition(50, 4000)
	half.Canaries = 0
	o = run(t, half)
	if got := float64(o.Wrong) / float64(o.Accepted); got < 0.04 {
		t.Errorf("half of the stake has %v of the results: the simulation shows no harm", got)
	}
}

// With enough canaries a lie costs a coalition more than it gains.
func TestCanariesMakeCollusionALoss(t *testing.T) {
	s := Coalition(20, 10_000)
	s.Proof.Confidence = 9000 // two replicas: chances enough
	more, err := Lying(s, 0, 0.1)
	if err != nil {
		t.Fatal(err)
	}
	if more[0] <= 0 || more[1] >= 0 {
		t.Errorf("lying earns %v MAN without canaries and %v with one in ten", more[0], more[1])
	}
}

func TestRunsAreRepeatable(t *testing.T) {
	a, b := run(t, Usual(1500)), run(t, Usual(1500))
	if a.Curve[49] != b.Curve[49] || a.Accepted != b.Accepted {
		t.Error("one seed gives two populations")
	}
}

func BenchmarkJob(b *testing.B) {
	s := Usual(b.N)
	s.Points = 1
	run(b, s)
}

func TestWriteCurves(t *testing.T) {
	if !*docs {
		t.Skip("plays many populations: go test ./ml/pool/population -run WriteCurves -docs")
	}
	svg, table, err := Curves(100_000)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"population.svg": svg, "population.md": table} {
		if err := os.WriteFile(filepath.Join("..", "..", "..", "docs", name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
