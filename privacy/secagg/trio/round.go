package trio

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"manx/privacy/mpc"
	"manx/privacy/secagg/bounded"
)

// Pools are how many hospitals may compute: three, or four so that one may vanish. Of
// five, two threes could have one in common, who may lie.
const minPool, maxPool = mpc.Parties, mpc.Parties + 1

// MaxTries bounds how often a round is begun again.
const MaxTries = 12

// A Part is one of the vectors that a site adds, with a bound of its own.
type Part struct {
	Length        int
	Bound         float64 // of its Euclidean norm
	Minimum, Most uint32  // of its weight; 1 and 1 where all weigh alike
}

// A Round is what all sides of a round agree on. It is public.
type Round struct {
	ID        [32]byte            // used once
	Sites     []ed25519.PublicKey // by place: they sign with these
	Pool      []int               // places of who may compute, 3 or 4
	Threshold int                 // fewest sites that a sum is told of
	Parts     []Part
}

// A Try is one session of a round. Trio are the places of the three that compute.
type Try struct {
	Number int              `json:"try"` // from 1
	Trio   [mpc.Parties]int `json:"trio"`
}

// A Sum is what a round makes.
type Sum struct {
	Sites []int // whose updates are in it, by place
	Out   []int // whose dealings were not within their bounds
	Parts []bounded.Sum
}

// layout is a part's for so many sites.
func (r Round) layout(part, sites int) bounded.Layout {
	p := r.Parts[part]
	return bounded.Layout{Sites: sites, Length: p.Length, Bound: p.Bound, Most: p.Most, Minimum: p.Minimum, Least: r.Threshold}
}

// Step is the unit of quantisation of a part's values times weight.
func (r Round) Step(part int) float64 { return r.layout(part, len(r.Sites)).Step() }

// values is how many numbers a site deals.
func (r Round) values() (n int) {
	for _, p := range r.Parts {
		n += 1 + p.Length
	}
	return n
}

// Check reports what is wrong with a round.
func (r Round) Check() error {
	if len(r.Pool) < minPool || len(r.Pool) > maxPool || len(r.Parts) == 0 {
		return fmt.Errorf("trio: %d sites may compute, 3 or 4 can; %d parts", len(r.Pool), len(r.Parts))
	}
	for i, p := range r.Pool {
		if p < 0 || p >= len(r.Sites) || slices.Contains(r.Pool[:i], p) {
			return fmt.Errorf("trio: site %d may not compute, or is named twice", p)
		}
	}
	for i := range r.Parts {
		if err := r.layout(i, len(r.Sites)).Check(); err != nil {
			return err
		}
	}
	return nil
}

// party returns which of the three a place is in a try, or -1.
func (t Try) party(place int) int { return slices.Index(t.Trio[:], place) }

// check refuses a try by others than may compute.
func (r Round) check(t Try) error {
	if t.Number < 1 || t.Number > MaxTries {
		return fmt.Errorf("trio: try %d", t.Number)
	}
	for i, p := range t.Trio {
		if !slices.Contains(r.Pool, p) || slices.Contains(t.Trio[:i], p) {
			return fmt.Errorf("trio: site %d may not compute, or does twice", p)
		}
	}
	return nil
}

// session names a try over what sites have signed.
func (r Round) session(t Try, dealt []signed) (id [32]byte) {
	h := sha256.New()
	h.Write([]byte("manx/trio-session/v1\x00"))
	h.Write(r.ID[:])
	_ = binary.Write(h, binary.BigEndian, int64(t.Number))
	for _, d := range dealt {
		sum := sha256.Sum256(d.Said)
		h.Write(sum[:])
	}
	h.Sum(id[:0])
	return id
}
