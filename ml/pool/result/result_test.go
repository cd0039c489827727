package result_test

import (
	"bytes"
	"testing"

	"manx/ledger"
	"manx/ml/pool/result"
	"manx/privacy/notice"
)

func TestRoundTrip(t *testing.T) {
	for _, in := range [][][]byte{{{}}, {{1}}, {{1, 2}, {}, {3}}, make([][]byte, ledger.MaxInputs)} {
		b, err := result.Join(in)
		if err != nil {
			t.Fatal(err)
		}
		out, err := result.Split(b)
		if err != nil || len(out) != len(in) {
			t.Fatalf("%d results came back as %d, %v", len(in), len(out), err)
		}
		for i := range in {
			if !bytes.Equal(in[i], out[i]) {
				t.Errorf("result %d differs", i)
			}
		}
		for n := range b {
			if _, err := result.Split(b[:n]); !notice.Is(err, notice.Integrity) {
				t.Fatalf("cut to %d of %d bytes gave %v", n, len(b), err)
			}
		}
	}
	for _, n := range []int{0, ledger.MaxInputs + 1} {
		if _, err := result.Join(make([][]byte, n)); err == nil {
			t.Errorf("%d results were joined", n)
		}
	}
}

func FuzzSplit(f *testing.F) {
	b, err := result.Join([][]byte{{1, 2}, {3}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		parts, err := result.Split(b)
		if err != nil {
			if !notice.Is(err, notice.Integrity) {
				t.Fatalf("error %v", err)
			}
			return
		}
		if again, err := result.Join(parts); err != nil || !bytes.Equal(again, b) {
			t.Fatal("bytes have two readings")
		}
	})
}
