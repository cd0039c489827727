package scoreproof

import (
	"encoding/json"
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/vector.json anew")

// A vector is a proof made once. That it still verifies shows that neither the
// circuit nor any format has changed since.
type vector struct {
	Circuit   KeyDigest `json:"circuit"`
	Verifying []byte    `json:"verifying_key"`
	Digest    KeyDigest `json:"verifying_key_digest"`
	Statement Statement `json:"statement"`
	Proof     Proof     `json:"proof"`
}

func readVector(t testing.TB) (vector, *VerifyingKey) {
	t.Helper()
	b, err := os.ReadFile("testdata/vector.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vector
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	k, err := ParseVerifyingKey(v.Verifying, v.Digest)
	if err != nil {
		t.Fatal(err)
	}
	return v, k
}

func TestVector(t *testing.T) {
	circuit, err := CircuitDigest()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		k, w := keys(t), witnessOf(t, 1)
		s := State(w, here)
		p, err := Prove(t.Context(), k, s, w)
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.MarshalIndent(vector{circuit, k.Verifying().Bytes(), k.Verifying().Digest(), s, p}, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("testdata/vector.json", append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	v, k := readVector(t)
	if v.Circuit != circuit {
		t.Error("the circuit has changed: keys and proofs made before are of no use")
	}
	if err := Verify(k, v.Statement, v.Proof); err != nil {
		t.Error(err)
	}
	v.Statement.Score++
	if Verify(k, v.Statement, v.Proof) == nil {
		t.Error("another score verifies")
	}
}
