package recipe_test

import (
	"bytes"
	"testing"

	"manx/ml/federated"
	"manx/web/owner/training/recipe"
)

// FuzzReadVersion: what is read is what was written, and what is not is refused.
func FuzzReadVersion(f *testing.F) {
	f.Add(recipe.WriteVersion(federated.State{Round: 3, Params: []float64{1, -2}, Control: []float64{0, 5}}), 2)
	f.Add([]byte(recipe.VersionMagic), 1)
	f.Fuzz(func(t *testing.T, b []byte, n int) {
		if n < 1 || n > 1<<16 {
			return
		}
		s, err := recipe.ReadVersion(b, n)
		if err == nil && !bytes.Equal(recipe.WriteVersion(s), b) {
			t.Error("another version was read than is written")
		}
	})
}
