package vault

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/klauspost/reedsolomon"
)

// TestParity compares what a browser computes with the library: shards of a stripe of
// any length are the same bytes on every machine.
func TestParity(t *testing.T) {
	rs, err := reedsolomon.New(Need, Nodes-Need)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{1, 2, 7, 8, 9, 255, 4096, 65_543} {
		ours, want := make([][]byte, Nodes), make([][]byte, Nodes)
		for j := range Nodes {
			ours[j] = make([]byte, size)
			if j < Need {
				_, _ = rand.NewChaCha8([32]byte{byte(j)}).Read(ours[j])
			}
			want[j] = bytes.Clone(ours[j])
		}
		parity(ours)
		if err := rs.Encode(want); err != nil {
			t.Fatal(err)
		}
		for j := range Nodes {
			if !bytes.Equal(ours[j], want[j]) {
				t.Errorf("%d bytes: shard %d differs", size, j)
			}
		}
	}
}
