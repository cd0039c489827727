package keyring

import (
	"bytes"
	"testing"

	"manx/privacy/reveal"
)

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
