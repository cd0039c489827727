package ckks

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"runtime"

	"golang.org/x/sync/errgroup"

	"manx/privacy/ckks/internal/limb"
	"manx/privacy/ckks/rns"
	"manx/privacy/notice"
)

// EvaluationKeys let a machine compute on one owner's ciphertexts. They decrypt
// nothing, but they are that owner's: destroy them when the job ends.
type EvaluationKeys struct {
	lat  *lattice
	keys map[int]*switchKey // by rotation; 0 is relinearisation
}

// A switchKey is one evaluation key, transformed and in Montgomery form.
type switchKey struct {
	level  int
	turn   *rns.Turn      // nil for relinearisation
	halves []*rns.Weights // by limb, those of P last: both halves of each digit in turn
}

// ReadEvaluationKeys reads exactly the keys needed, from a stranger: other keys,
// in another order or at another level are an error, and memory never exceeds
// what the needs take (about two and a half times Needs.Size).
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
	case h[3] != version && h[3] != versionCollective:
		return nil, notice.New(notice.Unsupported, "evaluation keys of another format version", "update manx on the machine that reads them")
	case Set(h[4]) != s || int(binary.LittleEndian.Uint16(h[5:])) != len(needs):
		return nil, badKeys(fmt.Errorf("%d keys of set %d", binary.LittleEndian.Uint16(h[5:]), h[4]))
	}
	public := [32]byte(h[7:])
	made := make([]*switchKey, len(needs))
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
		first, second := make([][][]uint64, l.digits(n.Level)), make([][][]uint64, l.digits(n.Level))
		for d := range first {
			first[d] = limb.New(len(primes), l.n)
			if failed = limb.Read(r, primes, first[d]); failed != nil {
				break
			}
			second[d] = limb.New(len(primes), l.n)
			if n.Rotation != 0 || h[3] != versionCollective {
				continue
			}
			if failed = limb.Read(r, primes, second[d]); failed != nil {
				break
			}
		}
		if failed != nil {
			break
		}
		group.Go(func() error {
			if n.Rotation != 0 || h[3] != versionCollective {
				for d := range second {
					limb.Expand(KeySeed(public, n, d), primes, second[d])
				}
			}
			var err error
			if made[i], err = l.key(n, first, second); err != nil {
				return err
			}
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

// key transforms one key's halves. It spoils them.
func (l *lattice) key(n Need, first, second [][][]uint64) (*switchKey, error) {
	ms := l.at(n.Level, true)
	k := &switchKey{level: n.Level}
	for _, m := range ms {
		k.halves = append(k.halves, m.NewWeights(2*len(first)))
	}
	for d := range first {
		for h, half := range [2][][]uint64{first[d], second[d]} {
			for i, m := range ms {
				m.NTT(half[i], half[i])
				m.Montgomery(half[i], half[i])
				k.halves[i].Set(2*d+h, half[i])
			}
		}
	}
	if n.Rotation == 0 {
		return k, nil
	}
	var err error
	k.turn, err = rns.NewTurn(l.n, l.galois(n.Rotation))
	return k, err
}

func (l *lattice) assemble(needs Needs, made []*switchKey) *EvaluationKeys {
	k := &EvaluationKeys{lat: l, keys: map[int]*switchKey{}}
	for i, n := range needs {
		k.keys[n.Rotation] = made[i]
	}
	return k
}

// Set returns the parameters the keys are for.
func (k *EvaluationKeys) Set() Set { return k.lat.set }
