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
			d[i] = out[i].Blind(in[i], []byte(context)).Digests()
		}
		for i := range d {
			if d[i][1] != d[(i+1)%Parties][0] {
				t.Errorf("component %d has two digests", (i+1)%Parties)
			}
			seen[d[i][0]]++
		}
		back, err := Join(out[0].Blind(in[0], []byte(context)), out[1].Blind(in[1], []byte(context)))
		if err != nil || back[0] != 530 || back[1] != 3 {
			t.Errorf("blinding changed the values: %v, %v", back, err)
		}
	}
	if len(seen) != 2*Parties {
		t.Errorf("%d digests of 6 blinded components differ", len(seen))
	}
	plain := out[0].Blind(Share{}, []byte("one")).Digests()
	if seen[plain[0]] != 0 {
		t.Error("a digest without blinding is one with it")
	}
}
