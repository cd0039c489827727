package scoreproof

import (
	"testing"
	"time"
)

func TestSetupExp(t *testing.T) {
	at := time.Now()
	k, tr, err := Setup(t.Context(), []Contributor{Local("a"), Local("b"), Local("c")}, func(d, of int, s string) { t.Log(d, of, s, time.Since(at)) })
	if err != nil {
		t.Fatal(err)
	}
	t.Log(tr, k.verifying.Digest())
}
