package ckks

import (
	"bytes"
	"errors"
	"testing"

	"manx/ml"
	"manx/privacy/notice"
)

func FuzzPlan(f *testing.F) {
	for _, p := range []*Plan{
		compile(f, chain("one weight", []int{1}, roll(1).linear(1, 1))),
		compile(f, chain("fold", []int{8}, roll(1).linear(1, 8))),
		compile(f, chain("cubic", []int{2}, roll(1).linear(2, 2), roll(1).curve(2, 3), roll(1).linear(1, 2))),
		compile(f, chain("steps", []int{12}, roll(1).linear(6, 12))),
		compile(f, chain("softmax", []int{3}, roll(1).linear(4, 3), ml.Reshape{Shape: []int{2, 2, 1}}, ml.Softmax{Axis: 1})),
		compile(f, chain("standardised", []int{2}, ml.Poly{Coeffs: [][]float64{{1, 2}, {0, 3}}}, roll(1).linear(1, 2))),
		compile(f, sum("two", nil, []ml.Op{roll(1).linear(2, 3), roll(2).poly(2)}, []ml.Op{roll(3).linear(2, 3), roll(4).poly(2)})),
	} {
		var b bytes.Buffer
		if _, err := p.WriteTo(&b); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ReadPlan(b)
		if err != nil {
			if _, ok := errors.AsType[*notice.Error](err); !ok {
				t.Fatalf("not a notice: %v", err)
			}
			return
		}
		var again bytes.Buffer
		if _, err := p.WriteTo(&again); err != nil || !bytes.Equal(b, again.Bytes()) {
			t.Fatal("a plan has two encodings")
		}
		// Whatever was read can be readied.
		if _, err := NewWorker(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		p.Quote(1, 2)
	})
}
