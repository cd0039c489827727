package psi

import (
	"crypto/ecdh"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"
)

// A point is an x-coordinate of Curve25519, little-endian.
type point [32]byte

var (
	prime = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	a     = big.NewInt(486662) // y² = x³ + ax² + x
)

// hashed maps an identifier to a point of the curve whose logarithm nobody
// knows: the first of SHA-512(session, identifier, 0), (.., 1), … modulo the
// prime that is an x-coordinate of the curve, and not of its twist, since which
// of the two it is outlives blinding. How many are tried depends on the
// identifier and shows in time alone, on its holder's device.
func hashed(session [32]byte, id []byte) (p point) {
	var x, y, t big.Int
	for try := uint32(0); ; try++ {
		h := sha512.New()
		h.Write([]byte("manx/psi/point/v1"))
		h.Write(session[:])
		h.Write(binary.BigEndian.AppendUint32(nil, try))
		h.Write(id)
		x.SetBytes(h.Sum(nil)).Mod(&x, prime)
		// y = x·(x² + ax + 1)
		y.Add(&x, a).Mul(&y, &x).Add(&y, t.SetInt64(1)).Mul(&y, &x).Mod(&y, prime)
		if big.Jacobi(&y, prime) == 1 {
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
func dummy() point {
	b := make([]byte, 32)
	_, _ = rand.Read(b)
	return hashed([32]byte(b), b)
}

// shuffled returns a random order of n things.
func shuffled(n int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	for i := n - 1; i > 0; i-- {
		j, err := rand.Int(rand.Reader, big.NewInt(int64(i+1)))
		if err != nil {
			panic(err) // crypto/rand does not fail
		}
		order[i], order[j.Int64()] = order[j.Int64()], order[i]
	}
	return order
}
