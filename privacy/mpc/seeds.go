package mpc

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	seedsMagic  = "MXS2"
	seedsHeader = len(seedsMagic) + 1 + 8 + 64
	seedSize    = 32
	maxSeeded   = 1 << 32 // values; the caller says how many it expects
)

// DealSeeds splits values as Deal does, and writes each party's share with a seed in
// the place of each component that is random: 0 and 1. So party 0 gets 141 bytes,
// the others 8 more a value: a third of what Deal's shares are. The digests are the
// components', as Digests returns them. The bytes are secret: seal them.
func DealSeeds(values []uint64) (shares [Parties][]byte, digests [Parties][32]byte, err error) {
	var seeds [2][seedSize]byte
	var blinds [Parties][32]byte
	for _, b := range [][]byte{seeds[0][:], seeds[1][:], blinds[0][:], blinds[1][:], blinds[2][:]} {
		if _, err := rand.Read(b); err != nil {
			return shares, digests, err
		}
	}
	n := len(values)
	c := [Parties][]uint64{spread(seeds[0], n), spread(seeds[1], n), make([]uint64, n)}
	for i, v := range values {
		c[2][i] = v - c[0][i] - c[1][i]
	}
	for party := range shares {
		b := append(make([]byte, 0, seedsHeader+2*seedSize+8*n), seedsMagic...)
		b = binary.LittleEndian.AppendUint64(append(b, byte(party)), uint64(n))
		next := (party + 1) % Parties
		b = append(append(b, blinds[party][:]...), blinds[next][:]...)
		for _, j := range []int{party, next} {
			if j < len(seeds) {
				b = append(b, seeds[j][:]...)
				continue
			}
			for _, v := range c[j] {
				b = binary.LittleEndian.AppendUint64(b, v)
			}
		}
		shares[party] = b
		digests[party] = hide(&dealt{party, vec{c[party], c[next]}, [2][32]byte{blinds[party], blinds[next]}}).Digests()[0]
	}
	return shares, digests, nil
}

// spread draws a component from its seed.
func spread(seed [seedSize]byte, n int) []uint64 { return newStream(seed, "component").draw(n) }

// ReadSeeds reads what DealSeeds wrote, if it is party's share of n values.
func ReadSeeds(b []byte, party, n int) (Share, error) {
	switch {
	case party < 0 || party >= Parties || n < 0 || n > maxSeeded:
		return Share{}, fmt.Errorf("%w: party or number of values out of range", ErrMalformed)
	case !littleEndian():
		return Share{}, errors.New("mpc: needs a little-endian machine")
	case len(b) < seedsHeader || string(b[:4]) != seedsMagic:
		return Share{}, fmt.Errorf("%w: not a share with seeds", ErrMalformed)
	case int(b[4]) != party:
		return Share{}, fmt.Errorf("%w: another party's share", ErrMalformed)
	}
	next := (party + 1) % Parties
	size := seedsHeader
	for _, j := range []int{party, next} {
		if j < 2 {
			size += seedSize
		} else {
			size += 8 * n
		}
	}
	if binary.LittleEndian.Uint64(b[5:]) != uint64(n) || len(b) != size {
		return Share{}, fmt.Errorf("%w: a share of another number of values", ErrMalformed)
	}
	d := &dealt{party: party}
	copy(d.blinds[0][:], b[13:])
	copy(d.blinds[1][:], b[45:])
	b = b[seedsHeader:]
	for k, j := range []int{party, next} {
		var v []uint64
		if j < 2 {
			v, b = spread([seedSize]byte(b), n), b[seedSize:]
		} else {
			v = make([]uint64, n)
			for i := range v {
				v[i] = binary.LittleEndian.Uint64(b[8*i:])
			}
			b = b[8*n:]
		}
		if k == 0 {
			d.a = v
		} else {
			d.b = v
		}
	}
	return hide(d), nil
}
