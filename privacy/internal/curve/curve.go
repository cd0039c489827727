// Package curve does what many keys are for at once on Curve25519: agreements of one
// key with many others (X25519, RFC 7748) and signatures of many (Ed25519, RFC 8032),
// eight in the lanes of a vector where the machine multiplies 52 bits in lanes, by
// Go's library elsewhere and for what is left over. Results are those of crypto/ecdh
// and crypto/ed25519 to the bit, for all inputs.
package curve

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"slices"
)

const (
	lanes   = 8
	keySize = 32
)

// A Signed is a message with what is said to be its signature by a key.
type Signed struct {
	Key                ed25519.PublicKey // 32 bytes
	Message, Signature []byte
}

// Verify returns the place of the first whose signature is not its key's, or -1. It
// accepts what crypto/ed25519.Verify accepts, each by itself, and no key of another
// length. Its time tells what was verified.
func Verify(all []Signed) int {
	for done := 0; done < len(all); {
		next := all[done:][:min(lanes, len(all)-done)]
		if len(next) >= leastSigned && haveVectors() {
			if i := verifyEight(next); i >= 0 {
				return done + i
			}
			done += len(next)
			continue
		}
		if s := next[0]; len(s.Key) != ed25519.PublicKeySize || !ed25519.Verify(s.Key, s.Message, s.Signature) {
			return done
		}
		done++
	}
	return -1
}

// A Pair is an X25519 key, and another's public key.
type Pair struct {
	Own   *ecdh.PrivateKey
	Other []byte // 32 bytes
}

// Agree returns the secret of each pair, or the place of the first pair that has none:
// whose other is of small order, or no key. The place is -1 where all have one. Its time,
// and where it reads, tell neither keys nor secrets.
func Agree(pairs []Pair) (secrets [][keySize]byte, bad int) {
	for i, p := range pairs {
		if p.Own.Curve() != ecdh.X25519() || len(p.Other) != keySize {
			return nil, i
		}
	}
	for len(secrets) < len(pairs) {
		next := pairs[len(secrets):][:min(lanes, len(pairs)-len(secrets))]
		if len(next) >= leastAgreed && haveVectors() {
			secrets = append(secrets, agreeEight(next)...)
			continue
		}
		secrets = append(secrets, agreeOne(next[0]))
	}
	if i := slices.Index(secrets, [keySize]byte{}); i >= 0 {
		return nil, i
	}
	return secrets, -1
}

// agreeOne returns a pair's secret, zero for one of small order.
func agreeOne(p Pair) (secret [keySize]byte) {
	if key, err := ecdh.X25519().NewPublicKey(p.Other); err == nil {
		if b, err := p.Own.ECDH(key); err == nil {
			copy(secret[:], b)
		}
	}
	return secret
}
