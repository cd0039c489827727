package keyring

import (
	"bytes"
	"testing"

	"manx/privacy/reveal"
)

func TestFieldLaws(t *testing.T) {
	if gfMul(0x57, 0x83) != 0xc1 || gfMul(0x57, 0x13) != 0xfe { // FIPS 197, 4.2
		t.Error("products differ from FIPS 197")
	}
	for a := range 256 {
		want := byte(1)
		if a == 0 {
			want = 0
		}
		if got := gfMul(byte(a), gfInverse(byte(a))); got != want {
			t.Fatalf("%d times its inverse = %d", a, got)
		}
	}
}

// With one share fewer than needed, every secret is equally likely: over many
// sharings of one fixed kit each byte of a share is uniform (chi-squared with
// 255 degrees of freedom; 410 is passed once in 10^9 runs), and for any other
// kit there is a polynomial through the shares that were seen.
func TestFewerSharesSayNothing(t *testing.T) {
	kit := kitOf(bytes.Repeat([]byte{0xa5}, kitSize))
	const runs = 2000
	var counts [256]float64
	for range runs {
		texts, err := kit.Shares(2, 2)
		if err != nil {
			t.Fatal(err)
		}
		s, err := parseShare(texts[0].Reveal(reveal.Token{}))
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range s.value {
			counts[b]++
		}
	}
	expected, chi := float64(runs*sharedSize)/256, 0.0
	for _, n := range counts {
		chi += (n - expected) * (n - expected) / expected
	}
	if chi > 410 {
		t.Errorf("chi-squared of a single share's bytes = %.0f", chi)
	}
	for seen := range 256 {
		for secret := range 256 {
			// The line through (0, secret) and (1, seen) exists: slope seen-secret.
			slope := byte(seen ^ secret)
			if byte(secret)^gfMul(slope, 1) != byte(seen) {
				t.Fatal("a secret is ruled out by one share")
			}
		}
	}
}
