package secagg

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Bounds of a Round.
const (
	MaxSites  = 1 << 10
	MaxLength = 1 << 26 // of an update: 256 MiB masked
	maxDegree = 254     // with the site itself, the points of GF(2^8) but 0
	leastSite = 3       // of two, each would know the other's
)

// A Round is what sites and coordinator agree on before anything is sent. It is
// public, and all of it is bound into every signature and every mask.
type Round struct {
	ID          [32]byte            // used once; in a sparse graph drawn after the roster
	Coordinator ed25519.PublicKey   // its account key
	Sites       []ed25519.PublicKey // the roster: account keys by place, 3 to MaxSites
	Threshold   int                 // fewest sites whose sum is told: more than (n+1)/2
	Degree      int                 // neighbours of a site, an even number; 0 is all others
	Needed      int                 // shares that rebuild a secret; 0 is Threshold, in a complete graph only

	Length  int     // values of an update
	Clip    float64 // no value of an update is larger, above 0
	Noise   float64 // the most noise that a site adds to a value; 0 is none
	Most    uint32  // the largest weight of a site, such as its persons; 1 where all weigh alike
	Minimum uint32  // the smallest weight with which a site takes part, 1 to Most
}

// Majority is the Threshold for n sites that up to a third of them may collude
// against together with the coordinator: more than two thirds.
func Majority(n int) int { return 2*n/3 + 1 }

// Check reports what is wrong with a round.
func (r Round) Check() error {
	n := len(r.Sites)
	switch {
	case n < leastSite || n > MaxSites:
		return fmt.Errorf("secagg: a roster of %d sites: %d to %d", n, leastSite, MaxSites)
	case len(r.Coordinator) != ed25519.PublicKeySize:
		return errors.New("secagg: no key of the coordinator")
	case r.Threshold > n || 2*r.Threshold <= n+1:
		return fmt.Errorf("secagg: a threshold of %d of %d sites: more than half of them and one", r.Threshold, n)
	case r.Degree < 0 || r.Degree >= n || r.degree() > maxDegree || !r.complete() && r.Degree%2 != 0:
		return fmt.Errorf("secagg: %d neighbours among %d sites", r.Degree, n)
	case !r.complete() && r.Needed < 2:
		return errors.New("secagg: a sparse graph without the shares that rebuild a secret")
	case r.Needed < 0 || r.needed() > r.degree()+1 || r.complete() && r.needed() != r.Threshold:
		return fmt.Errorf("secagg: %d shares of a neighbourhood of %d", r.Needed, r.degree()+1)
	case r.Length < 1 || r.Length > MaxLength:
		return fmt.Errorf("secagg: an update of %d values: 1 to %d", r.Length, MaxLength)
	case !(r.Clip > 0) || r.Clip > 1e30 || !(r.Noise >= 0) || r.Noise > 1e30:
		return errors.New("secagg: a clip or noise that is no bound")
	case r.Minimum < 1 || r.Most < r.Minimum || r.Most > math.MaxUint32/uint32(n):
		return errors.New("secagg: weights out of bounds, or whose sum is")
	}
	seen := map[string]bool{}
	for i, k := range r.Sites {
		if len(k) != ed25519.PublicKeySize || seen[string(k)] {
			return fmt.Errorf("secagg: site %d has no key, or another's", i+1)
		}
		seen[string(k)] = true
	}
	return nil
}

func (r Round) degree() int {
	if r.Degree == 0 {
		return len(r.Sites) - 1
	}
	return r.Degree
}

func (r Round) complete() bool { return r.degree() == len(r.Sites)-1 }

func (r Round) needed() int {
	if r.Needed == 0 {
		return r.Threshold
	}
	return r.Needed
}

// digest is what every signature and key is bound to.
func (r Round) digest() [32]byte {
	h := sha256.New()
	h.Write([]byte("manx/secagg/round/v1\x00"))
	h.Write(r.ID[:])
	h.Write(r.Coordinator)
	for _, v := range []uint64{
		uint64(r.Threshold), uint64(r.degree()), uint64(r.needed()), uint64(r.Length),
		math.Float64bits(r.Clip), math.Float64bits(r.Noise), uint64(r.Most), uint64(r.Minimum), uint64(len(r.Sites)),
	} {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], v)
		h.Write(b[:])
	}
	for _, k := range r.Sites {
		h.Write(k)
	}
	return [32]byte(h.Sum(nil))
}

// Bytes is how long a masked update is: 4 bytes a value and for the weight.
func (r Round) Bytes() int { return 4 * (r.Length + 1) }
