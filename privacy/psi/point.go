package psi

import (
	"crypto/ecdh"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"
)

// A point is an x-coordinate of Curve25519, little-endian.
type point [32]byte

// A curve is Curve25519's equation, y² = x³ + ax² + x modulo a prime.
type curve struct{ prime, a *big.Int }

func curve25519() curve {
	return curve{new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19)), big.NewInt(486662)}
}

// hashed maps an identifier to a point of the curve whose logarithm nobody
// knows: the first of SHA-512(session, identifier, 0), (.., 1), … modulo the
// prime that is an x-coordinate of the curve, and not of its twist, since which
// of the two it is outlives blinding. How many are tried depends on the
// identifier and shows in time alone, on its holder's device.
func (c curve) hashed(session [32]byte, id []byte) (p point) {
	var x, y, t big.Int
	for try := uint32(0); ; try++ {
		h := sha512.New()
		h.Write([]byte("manx/psi/point/v1"))
		h.Write(session[:])
		h.Write(binary.BigEndian.AppendUint32(nil, try))
		h.Write(id)
		x.SetBytes(h.Sum(nil)).Mod(&x, c.prime)
		// y = x·(x² + ax + 1)
		y.Add(&x, c.a).Mul(&y, &x).Add(&y, t.SetInt64(1)).Mul(&y, &x).Mod(&y, c.prime)
		if big.Jacobi(&y, c.prime) == 1 {
			x.FillBytes(p[:])
			slices.Reverse(p[:])
			return p
		}
	}
}

// blind multiplies points by a secret, on all processors. A point of small order
// yields zero and is an error: nobody who hashes identifiers sends one.
func blind(k *ecdh.PrivateKey, in []point) ([]point, error) {
	out := make([]point, len(in))
	var g errgroup.Group
	step := max(64, (len(in)+runtime.GOMAXPROCS(0)-1)/runtime.GOMAXPROCS(0))
	for from := 0; from < len(in); from += step {
		to := min(from+step, len(in))
		g.Go(func() error {
			for i := from; i < to; i++ {
				p, err := ecdh.X25519().NewPublicKey(in[i][:])
				if err != nil {
					return fmt.Errorf("point: %w", err)
				}
				q, err := k.ECDH(p)
				if err != nil {
					return errors.New("a point of small order")
				}
				copy(out[i][:], q)
			}
			return nil
		})
	}
	return out, g.Wait()
}

// tag is what the counter compares: a hash of a point blinded by both.
func tag(session [32]byte, p point) [32]byte {
	return sha256.Sum256(slices.Concat([]byte("manx/psi/tag/v1"), session[:], p[:]))
}

// dummy returns a point like any other, of no identifier.
func (c curve) dummy(noise io.Reader) point {
	b := make([]byte, 32)
	_, _ = io.ReadFull(noise, b) // neither source fails
	return c.hashed([32]byte(b), b)
}

// shuffled returns a random order of n things, by Fisher and Yates. A number is
// drawn from 64 bits, whose bias over 2^20 things is below 2^-44.
func shuffled(n int, noise io.Reader) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	var b [8]byte
	for i := n - 1; i > 0; i-- {
		_, _ = io.ReadFull(noise, b[:])
		j := int(binary.BigEndian.Uint64(b[:]) % uint64(i+1))
		order[i], order[j] = order[j], order[i]
	}
	return order
}
