package secagg

import (
	"bytes"
	"crypto/subtle"
	"fmt"
	"slices"

	"manx/privacy/notice"
	"manx/privacy/shamir"
)

// Sum takes the masks off, with the shares that have been opened so far, and
// returns the sum. While too few have opened it is a ShortError, and more may come.
func (c *Coordinator) Sum() (Sum, error) {
	if c.complete {
		return c.sum, c.failed
	}
	if c.step != opened {
		return Sum{}, notice.New(notice.Conflict, "steps of the round are still open", "close them first")
	}
	if len(c.absent) > 0 {
		return Sum{}, c.short(len(c.got[opened]), c.absent)
	}
	all, staying := c.sets[sharesFrom], c.sets[maskedFrom]
	var masks []mask
	for _, of := range all {
		if !staying.has(of) && len(staying.of(c.graph[of], of)) == 0 {
			continue // nobody who stayed has a mask with it
		}
		secret, err := c.rebuild(of, staying.has(of))
		if err != nil {
			return Sum{}, err
		}
		if staying.has(of) {
			masks = append(masks, newMask(maskKey(secret, c.digest), true))
			continue
		}
		own, _ := publicOf(secret)
		beside := staying.of(c.graph[of], of)
		var all []exchange
		for _, other := range beside {
			all = append(all, pairMask(own, c.keys[other].masking, of, other))
		}
		keys, bad := between(c.digest, all...)
		if bad >= 0 {
			return Sum{}, badKey(beside[bad])
		}
		for i, other := range beside {
			masks = append(masks, newMask(keys[i], of > other)) // what the other did to its own update, taken back
		}
	}
	c.sum, c.failed = c.round.sum(Sum{Sites: slices.Clone(staying), Totals: <-c.room}, c.total, masks)
	c.complete = true
	return c.sum, c.failed
}

// rebuild joins the shares of a site's mask seed, or of its masking key. A share
// that is not what its dealer committed to names who opened it; enough that are,
// and that make another secret, name the dealer.
func (c *Coordinator) rebuild(of int, mask bool) (secret [secretSize]byte, err error) {
	use, marked, offset := "share of key", ofKey, digestSize
	if mask {
		use, marked, offset = "share of self", ofMask, 0
	}
	needed := c.round.needed()
	var at []byte
	var shares [][]byte
	var missing, gone, lied []int
	for i, holder := range holders(c.graph, of) {
		if len(at) == needed {
			break
		}
		if !c.sets[agreedFrom].has(holder) {
			gone = append(gone, holder)
			continue
		}
		m, ok := c.got[opened][holder]
		if !ok {
			missing = append(missing, holder)
			continue
		}
		place := slices.Index(c.sets[sharesFrom].of(holders(c.graph, holder), -1), of)
		b := m[headSize+place*openedShare:][:openedShare]
		if b[0] == nothing {
			continue
		}
		share := [secretSize]byte(b[1:])
		sum := commitment(c.digest, use, of, holder, share)
		if b[0] != marked || subtle.ConstantTimeCompare(sum[:], c.committed(of, holder)[offset:][:digestSize]) == 0 {
			lied = append(lied, holder)
			continue
		}
		at, shares = append(at, byte(i+1)), append(shares, share[:])
	}
	switch {
	case len(at) < needed && len(missing) > 0:
		return secret, c.short(len(c.got[opened]), missing)
	case len(at) < needed && len(lied) > 0:
		return secret, notice.New(notice.Integrity, fmt.Sprintf("hospital %d has opened a wrong share", lied[0]+1), "begin a new round without it")
	case len(at) < needed && len(gone) > 0: // in a sparse graph
		return secret, c.short(len(c.got[opened]), gone)
	case len(at) < needed:
		return secret, badShares(of)
	}
	secret = [secretSize]byte(shamir.Join(at, shares))
	if mask {
		sum := commitment(c.digest, "self", of, of, secret)
		if !bytes.Equal(sum[:], c.got[sharesFrom][of][headSize+digestSize:][:digestSize]) {
			return secret, badShares(of)
		}
	} else if _, public := publicOf(secret); !bytes.Equal(public, c.keys[of].masking) {
		return secret, badShares(of)
	}
	return secret, nil
}

func badShares(of int) error {
	return notice.New(notice.Integrity, fmt.Sprintf("hospital %d has dealt wrong shares", of+1), "begin a new round without it")
}

// committed returns a dealer's two commitments to what a holder has.
func (c *Coordinator) committed(dealer, holder int) []byte {
	if dealer == holder {
		return c.got[sharesFrom][dealer][headSize+2*digestSize:][:2*digestSize]
	}
	return c.piece(dealer, holder)[:2*digestSize]
}
