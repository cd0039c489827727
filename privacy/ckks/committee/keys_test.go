package committee_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	he "manx/privacy/ckks"
	"manx/privacy/ckks/committee"
	"manx/privacy/notice"
)

// Collective keys are keys of the collective secret, with small errors: the
// relinearisation key of its square, those of rotations of its rotations.
func TestCollectiveKeysAreKeysOfTheSecret(t *testing.T) {
	tb := found(t, he.Shared, 3, 4)
	needs := he.Needs{{Rotation: 0, Level: 3}, {Rotation: 7, Level: 5}}
	w, err := tb.charter.Commission([]int{1, 3, 4}, needs)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := tb.charter.ReadCommission(w.Bytes()); err != nil || !bytes.Equal(again.Bytes(), w.Bytes()) {
		t.Fatalf("a commission does not travel: %v", err)
	}
	var b bytes.Buffer
	if err := w.WriteKeys(&b, tb.forge(w, tb.promise(w, needs))); err != nil {
		t.Fatal(err)
	}
	wire := b.Bytes()
	secret := committee.Whole(tb.members, []int{1, 2, 3})
	at := 39 // after the header
	for _, n := range needs {
		if int(binary.LittleEndian.Uint32(wire[at:])) != n.Rotation {
			t.Fatalf("no key for rotation %d where it should be", n.Rotation)
		}
		got := committee.KeyNoise(secret, wire[at+5:], n, [32]byte(wire[7:39]))
		t.Logf("key for rotation %d: errors of %d bits", n.Rotation, got)
		if most := map[bool]int{true: 18, false: 6}[n.Rotation == 0]; got > most || got < 3 {
			t.Errorf("key for rotation %d has errors of %d bits", n.Rotation, got)
		}
		size := he.Needs{n}.Size(he.Shared) - he.Needs{}.Size(he.Shared)
		at += int(size)
		if n.Rotation == 0 {
			at += int(size) - 5
		}
	}
	if at != len(wire) {
		t.Errorf("%d bytes of keys, of which %d are read", len(wire), at)
	}
	keys, err := he.ReadEvaluationKeys(t.Context(), bytes.NewReader(wire), he.Shared, needs)
	if err != nil {
		t.Fatal(err)
	}
	// Products of ciphertexts have no room in the set.
	c, err := tb.public().Encrypt(hidden(1, 2), 3)
	if err != nil {
		t.Fatal(err)
	}
	e := he.NewEvaluator(keys)
	v, err := e.Load(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Multiply(t.Context(), v, v); !notice.Is(err, notice.Unsupported) {
		t.Errorf("a product: %v", err)
	}
	if _, err := he.NewSecretKey(he.Shared, hiddenSeed()); !notice.Is(err, notice.Unsupported) {
		t.Errorf("a key of one holder under the set shared: %v", err)
	}
}
