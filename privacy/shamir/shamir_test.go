package shamir

import (
	"bytes"
	"crypto/rand"
	"testing"
)

func TestFieldLaws(t *testing.T) {
	if times(0x57, 0x83) != 0xc1 || times(0x57, 0x13) != 0xfe { // FIPS 197, 4.2
		t.Error("products differ from FIPS 197")
	}
	for a := range 256 {
		want := byte(1)
		if a == 0 {
			want = 0
		}
		if got := times(byte(a), inverse(byte(a))); got != want {
			t.Fatalf("%d times its inverse = %d", a, got)
		}
	}
}

// Any threshold of the shares give the secret, in any order, up to 255; one fewer
// give something else.
func TestSharesJoin(t *testing.T) {
	for _, c := range []struct{ t, n int }{{1, 1}, {1, 3}, {2, 2}, {3, 5}, {7, 10}, {128, 255}} {
		secret, noise := make([]byte, 33), make([]byte, (c.t-1)*33)
		_, _ = rand.Read(secret)
		_, _ = rand.Read(noise)
		shares := Deal(secret, c.t, c.n, noise)
		if len(shares) != c.n {
			t.Fatalf("%d of %d: %d shares", c.t, c.n, len(shares))
		}
		for from := 0; from+c.t <= c.n; from += 1 + c.n/7 {
			var at []byte
			var some [][]byte
			for i := from + c.t - 1; i >= from; i-- {
				at, some = append(at, byte(i+1)), append(some, shares[i])
			}
			if !bytes.Equal(Join(at, some), secret) {
				t.Errorf("%d of %d, from %d: another secret", c.t, c.n, from)
			}
			if c.t > 1 && bytes.Equal(Join(at[1:], some[1:]), secret) {
				t.Errorf("%d of %d: one fewer are enough", c.t, c.n)
			}
		}
	}
	if Join(nil, nil) != nil {
		t.Error("no shares make a secret")
	}
}

// Every other secret is as possible: what one share and a guess of the secret
// say together is always some share at another place.
func TestOneShareFitsEverySecret(t *testing.T) {
	for seen := range 256 {
		for secret := range 256 {
			// The line through (0, secret) and (1, seen), at 2.
			at2 := times(byte(seen^secret), 2) ^ byte(secret)
			if got := Join([]byte{1, 2}, [][]byte{{byte(seen)}, {at2}})[0]; got != byte(secret) {
				t.Fatalf("share %d and secret %d: the shares join to %d", seen, secret, got)
			}
		}
	}
}
