// Package encrypted runs a model on encrypted inputs in a test and compares it
// with the clear run. It measures no time.
package encrypted

import (
	"bytes"
	"math"
	"os"
	"strconv"
	"testing"

	"manx/ml"
	"manx/ml/ckks"
	"manx/ml/clear"
	"manx/privacy"
	he "manx/privacy/ckks"
	"manx/privacy/reveal"
)

// Sample spreads few indices evenly over n rows, or as many as MANX_LONG says
// ("all": every row).
func Sample(t *testing.T, n, few int) []int {
	t.Helper()
	count := min(few, n)
	switch v := os.Getenv("MANX_LONG"); v {
	case "":
	case "all":
		count = n
	default:
		want, err := strconv.Atoi(v)
		if err != nil || want < 1 {
			t.Fatal("MANX_LONG is neither a number nor all")
		}
		count = min(want, n)
	}
	out := make([]int, count)
	for i := range out {
		out[i] = i * n / count
	}
	return out
}

// Equal compiles g, runs it on every input encrypted under one key, and fails
// the test where a result is further than the plan or bound states from the
// clear run. It returns the results.
func Equal(t *testing.T, g ml.Graph, bound float64, inputs [][]float64) (out []float64) {
	t.Helper()
	var worst float64
	fatal := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	hash, err := ml.Hash(g)
	fatal(err)
	p, err := ckks.Compile(g, [32]byte([]byte(hash)[:32]))
	fatal(err)
	k, err := he.NewSecretKey(p.Set(), privacy.Hide([32]byte{7}))
	fatal(err)
	var b bytes.Buffer
	fatal(k.WriteEvaluationKeys(t.Context(), &b, p.Needs(), nil))
	keys, err := he.ReadEvaluationKeys(t.Context(), &b, p.Set(), p.Needs())
	fatal(err)
	e := he.NewEvaluator(keys)
	w, err := ckks.NewWorker(t.Context(), p)
	fatal(err)
	for _, x := range inputs {
		in, err := p.Encrypt(k, privacy.Hide(x))
		fatal(err)
		c, err := w.Evaluate(t.Context(), e, in, nil)
		fatal(err)
		y, err := p.Decrypt(k, c)
		fatal(err)
		want, err := clear.Run(g, x)
		fatal(err)
		got := y.Reveal(reveal.Token{})
		if len(got) != len(want) {
			t.Fatalf("%d outputs, not %d", len(got), len(want))
		}
		for i := range got {
			worst = max(worst, math.Abs(got[i]-want[i]))
		}
		out = append(out, got...)
	}
	if !(worst <= bound && worst <= p.Precision()) {
		t.Errorf("off by %g; the card states %g, the plan %g", worst, bound, p.Precision())
	}
	t.Logf("%d inputs under %s: off by at most %.2g, the plan states %.2g; %d bytes of keys", len(inputs), p.Set(), worst, p.Precision(), p.Needs().Size(p.Set()))
	return out
}
