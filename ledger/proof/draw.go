// Package proof is the arithmetic behind proved results: who is drawn for a job,
// how many, whom the replies convince, what an outcome does to a standing, and
// what a lie costs. They are pure functions of integers, the same on every peer
// and in the simulation of a population (ml/pool/population).
//
// A stake is the unit of everything: a coalition is bounded by its share of all
// stakes, not by how many names it has. Assumed says up to which share the
// confidences hold. ADR 25 says what is left to whom holds more.
//
// It keeps nothing, and moves no money: the contract does.
package proof

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"slices"

	"manx/ledger"
)

// Order returns the indices of stakes in the order in which a job draws them by a
// value of the beacon: at each place one of those left, by its share of what they
// hold together (sampling without replacement after Efraimidis and Spirakis,
// 2006). One stake more or less, or of another size, does not change the order of
// the others, so nobody draws anew by leaving.
func Order(value ledger.Hash, j ledger.JobID, stakes []ledger.Stake) []int {
	type turn struct {
		at     int
		wait   uint64 // -log2 of a uniform number, 2^40 times
		weight uint64
	}
	turns, before := make([]turn, 0, len(stakes)), prefix(value, j)
	for i, s := range stakes {
		if w := s.Amount.Thousandths(); w > 0 {
			turns = append(turns, turn{i, wait(before, s.Worker), w})
		}
	}
	// Sooner is who has the smaller wait for its weight; products of 47 and 41 bits.
	slices.SortStableFunc(turns, func(a, b turn) int {
		ah, al := bits.Mul64(a.wait, b.weight)
		bh, bl := bits.Mul64(b.wait, a.weight)
		switch {
		case ah != bh && ah < bh, ah == bh && al < bl:
			return -1
		case ah == bh && al == bl:
			return 0
		}
		return 1
	})
	out := make([]int, len(turns))
	for i, t := range turns {
		out[i] = t.at
	}
	return out
}

// A Job is what a draw depends on beside chance and stakes.
type Job struct {
	ID    ledger.JobID
	Proof ledger.Proof
	Fee   ledger.Amount
	Ready ledger.Time
}

// Draw draws a job's replicas: in the order of its value, one of an operator at the
// most, of stakes that were there when it was ready and that cover its fee, until
// there are as many as the proof wants; full false where there are not so many.
// standings are those of the drawn.
func Draw(j Job, value ledger.Hash, now ledger.Time, stakes []ledger.Stake, standing func(ledger.PartyID) (ledger.Standing, error)) (
	replicas []ledger.Replica, standings []ledger.Standing, full bool, err error) {
	var may []ledger.Stake
	for _, s := range stakes {
		if s.Draws(j.Ready) && s.Amount.Cmp(ledger.MinStake()) >= 0 && s.Amount.Cmp(j.Fee) >= 0 {
			may = append(may, s)
		}
	}
	var doubts []uint32
	operators := map[ledger.PartyID]bool{}
	for _, i := range Order(value, j.ID, may) {
		if Full(j.Proof, doubts) {
			break
		}
		s := may[i]
		st, err := standing(s.Worker)
		if err != nil {
			return nil, nil, false, err
		}
		if operators[s.Operator] || st.Open >= ledger.MaxOpen {
			continue
		}
		operators[s.Operator] = true
		d := Doubt(st, now, s.Amount, j.Fee)
		doubts = append(doubts, d)
		replicas, standings = append(replicas, ledger.Replica{Worker: s.Worker, Doubt: d}), append(standings, st)
	}
	return replicas, standings, Full(j.Proof, doubts), nil
}

// prefix is what is hashed for a job, before a worker's id.
func prefix(value ledger.Hash, j ledger.JobID) []byte {
	b := append([]byte("manx/draw/v1\x00"), value[:]...)
	return append(append(b, j...), 0)
}

func wait(prefix []byte, worker ledger.PartyID) uint64 {
	sum := sha256.Sum256(append(prefix, worker...))
	return 64<<fraction - log2(binary.BigEndian.Uint64(sum[:])|1)
}

const fraction = 40 // bits

// log2 returns the binary logarithm of u, which is not 0, 2^40 times, by squaring:
// floating point need not be the same on two machines.
func log2(u uint64) uint64 {
	n := bits.LeadingZeros64(u)
	x := u << n // in [1, 2), 63 bits after the point
	r := uint64(63-n) << fraction
	for bit := uint64(1) << (fraction - 1); bit > 0; bit >>= 1 {
		hi, lo := bits.Mul64(x, x) // in [1, 4), 126 bits after the point
		if hi>>63 == 1 {
			r |= bit
			x = hi
		} else {
			x = hi<<1 | lo>>63
		}
	}
	return r
}
