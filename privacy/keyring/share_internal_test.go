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
// 255 degrees of freedom; 410 is passed less than once in 10^8 runs).
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
}

// Every other secret is as possible: what one share and a guess of the secret
// say together is always some share at another index.
func TestOneShareFitsEverySecret(t *testing.T) {
	for seen := range 256 {
		for secret := range 256 {
			s := share{threshold: 2, index: 1, value: bytes.Repeat([]byte{byte(seen)}, sharedSize)}
			// The line through (0, secret) and (1, seen), at 2.
			at2 := gfMul(byte(seen^secret), 2) ^ byte(secret)
			o := share{threshold: 2, index: 2, value: bytes.Repeat([]byte{at2}, sharedSize)}
			if got := interpolate([]share{s, o})[0]; got != byte(secret) {
				t.Fatalf("share %d and secret %d: the shares join to %d", seen, secret, got)
			}
		}
	}
}
