package ckks

import (
	"bytes"
	"testing"

	"manx/privacy"
	"manx/privacy/reveal"
)

func TestAdd(t *testing.T) {
	k := key(t, Small)
	e := NewEvaluator(evaluationKeys(t, k, Needs{{0, 1}}))
	load := func(x []float64, level int) *Value {
		c, err := k.Encrypt(privacy.Hide(x), level)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if _, err := c.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		if c, err = ReadCiphertext(&b, Small, level); err != nil {
			t.Fatal(err)
		}
		v, err := e.Load(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	x, y := vector(Small.Slots(), 1), vector(Small.Slots(), 2)
	a, b := load(x, 0), load(y, 0)
	want := make([]float64, len(x))
	for i := range want {
		want[i] = x[i] + 2*y[i]
	}
	sum, err := e.Add(t.Context(), a, b)
	if err != nil {
		t.Fatal(err)
	}
	if sum, err = e.Add(t.Context(), sum, b); err != nil {
		t.Fatal(err)
	}
	out, err := k.Decrypt(stored(t, e, sum), Small.InputScale(), 1)
	if err != nil {
		t.Fatal(err)
	}
	apart(t, "a sum", out.Reveal(reveal.Token{}), want, 5e-3)
	if _, err := e.Add(t.Context(), a, load(y, 1)); err == nil {
		t.Error("values of two levels were added")
	}
}
