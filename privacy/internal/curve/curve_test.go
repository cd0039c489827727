package curve

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/hex"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
)

// coins draws the same bytes in every run.
type coins struct{ *rand.ChaCha8 }

func newCoins(seed byte) coins { return coins{rand.NewChaCha8([32]byte{seed})} }

func (c coins) key() *ecdh.PrivateKey {
	var b [keySize]byte
	_, _ = c.Read(b[:])
	k, err := ecdh.X25519().NewPrivateKey(b[:])
	if err != nil {
		panic(err) // thirty-two bytes are a key
	}
	return k
}

func (c coins) signed(size int) Signed {
	var b [keySize]byte
	_, _ = c.Read(b[:])
	key, m := ed25519.NewKeyFromSeed(b[:]), make([]byte, size)
	_, _ = c.Read(m)
	return Signed{key.Public().(ed25519.PublicKey), m, ed25519.Sign(key, m)}
}

var prime = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))

// littleEndian is a number in 32 bytes.
func littleEndian(n *big.Int) []byte {
	b := n.FillBytes(make([]byte, keySize))
	slices.Reverse(b)
	return b
}

// oddKeys are encodings of u or y that are rare: of small order, at the modulus and
// beyond, with the last bit set.
func oddKeys() (out [][]byte) {
	for _, n := range []int64{-1, 0, 1, 2, 3, 9, 17, 18} {
		out = append(out, littleEndian(new(big.Int).Add(prime, big.NewInt(n))))
	}
	for _, n := range []int64{0, 1, 2, 9} {
		out = append(out, littleEndian(big.NewInt(n)))
	}
	for _, h := range []string{
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800", // u of order 8
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", // y of order 8
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	} {
		b, err := hex.DecodeString(h)
		if err != nil {
			panic(err) // they are hexadecimal
		}
		out = append(out, b)
	}
	for _, b := range out {
		b = slices.Clone(b)
		b[keySize-1] |= 1 << 7
		out = append(out, b)
	}
	return out
}

// agreed is what Go's library says.
func agreed(p Pair) []byte {
	k, err := ecdh.X25519().NewPublicKey(p.Other)
	if err != nil {
		return nil
	}
	b, _ := p.Own.ECDH(k)
	return b
}

// Every number of pairs, with odd keys among them, agrees on what Go's library says.
func TestAgreementsAreThoseOfTheLibrary(t *testing.T) {
	c := newCoins(1)
	var good, bad []Pair
	for _, other := range oddKeys() {
		p := Pair{c.key(), other}
		if agreed(p) == nil {
			bad = append(bad, p)
		} else {
			good = append(good, p)
		}
	}
	for range 40 {
		good = append(good, Pair{c.key(), c.key().PublicKey().Bytes()})
	}
	if len(bad) < 8 || len(good) < 50 {
		t.Fatalf("%d pairs without a secret, %d with one", len(bad), len(good))
	}
	for n := range len(good) {
		got, at := Agree(good[n:min(n+n%20, len(good))])
		if at >= 0 {
			t.Fatalf("from %d on, pair %d has no secret", n, at)
		}
		for i, secret := range got {
			if p := good[n+i]; !bytes.Equal(secret[:], agreed(p)) {
				t.Fatalf("from %d on, pair %d: %x, not %x", n, i, secret, agreed(p))
			}
		}
	}
	for i, p := range append(bad, Pair{c.key(), make([]byte, 31)}) {
		pairs := slices.Insert(slices.Clone(good[:20]), i%20, p)
		if secrets, at := Agree(pairs); at != i%20 || secrets != nil {
			t.Errorf("%x: agreed on, or told at %d", p.Other, at)
		}
	}
}

// The ladder of RFC 7748, section 5.2, a thousand times over.
func TestAgreementsOfTheRFC(t *testing.T) {
	k := make([]byte, keySize)
	k[0] = 9
	u := slices.Clone(k)
	for range 1000 {
		own, err := ecdh.X25519().NewPrivateKey(k)
		if err != nil {
			t.Fatal(err)
		}
		secrets, _ := Agree([]Pair{{own, u}, {own, u}})
		k, u = secrets[1][:], k
	}
	if got := hex.EncodeToString(k); got != "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51" {
		t.Errorf("after a thousand: %s", got)
	}
}

// verified is what Go's library says.
func verified(s Signed) bool {
	return len(s.Key) == ed25519.PublicKeySize && ed25519.Verify(s.Key, s.Message, s.Signature)
}

// altered returns signatures that are wrong each in one way, and rare ones that are not.
func altered(c coins) (out []Signed) {
	order, _ := new(big.Int).SetString("1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed", 16)
	change := func(f func(s *Signed)) {
		s := c.signed(40)
		f(&s)
		out = append(out, s)
	}
	for _, at := range []int{0, 15, 31, 32, 50, 63} {
		for _, bit := range []byte{1, 0x80} {
			change(func(s *Signed) { s.Signature[at] ^= bit })
		}
	}
	for _, at := range []int{0, 31} {
		change(func(s *Signed) { s.Key = slices.Clone(s.Key); s.Key[at] ^= 0x80 })
	}
	change(func(s *Signed) { s.Message[7] ^= 1 })
	change(func(s *Signed) { s.Signature = s.Signature[:63] })
	change(func(s *Signed) { s.Signature = append(s.Signature, 0) })
	change(func(s *Signed) { s.Signature = nil })
	change(func(s *Signed) { s.Key = s.Key[:31] })
	for _, add := range []*big.Int{order, new(big.Int).Lsh(order, 1), new(big.Int).Lsh(order, 2)} { // S beyond the order
		change(func(s *Signed) {
			b := slices.Clone(s.Signature[keySize:])
			slices.Reverse(b)
			copy(s.Signature[keySize:], littleEndian(add.Add(add, new(big.Int).SetBytes(b))))
		})
	}
	// With a key of small order S = 0 and an R of small order may be right.
	for _, key := range oddKeys() {
		for _, r := range oddKeys() {
			out = append(out, Signed{key, key[:3], append(slices.Clone(r), make([]byte, keySize)...)})
		}
	}
	return out
}

// Each signature, whatever stands beside it, is taken or refused as Go's library does.
func TestSignaturesAreThoseOfTheLibrary(t *testing.T) {
	c := newCoins(2)
	odd := altered(c)
	right := 0
	beside := []Signed{c.signed(0), c.signed(1), c.signed(200), c.signed(7), c.signed(64), c.signed(5), c.signed(9), c.signed(1)}
	for i, s := range odd {
		all := slices.Clone(beside[:2+i%7])
		all[i%len(all)] = s
		want := -1
		if !verified(s) {
			want = i % len(all)
		} else {
			right++
		}
		if got := Verify(all); got != want {
			t.Errorf("%d, key %x, signature %x: %d, not %d", i, s.Key, s.Signature, got, want)
		}
	}
	if right < 8 || right > len(odd)/2 {
		t.Errorf("%d of %d odd signatures are right", right, len(odd))
	}
	var all []Signed
	for n := range 20 {
		if at := Verify(all); at != -1 {
			t.Errorf("of %d that are right, %d is not", n, at)
		}
		all = append(all, c.signed(n))
	}
	all[9].Signature[4] ^= 1
	all[17].Signature[4] ^= 1
	if at := Verify(all); at != 9 {
		t.Errorf("the first wrong one is 9, not %d", at)
	}
}

// A key with a part of order two, and an R with one or without: whether the parts
// match decides, as it does in the library, which multiplies by no cofactor.
func TestKeysWithAPartOfSmallOrder(t *testing.T) {
	c := newCoins(3)
	order, _ := new(big.Int).SetString("1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed", 16)
	drawn := func() (scalar *big.Int, point []byte) {
		var seed [keySize]byte
		_, _ = c.Read(seed[:])
		h := sha512.Sum512(seed[:])
		k := h[:keySize]
		k[0] &= 248
		k[31] = k[31]&63 | 64
		slices.Reverse(k)
		return new(big.Int).SetBytes(k), ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey)
	}
	moved := func(point []byte) []byte { // (x, y) + (0, -1) = (-x, -y)
		y := slices.Clone(point)
		sign := y[31] &^ 127
		y[31] &= 127
		slices.Reverse(y)
		out := littleEndian(new(big.Int).Sub(prime, new(big.Int).SetBytes(y)))
		out[31] |= sign ^ 128
		return out
	}
	seen := map[bool]int{}
	for n := range 32 {
		a, key := drawn()
		r, first := drawn()
		key = moved(key)
		if n%2 == 1 {
			first = moved(first)
		}
		h := sha512.Sum512(slices.Concat(first, key, []byte{byte(n)}))
		k := slices.Clone(h[:])
		slices.Reverse(k)
		s := new(big.Int).Mod(new(big.Int).SetBytes(k), order)
		s.Mod(s.Add(s.Mul(s, a), r), order)
		signed := Signed{key, []byte{byte(n)}, append(first, littleEndian(s)...)}
		want := verified(signed)
		seen[want]++
		if got := Verify([]Signed{signed, signed}) == -1; got != want {
			t.Errorf("key %x, R %x: %t", key, first, got)
		}
	}
	if seen[true] < 8 || seen[false] < 8 {
		t.Errorf("of one kind alone: %v", seen)
	}
}

func FuzzAgree(f *testing.F) {
	c := newCoins(4)
	for _, other := range oddKeys()[:4] {
		f.Add(c.key().Bytes(), other)
	}
	beside := Pair{c.key(), c.key().PublicKey().Bytes()}
	f.Fuzz(func(t *testing.T, own, other []byte) {
		k, err := ecdh.X25519().NewPrivateKey(own)
		if err != nil {
			return
		}
		p := Pair{k, other}
		want := agreed(p)
		got, at := Agree([]Pair{beside, p})
		if want == nil && at != 1 || want != nil && (at != -1 || !bytes.Equal(got[1][:], want)) {
			t.Errorf("%x and %x: %x, not %x", own, other, got, want)
		}
	})
}

func FuzzVerify(f *testing.F) {
	c := newCoins(5)
	s := c.signed(10)
	f.Add([]byte(s.Key), s.Message, s.Signature)
	for _, s := range altered(c)[:30] {
		f.Add([]byte(s.Key), s.Message, s.Signature)
	}
	beside := c.signed(3)
	f.Fuzz(func(t *testing.T, key, message, signature []byte) {
		s := Signed{key, message, signature}
		if got := Verify([]Signed{beside, s}); (got == -1) != verified(s) || got == 0 {
			t.Errorf("key %x, signature %x: %d", key, signature, got)
		}
	})
}

// BenchmarkEights is what eight of a kind take, and one by Go's library.
func BenchmarkEights(b *testing.B) {
	c := newCoins(6)
	var pairs []Pair
	var all []Signed
	for range lanes {
		pairs, all = append(pairs, Pair{c.key(), c.key().PublicKey().Bytes()}), append(all, c.signed(100))
	}
	for name, f := range map[string]func(){
		"agree=1": func() { Agree(pairs[:1]) }, "agree=8": func() { Agree(pairs) },
		"verify=1": func() { Verify(all[:1]) }, "verify=8": func() { Verify(all) },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				f()
			}
		})
	}
}
