package scoreproof

import (
	"bytes"
	"strings"
	"testing"
)

func FuzzProof(f *testing.F) {
	v, k := readVector(f)
	f.Add(v.Proof[:])
	f.Add(make([]byte, ProofSize))
	infinity := make([]byte, ProofSize)
	infinity[0], infinity[48], infinity[96] = 0xc0, 0xc0, 0xc0
	f.Add(infinity)
	f.Fuzz(func(t *testing.T, b []byte) {
		q, err := ParseProof(b)
		if err != nil {
			return
		}
		if !bytes.Equal(q[:], b) {
			t.Fatal("a proof has two spellings")
		}
		if q != v.Proof && Verify(k, v.Statement, q) == nil {
			// Groth16 proofs can be re-randomised by anyone, but not by chance.
			t.Fatal("another proof verifies")
		}
	})
}

func FuzzOpening(f *testing.F) {
	f.Add([]byte(`{"subject":"credit-p-x","sequence":1,"date":2,"salt":"` + strings.Repeat("01", 32) + `"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := ParseOpening(b)
		if err == nil && (o.Subject == "" || len(o.Subject) > maxName) {
			t.Fatal("an opening out of bounds is taken")
		}
	})
}

func BenchmarkSetupAlone(b *testing.B) {
	for b.Loop() {
		k, _, err := SetupAlone()
		if err != nil {
			b.Fatal(err)
		}
		var n bytes.Buffer
		_, _ = k.WriteTo(&n)
		b.ReportMetric(float64(n.Len()), "key-bytes")
		b.ReportMetric(float64(len(k.verifying.raw)), "vk-bytes")
		b.ReportMetric(float64(k.circuit.GetNbConstraints()), "constraints")
	}
}

func BenchmarkProve(b *testing.B) {
	k, w := keys(b), witnessOf(b, 1)
	s := State(w, here)
	for b.Loop() {
		if _, err := Prove(b.Context(), k, s, w); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	k, w := keys(b), witnessOf(b, 1)
	s := State(w, here)
	p, err := Prove(b.Context(), k, s, w)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := Verify(k.Verifying(), s, p); err != nil {
			b.Fatal(err)
		}
	}
}
