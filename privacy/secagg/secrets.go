package secagg

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha3"
	"fmt"

	"manx/privacy"
	"manx/privacy/internal/curve"
	"manx/privacy/reveal"
)

const secretSize = 32 // of what is dealt in shares

// NewSeed returns what all of a side's secrets of one round follow from. It is kept
// until the round is over, sealed, and then destroyed: with the seed, who recorded
// the messages reads the update.
func NewSeed() privacy.Secret[[32]byte] {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return privacy.Hide(b)
}

// secrets are a side's in one round: hidden behind closures, so that nothing prints
// them.
type secrets struct {
	sealing func() *ecdh.PrivateKey // the peers' shares are sealed to it
	masking func() *ecdh.PrivateKey // pairwise masks follow from it; it may be opened
	self    func() [secretSize]byte // the own mask follows from it; it may be opened
	noise   func(n int) []byte      // coefficients of the shares
	round   [32]byte
}

func newSecrets(seed privacy.Secret[[32]byte], round [32]byte) (s secrets, err error) {
	secret := seed.Reveal(reveal.Token{})
	if secret == [32]byte{} {
		return s, fmt.Errorf("secagg: no seed")
	}
	s.round = round
	var keys [2]*ecdh.PrivateKey
	for i, label := range []string{"sealing", "masking"} {
		k := derive(secret[:], round, label)
		if keys[i], err = ecdh.X25519().NewPrivateKey(k[:]); err != nil {
			return s, err
		}
	}
	s.sealing, s.masking = func() *ecdh.PrivateKey { return keys[0] }, func() *ecdh.PrivateKey { return keys[1] }
	s.self = func() [secretSize]byte { return derive(secret[:], round, "self") }
	s.noise = func(n int) []byte {
		k := derive(secret[:], round, "shares")
		h := sha3.NewSHAKE256()
		_, _ = h.Write(k[:])
		out := make([]byte, n)
		_, _ = h.Read(out)
		return out
	}
	return s, nil
}

// derive returns a key of a secret for one use.
func derive(secret []byte, round [32]byte, use string) [32]byte {
	b, err := hkdf.Key(sha256.New, secret, round[:], "manx/secagg/v1/"+use, 32)
	if err != nil {
		panic(err) // thirty-two bytes are few enough
	}
	return [32]byte(b)
}

// An exchange is a key and another's public key, of which both have a key for one use.
type exchange struct {
	own   *ecdh.PrivateKey
	other []byte
	use   string
}

// pairMask is of the mask that two sites share, alike from either side.
func pairMask(own *ecdh.PrivateKey, other []byte, a, b int) exchange {
	return exchange{own, other, fmt.Sprintf("pair %d %d", min(a, b), max(a, b))}
}

// siteTag is of the tag of a site's masked update, alike for it and the coordinator.
func siteTag(own *ecdh.PrivateKey, other []byte, site int) exchange {
	return exchange{own, other, fmt.Sprintf("tag %d", site)}
}

// between returns the exchanges' keys, or the place of the first that has none: with a
// public key of small order there is no secret. The place is -1 where all have one.
func between(round [32]byte, all ...exchange) (keys [][32]byte, bad int) {
	pairs := make([]curve.Pair, len(all))
	for i, x := range all {
		pairs[i] = curve.Pair{Own: x.own, Other: x.other}
	}
	secrets, bad := curve.Agree(pairs)
	for i, secret := range secrets {
		keys = append(keys, derive(secret[:], round, all[i].use)) //nolint:gosec // a secret for each pair
	}
	return keys, bad
}

// box seals with a key that seals once; what stands beside is bound to it.
func box(key [32]byte) cipher.AEAD {
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // thirty-two bytes are a key
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return gcm
}

var onlyOnce [12]byte //nolint:gochecknoglobals // the nonce of keys that are used once; never written

func sealOnce(key [32]byte, plain, beside []byte) []byte {
	return box(key).Seal(nil, onlyOnce[:], plain, beside)
}

func openOnce(key [32]byte, sealed, beside []byte) ([]byte, error) {
	return box(key).Open(nil, onlyOnce[:], sealed, beside)
}

// commitment is to one secret or share of use: which are random, so it hides them.
func commitment(round [32]byte, use string, dealer, to int, secret [secretSize]byte) [digestSize]byte {
	h := sha256.New()
	h.Write([]byte("manx/secagg/commitment/v1\x00" + use + "\x00"))
	h.Write(round[:])
	h.Write([]byte{byte(dealer), byte(dealer >> 8), byte(to), byte(to >> 8)})
	h.Write(secret[:])
	return [digestSize]byte(h.Sum(nil))
}

// maskKey is of a site's own mask.
func maskKey(self [secretSize]byte, round [32]byte) [32]byte { return derive(self[:], round, "mask") }

// publicOf returns the public key of a masking key that was rebuilt, nil of bytes
// that are none.
func publicOf(key [secretSize]byte) (*ecdh.PrivateKey, []byte) {
	k, err := ecdh.X25519().NewPrivateKey(key[:])
	if err != nil {
		return nil, nil
	}
	return k, k.PublicKey().Bytes()
}
