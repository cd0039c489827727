package ckks

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
	"runtime"

	"golang.org/x/sync/errgroup"

	"manx/privacy/ckks/internal/limb"
	"manx/privacy/ckks/rns"
	"manx/privacy/notice"
)

// A Need is one evaluation key: the rotation by Rotation slots to the left,
// relinearisation where Rotation is 0, or conjugation where it is the set's
// Conjugation, for ciphertexts of Level or less.
type Need struct{ Rotation, Level int }

// Needs is the list of keys a plan asks for: rotations strictly ascending.
type Needs []Need

// maxNeeds bounds a plan; a plan of ours asks for a few dozen.
const maxNeeds = 512

// Check reports whether the list is one a set can have.
func (n Needs) Check(s Set) error {
	if !s.Valid() || len(n) > maxNeeds {
		return fmt.Errorf("%d evaluation keys for set %d", len(n), s)
	}
	last := -1
	for _, k := range n {
		if k.Rotation <= last || k.Rotation > s.Conjugation() || k.Level < 0 || k.Level > s.Levels() {
			return fmt.Errorf("evaluation key for rotation %d at level %d", k.Rotation, k.Level)
		}
		last = k.Rotation
	}
	return nil
}

const keysHeader = 4 + 1 + 2 + 32

// Size returns the bytes of the evaluation keys on the wire.
func (n Needs) Size(s Set) int64 {
	sp, ok := s.spec()
	if !ok {
		return 0
	}
	total := int64(keysHeader)
	for _, k := range n {
		total += 5 + int64(sp.digits(k.Level))*limb.Size(sp.chain(k.Level, true), 1<<sp.logN)
	}
	return total
}

// WriteEvaluationKeys makes the keys a plan needs and writes them as they are
// made, on GOMAXPROCS goroutines. The same key and needs give the same bytes.
// progress, where not nil, is called after each key with the keys done so far.
//
// On the wire, version 1: "mxk" 1, set, count (16 bits); the seed of every
// uniform half; then for each key its rotation (32 bits), its level, and for
// each digit the other half's coefficients, packed prime by prime, first those
// of the ciphertext modulus and then those of the key-switching modulus. All
// integers are little-endian. Digit d of a key for s' adds P s' modulo the
// primes of the ciphertext modulus from d*len(P), len(P) of them.
func (k *SecretKey) WriteEvaluationKeys(ctx context.Context, w io.Writer, needs Needs, progress func(done int)) error {
	if err := needs.Check(k.set); err != nil {
		return fmt.Errorf("write evaluation keys: %w", err)
	}
	o := k.open()
	public := limb.Derive(o.seed, "evaluation keys, public")
	h := []byte{'m', 'x', 'k', version, byte(k.set)}
	h = binary.LittleEndian.AppendUint16(h, uint16(len(needs)))
	if _, err := w.Write(append(h, public[:]...)); err != nil {
		return fmt.Errorf("write evaluation keys: %w", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	made := make([]chan []byte, len(needs))
	for i := range made {
		made[i] = make(chan []byte, 1)
	}
	slots := make(chan struct{}, runtime.GOMAXPROCS(0)+1)
	group.Go(func() error {
		for i, need := range needs {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return ctx.Err()
			}
			group.Go(func() error {
				b, err := o.evaluationKey(need, public)
				made[i] <- b
				return err
			})
		}
		return nil
	})
	group.Go(func() error {
		for i := range made {
			select {
			case b := <-made[i]:
				if _, err := w.Write(b); err != nil {
					return err
				}
				<-slots
			case <-ctx.Done():
				return ctx.Err()
			}
			if progress != nil {
				progress(i + 1)
			}
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		return fmt.Errorf("write evaluation keys: %w", err)
	}
	return nil
}

// KeySeed returns the seed of one digit's uniform half.
func KeySeed(public [32]byte, n Need, digit int) [32]byte {
	return limb.Derive(public, "uniform half", uint64(n.Rotation), uint64(n.Level), uint64(digit))
}

// evaluationKey makes one key in its wire form: for each digit d the
// coefficients of -a s' + e + P w_d, where a rotation by g has s' = s(X^(1/g))
// and w = s, and relinearisation s' = s and w = s^2.
func (o *opened) evaluationKey(n Need, public [32]byte) ([]byte, error) {
	ms := o.at(n.Level, true)
	target, carried := make([][]uint64, len(ms)), o.square
	for i := range ms {
		target[i] = o.eval[o.place(i, n.Level)]
	}
	if n.Rotation != 0 {
		back := n.Rotation // conjugation undoes itself
		if back != o.n/2 {
			back = o.n/2 - back
		}
		inverse, err := rns.NewTurn(o.n, o.galois(back))
		if err != nil {
			return nil, err
		}
		turned := limb.New(len(ms), o.n)
		for i, m := range ms {
			m.Permute(turned[i], target[i], inverse)
		}
		target, carried = turned, o.small
	}
	primes := o.chain(n.Level, true)
	a, b := limb.New(len(primes), o.n), limb.New(len(primes), o.n)
	errors := make([]int64, o.n)
	out := binary.LittleEndian.AppendUint32(nil, uint32(n.Rotation))
	out = append(out, byte(n.Level))
	for d := range o.digits(n.Level) {
		limb.Expand(KeySeed(public, n, d), primes, a)
		minusProduct(ms, a, target, b)
		limb.NewStream(limb.Derive(o.seed, "errors", uint64(n.Rotation), uint64(n.Level), uint64(d))).Noise(errors)
		limb.AddSmall(b, errors, primes)
		for i := d * len(o.p); i < min((d+1)*len(o.p), n.Level+1); i++ {
			addScaled(ms[i], b[i], carried, o.p)
		}
		for i, q := range primes {
			out = limb.Pack(out, b[i], bits.Len64(q))
		}
	}
	return out, nil
}

// addScaled adds v times the product of p.
func addScaled(m *rns.Modulus, row []uint64, v []int64, p []uint64) {
	t := make([]uint64, len(v))
	limb.Lift(v, []uint64{m.Q}, [][]uint64{t})
	m.ScaleAdd(row, t, m.Scalar(m.Product(p...)))
}

func badKeys(cause error) error {
	return notice.Because(cause, notice.Invalid, "not the evaluation keys that this model's plan needs",
		"send the keys again with `manx diagnose` or `manx credit score`")
}
