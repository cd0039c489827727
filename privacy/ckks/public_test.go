package ckks

import (
	"bytes"
	"testing"

	"manx/privacy"
	"manx/privacy/ckks/internal/limb"
	"manx/privacy/notice"
	"manx/privacy/reveal"
)

// publicKey returns the wire form of the public key of key(t, s).
func publicKey(t testing.TB, s Set) []byte {
	t.Helper()
	o := key(t, s).open()
	b := &PublicKey{lat: o.lattice, seed: [32]byte{5, byte(s)}, b: limb.New(len(o.q), o.n)}
	a, e := limb.New(len(o.q), o.n), make([]int64, o.n)
	limb.Expand(b.seed, o.q, a)
	minusProduct(o.at(len(o.q)-1, false), a, o.eval, b.b)
	limb.NewStream([32]byte{6}).Noise(e)
	limb.AddSmall(b.b, e, o.q)
	var w bytes.Buffer
	if n, err := b.WriteTo(&w); err != nil || n != PublicKeySize(s) {
		t.Fatalf("wrote %d bytes, PublicKeySize says %d: %v", n, PublicKeySize(s), err)
	}
	return w.Bytes()
}

// What is encrypted under a public key is what the secret key decrypts, at every
// level, never twice the same; an encryption of zero follows from its seed.
func TestPublicKeyEncrypts(t *testing.T) {
	for _, s := range []Set{Small, Medium, Deep} {
		k, err := ReadPublicKey(bytes.NewReader(publicKey(t, s)), s)
		if err != nil {
			t.Fatal(err)
		}
		want := vector(s.Slots(), 3)
		var last []byte
		for level := range s.Levels() + 1 {
			c, err := k.Encrypt(privacy.Hide(want), level)
			if err != nil {
				t.Fatal(err)
			}
			got, err := key(t, s).Decrypt(c, s.InputScale(), .1)
			if err != nil {
				t.Fatal(err)
			}
			// Six deviations of e u + e1 s + e0, for one ternary secret, in a slot.
			n := float64(2 * s.Slots())
			apart(t, s.String(), got.Reveal(reveal.Token{}), want, 6*deviation*n*1.2/s.InputScale())
			var b bytes.Buffer
			if _, err := c.WriteTo(&b); err != nil {
				t.Fatal(err)
			}
			again, err := ReadCiphertext(bytes.NewReader(b.Bytes()), s, level)
			if err != nil || again.Level() != level || again.Set() != s {
				t.Fatalf("a ciphertext under a public key does not travel: %v", err)
			}
			if bytes.Equal(last, b.Bytes()) {
				t.Fatal("two encryptions are one")
			}
			last = b.Bytes()
		}
		if _, err := k.Encrypt(privacy.Hide(want), s.Levels()+1); err == nil {
			t.Error("a level that there is not")
		}
		zero := func(seed byte) []byte {
			c, err := k.Zero(limb.CoinsOf([32]byte{seed}), 0)
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			_, _ = c.WriteTo(&b)
			return b.Bytes()
		}
		if !bytes.Equal(zero(1), zero(1)) || bytes.Equal(zero(1), zero(2)) {
			t.Error("an encryption of zero does not follow from its seed")
		}
	}
	b := publicKey(t, Small)
	if _, err := ReadPublicKey(bytes.NewReader(b), Medium); !notice.Is(err, notice.Invalid) {
		t.Errorf("a key of another set: %v", err)
	}
	b[3] = 9
	if _, err := ReadPublicKey(bytes.NewReader(b), Small); !notice.Is(err, notice.Unsupported) {
		t.Errorf("a later format: %v", err)
	}
}
