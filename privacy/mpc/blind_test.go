package mpc

import "testing"

// The two parties that have a component blind it alike, in one context and in no
// other; without the blinding the digest is another.
func TestBlindedDigestsAgree(t *testing.T) {
	in, err := Deal([]uint64{7, 8})
	if err != nil {
		t.Fatal(err)
	}
	out, err := Deal([]uint64{530, 3, 0})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[[32]byte]int{}
	for _, context := range []string{"one", "two"} {
		var d [Parties][2][32]byte
		for i := range d {
			d[i] = out[i].Blind([]byte(context), in[i]).Digests()
		}
		for i := range d {
			if d[i][1] != d[(i+1)%Parties][0] {
				t.Errorf("component %d has two digests", (i+1)%Parties)
			}
			seen[d[i][0]]++
		}
		back, err := Join(out[0].Blind([]byte(context), in[0]), out[1].Blind([]byte(context), in[1]))
		if err != nil || back[0] != 530 || back[1] != 3 {
			t.Errorf("blinding changed the values: %v, %v", back, err)
		}
	}
	if len(seen) != 2*Parties {
		t.Errorf("%d digests of 6 blinded components differ", len(seen))
	}
	other, err := Deal([]uint64{1})
	if err != nil {
		t.Fatal(err)
	}
	both := [Parties][2][32]byte{}
	for i := range both { // as where two dealt: neither's blindings alone make these
		both[i] = out[i].Blind([]byte("one"), in[i], other[i]).Digests()
		seen[both[i][0]]++
	}
	if both[0][1] != both[1][0] || len(seen) != 3*Parties {
		t.Errorf("blinded by two dealers' shares: %d digests differ", len(seen))
	}
	plain := out[0].Blind([]byte("one"), Share{}).Digests()
	if seen[plain[0]] != 0 {
		t.Error("a digest without blinding is one with it")
	}
}
