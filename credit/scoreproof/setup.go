package scoreproof

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	bls12381 "github.com/consensys/gnark-crypto/ecc/bls12-381"
	groth16 "github.com/consensys/gnark/backend/groth16/bls12-381"
	"github.com/consensys/gnark/backend/groth16/bls12-381/mpcsetup"
	constraint "github.com/consensys/gnark/constraint/bls12-381"
	"golang.org/x/sync/errgroup"

	"manx/privacy/notice"
)

// A Contributor is one party of the set-up. Contribute turns the state of phase
// 1 or 2 that it is given into one that holds its own secret: Contribute of this
// package, run on the party's own machine. Where it is nil the step runs in this
// process; where it is nil for all, the set-up is that process's word. Every
// contribution is checked before it counts.
type Contributor struct {
	Name       string
	Contribute func(ctx context.Context, phase int, state []byte) ([]byte, error)
}

// MaxContributors bounds a set-up.
const MaxContributors = 32

// A Transcript records a set-up: what anyone needs to tell which keys were made,
// for which circuit and by whom.
type Transcript struct {
	Circuit       KeyDigest      `json:"circuit"`
	Contributions []Contribution `json:"contributions"` // phase 1, then phase 2, in order
	Verifying     KeyDigest      `json:"verifying"`     // digest of the verifying key
	Keys          KeyDigest      `json:"keys"`          // digest of the key file
}

// A Contribution is one party's step.
type Contribution struct {
	Phase int       `json:"phase"`
	By    string    `json:"by"`
	State KeyDigest `json:"state"` // SHA-256 of the state it left
}

// Digest names the transcript: SHA-256 of its JSON.
func (t Transcript) Digest() (KeyDigest, error) {
	b, err := json.Marshal(t)
	if err != nil {
		return KeyDigest{}, fmt.Errorf("hash set-up transcript: %w", err)
	}
	return sha256.Sum256(b), nil
}

// beacon ends a phase. It needs no entropy of its own (Kohlweiss et al. 2021),
// so it is drawn from the states, which any reader can repeat.
func (t Transcript) beacon(phase int) ([]byte, error) {
	d, err := t.Digest()
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "manx/scoreproof/beacon/v1 phase %d %s", phase, d), nil
}

// Progress hears of steps done out of a number of them.
type Progress func(done, of int, step string)

// Setup makes the keys with a contribution of each party to both phases, checks
// every contribution while the next is made, and returns the keys with the
// transcript. Proofs are sound if one party was honest. With three parties in
// this process it takes about a minute on two cores.
func Setup(ctx context.Context, parties []Contributor, progress Progress) (*Keys, Transcript, error) {
	if len(parties) == 0 || len(parties) > MaxContributors {
		return nil, Transcript{}, fmt.Errorf("a set-up has 1 to %d contributors", MaxContributors)
	}
	cs, err := compile()
	if err != nil {
		return nil, Transcript{}, err
	}
	var t Transcript
	if t.Circuit, err = circuitDigest(cs); err != nil {
		return nil, Transcript{}, err
	}
	s := &setup{cs: cs, parties: parties, transcript: &t, of: 2*len(parties) + 3, progress: progress}

	commons, err := s.phase1(ctx)
	if err != nil {
		return nil, Transcript{}, err
	}
	k, err := s.phase2(ctx, commons)
	if err != nil {
		return nil, Transcript{}, err
	}
	t.Verifying = k.verifying.Digest()
	if t.Keys, err = k.Digest(); err != nil {
		return nil, Transcript{}, err
	}
	return k, t, nil
}

type setup struct {
	cs         *constraint.R1CS
	parties    []Contributor
	transcript *Transcript
	progress   Progress
	done, of   int
}

func (s *setup) step(format string, args ...any) {
	s.done++
	if s.progress != nil {
		s.progress(s.done, s.of, fmt.Sprintf(format, args...))
	}
}

func (s *setup) phase1(ctx context.Context) (*mpcsetup.SrsCommons, error) {
	n := domainSize(s.cs)
	last, beacon, err := follow(ctx, s, 1, mpcsetup.NewPhase1(n), func(b []byte) (*mpcsetup.Phase1, error) { return readPhase1(b, n) })
	if err != nil {
		return nil, err
	}
	commons := last.Seal(beacon)
	s.step("phase 1 sealed")
	return &commons, nil
}

func (s *setup) phase2(ctx context.Context, commons *mpcsetup.SrsCommons) (*Keys, error) {
	initial := new(mpcsetup.Phase2)
	evals := initial.Initialize(s.cs, commons)
	s.step("phase 2 prepared")
	last, beacon, err := follow(ctx, s, 2, initial, func(b []byte) (*mpcsetup.Phase2, error) { return readPhase2(b, s.cs) })
	if err != nil {
		return nil, err
	}
	pk, vk := last.Seal(commons, &evals, beacon)
	proving, ok1 := pk.(*groth16.ProvingKey)
	verifying, ok2 := vk.(*groth16.VerifyingKey)
	if !ok1 || !ok2 {
		return nil, errors.New("set-up: keys are of another curve")
	}
	// A delta equal to gamma would let anyone forge proofs.
	if _, _, _, g2 := bls12381.Generators(); verifying.G2.Delta.Equal(&g2) || verifying.G2.Delta.Equal(&verifying.G2.Gamma) {
		return nil, errors.New("set-up: no contribution reached the keys")
	}
	v, err := newVerifyingKey(verifying)
	if err != nil {
		return nil, err
	}
	s.step("keys sealed")
	return &Keys{s.cs, proving, v}, nil
}

// A stepper is a state of either phase.
type stepper interface {
	io.WriterTo
	Contribute()
}

// follow runs a phase from its first state, each of which must follow from the
// one before, and returns the last with the beacon that ends the phase.
func follow[S interface {
	stepper
	Verify(next S) error
}](ctx context.Context, s *setup, phase int, last S, read func([]byte) (S, error)) (S, []byte, error) {
	first, err := stateOf(last)
	if err != nil {
		return last, nil, err
	}
	err = s.contributions(ctx, phase, first, func(b []byte) (stepper, error) { return read(b) }, func(b []byte) error {
		next, err := read(b)
		if err != nil {
			return err
		}
		if err := last.Verify(next); err != nil {
			return err
		}
		last = next
		return nil
	})
	if err != nil {
		return last, nil, err
	}
	beacon, err := s.transcript.beacon(phase)
	return last, beacon, err
}

// contributions passes the state from party to party and checks each result
// while the next party works on it. A result that fails ends the phase.
func (s *setup) contributions(ctx context.Context, phase int, state []byte, read func([]byte) (stepper, error), check func([]byte) error) error {
	g, ctx := errgroup.WithContext(ctx)
	type result struct {
		by    string
		state []byte
	}
	results := make(chan result, len(s.parties))
	g.Go(func() error {
		defer close(results)
		var live stepper // the state, where the last step ran here
		for i, p := range s.parties {
			if err := ctx.Err(); err != nil {
				return err
			}
			var next []byte
			var err error
			if p.Contribute != nil {
				live = nil
				next, err = p.Contribute(ctx, phase, state)
			} else {
				if live == nil {
					if live, err = read(state); err != nil {
						return unsound(phase, s.parties[max(i-1, 0)].Name, err)
					}
				}
				live.Contribute()
				next, err = stateOf(live)
			}
			if err != nil {
				return notice.Because(err, notice.Unavailable,
					fmt.Sprintf("contributor %q did not complete phase %d of the score proof set-up", p.Name, phase), "run the set-up again")
			}
			if bytes.Equal(next, state) {
				return unsound(phase, p.Name, errors.New("it returned the state it was given"))
			}
			state = next
			results <- result{p.Name, next}
		}
		return nil
	})
	g.Go(func() error {
		for r := range results {
			if err := check(r.state); err != nil {
				return unsound(phase, r.by, err)
			}
			s.transcript.Contributions = append(s.transcript.Contributions, Contribution{phase, r.by, sha256.Sum256(r.state)})
			s.step("phase %d: contribution of %s verified", phase, r.by)
		}
		return nil
	})
	return g.Wait()
}

func unsound(phase int, by string, cause error) error {
	return notice.Because(cause, notice.Integrity,
		fmt.Sprintf("the contribution of %q to phase %d of the score proof set-up is not sound", by, phase),
		"run the set-up again without that contributor")
}

// Contribute mixes a fresh secret into a state of phase 1 or 2 and forgets it.
// The state may come from anywhere: its size and form are checked first.
func Contribute(ctx context.Context, phase int, state []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	cs, err := compile()
	if err != nil {
		return nil, err
	}
	var p stepper
	switch phase {
	case 1:
		p, err = readPhase1(state, domainSize(cs))
	case 2:
		p, err = readPhase2(state, cs)
	default:
		err = errors.New("the set-up has phases 1 and 2")
	}
	if err != nil {
		return nil, err
	}
	p.Contribute()
	return stateOf(p)
}

// SetupAlone makes keys in a second or two without contributions: gnark's own
// set-up, whose secret this process held. Whoever ran it could forge proofs, so
// it is for tests and trials; the transcript has no contributions and says so.
func SetupAlone() (*Keys, Transcript, error) {
	cs, err := compile()
	if err != nil {
		return nil, Transcript{}, err
	}
	k := &Keys{circuit: cs, proving: new(groth16.ProvingKey)}
	var vk groth16.VerifyingKey
	if err := groth16.Setup(cs, k.proving, &vk); err != nil {
		return nil, Transcript{}, fmt.Errorf("set up score proof keys: %w", err)
	}
	if k.verifying, err = newVerifyingKey(&vk); err != nil {
		return nil, Transcript{}, err
	}
	t := Transcript{Verifying: k.verifying.Digest()}
	if t.Circuit, err = circuitDigest(cs); err != nil {
		return nil, Transcript{}, err
	}
	t.Keys, err = k.Digest()
	return k, t, err
}

func stateOf(w io.WriterTo) ([]byte, error) {
	var b bytes.Buffer
	if _, err := w.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("write set-up state: %w", err)
	}
	return b.Bytes(), nil
}

// errState is what a malformed state yields.
var errState = errors.New("not a state of this circuit's set-up")

// Sizes of what a state holds besides its vectors: proofs that the step before
// was sound, and the SHA-256 challenge it answered, with its length.
const (
	stateProof        = bls12381.SizeOfG1AffineCompressed + bls12381.SizeOfG2AffineCompressed
	maxStateChallenge = 1 + sha256.Size
)

// readPhase1 reads a state for domain size n. gnark allocates by the size that
// the state declares, so that is compared first.
func readPhase1(b []byte, n uint64) (*mpcsetup.Phase1, error) {
	const g1, g2 = bls12381.SizeOfG1AffineCompressed, bls12381.SizeOfG2AffineCompressed
	size := 3*stateProof + 8 + (4*n-2)*g1 + n*g2
	if uint64(len(b)) <= size || uint64(len(b)) > size+maxStateChallenge ||
		binary.BigEndian.Uint64(b[3*stateProof:]) != n {
		return nil, errState
	}
	p := new(mpcsetup.Phase1)
	if m, err := p.ReadFrom(bytes.NewReader(b)); err != nil || m != int64(len(b)) {
		return nil, errState
	}
	return p, nil
}

// readPhase2 reads a state for a circuit, which has no commitments of its own.
func readPhase2(b []byte, cs *constraint.R1CS) (*mpcsetup.Phase2, error) {
	const g1, g2 = bls12381.SizeOfG1AffineCompressed, bls12381.SizeOfG2AffineCompressed
	internal, secret, _ := cs.GetNbVariables()
	private, quotient := uint64(internal+secret), domainSize(cs)-1
	second := 2 + g1 + 4 + private*g1 // where the second vector's length stands
	size := second + 4 + quotient*g1 + g2 + stateProof
	if uint64(len(b)) <= size || uint64(len(b)) > size+maxStateChallenge || binary.BigEndian.Uint16(b) != 0 ||
		uint64(binary.BigEndian.Uint32(b[2+g1:])) != private || uint64(binary.BigEndian.Uint32(b[second:])) != quotient {
		return nil, errState
	}
	p := new(mpcsetup.Phase2)
	if m, err := p.ReadFrom(bytes.NewReader(b)); err != nil || m != int64(len(b)) {
		return nil, errState
	}
	return p, nil
}
