package ckks

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
	"runtime"

	"github.com/tuneinsight/lattigo/v5/core/rlwe"
	"github.com/tuneinsight/lattigo/v5/ring"
	"github.com/tuneinsight/lattigo/v5/ring/ringqp"
	"github.com/tuneinsight/lattigo/v5/utils/structs"
	"golang.org/x/sync/errgroup"

	"manx/privacy/notice"
)

func bitLen(q uint64) int { return bits.Len64(q) }

func limbsSize(primes []uint64, n int) (size int64) {
	for _, q := range primes {
		size += int64(packedSize(n, bitLen(q)))
	}
	return size
}

// EvaluationKeys let a machine compute on one owner's ciphertexts. They decrypt
// nothing, but they are that owner's: destroy them when the job ends.
type EvaluationKeys struct {
	lat   *lattice
	relin *rlwe.RelinearizationKey
	turns map[int]*rlwe.GaloisKey
	level map[int]int
}

// ReadEvaluationKeys reads exactly the keys needed, from a stranger: other keys,
// in another order or at another level are an error, and memory never exceeds
// what the needs take (about three times Needs.Size).
func ReadEvaluationKeys(ctx context.Context, r io.Reader, s Set, needs Needs) (*EvaluationKeys, error) {
	if err := needs.Check(s); err != nil {
		return nil, fmt.Errorf("read evaluation keys: %w", err)
	}
	l, err := newLattice(s)
	if err != nil {
		return nil, err
	}
	var h [keysHeader]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return nil, badKeys(err)
	}
	switch {
	case string(h[:3]) != "mxk":
		return nil, badKeys(fmt.Errorf("no evaluation key header"))
	case h[3] != version:
		return nil, notice.New(notice.Unsupported, "evaluation keys of another format version", "update manx on the machine that reads them")
	case Set(h[4]) != s || int(binary.LittleEndian.Uint16(h[5:])) != len(needs):
		return nil, badKeys(fmt.Errorf("%d keys of set %d", binary.LittleEndian.Uint16(h[5:]), h[4]))
	}
	public := [32]byte(h[7:])
	made := make([]rlwe.EvaluationKey, len(needs))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0) + 1)
	var failed error
	for i, n := range needs {
		if failed = ctx.Err(); failed != nil {
			break
		}
		var kh [5]byte
		if _, failed = io.ReadFull(r, kh[:]); failed != nil {
			break
		}
		if binary.LittleEndian.Uint32(kh[:]) != uint32(n.Rotation) || int(kh[4]) != n.Level {
			failed = fmt.Errorf("key %d is for another rotation or level", i)
			break
		}
		primes := l.chain(n.Level, true)
		halves := make([][][]uint64, l.digits(n.Level))
		for d := range halves {
			halves[d] = newLimbs(len(primes), l.n)
			if failed = readLimbs(r, primes, halves[d]); failed != nil {
				break
			}
		}
		if failed != nil {
			break
		}
		group.Go(func() error {
			made[i] = l.key(n, public, halves)
			return ctx.Err()
		})
	}
	if err := group.Wait(); err != nil && failed == nil {
		return nil, fmt.Errorf("read evaluation keys: %w", err)
	}
	if failed != nil {
		return nil, badKeys(failed)
	}
	return l.assemble(needs, made), nil
}

// key expands one key's uniform halves and transforms both.
func (l *lattice) key(n Need, public [32]byte, halves [][][]uint64) rlwe.EvaluationKey {
	primes := l.chain(n.Level, true)
	qp := l.params.RingQP().AtLevel(n.Level, len(l.p)-1)
	value := make(structs.Matrix[rlwe.VectorQP], len(halves))
	for d, b := range halves {
		a := newLimbs(len(primes), l.n)
		expand(keySeed(public, n, d), primes, a)
		pair := rlwe.VectorQP{split(b, n.Level), split(a, n.Level)}
		for _, p := range pair {
			qp.NTT(p, p)
			qp.MForm(p, p)
		}
		value[d] = []rlwe.VectorQP{pair}
	}
	return rlwe.EvaluationKey{GadgetCiphertext: rlwe.GadgetCiphertext{Value: value}}
}

func split(limbs [][]uint64, levelQ int) ringqp.Poly {
	return ringqp.Poly{Q: poly(limbs[:levelQ+1]), P: poly(limbs[levelQ+1:])}
}

func (l *lattice) assemble(needs Needs, made []rlwe.EvaluationKey) *EvaluationKeys {
	k := &EvaluationKeys{lat: l, turns: map[int]*rlwe.GaloisKey{}, level: map[int]int{}}
	for i, n := range needs {
		k.level[n.Rotation] = n.Level
		if n.Rotation == 0 {
			k.relin = &rlwe.RelinearizationKey{EvaluationKey: made[i]}
			continue
		}
		k.turns[n.Rotation] = &rlwe.GaloisKey{
			GaloisElement: l.params.GaloisElement(n.Rotation), NthRoot: l.ringQ.NthRoot(), EvaluationKey: made[i],
		}
	}
	return k
}

// Set returns the parameters the keys are for.
func (k *EvaluationKeys) Set() Set { return k.lat.set }

// covers reports whether a rotation (0: relinearisation) at a level is there.
func (k *EvaluationKeys) covers(rotation, level int) bool {
	have, ok := k.level[rotation]
	return ok && have >= level
}

// index returns the permutation of transformed coefficients for a rotation.
func (l *lattice) index(rotation int) ([]uint64, error) {
	return ring.AutomorphismNTTIndex(l.n, l.ringQ.NthRoot(), l.params.GaloisElement(rotation))
}
