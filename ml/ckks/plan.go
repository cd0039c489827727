// Package ckks runs models on numbers encrypted under their owner's own CKKS
// key. Compile lowers an ml.Graph to a Plan; the owner encrypts by the plan and
// sends evaluation keys; a worker, which holds no key, evaluates the plan on
// ciphertexts in exact integer arithmetic; the owner decrypts.
//
// It schedules no jobs, proves nothing about the worker's honesty, does not
// hide the model from the owner, and runs no activation that is no polynomial.
package ckks

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"

	"manx/ml"
	"manx/privacy"
	he "manx/privacy/ckks"
	"manx/privacy/notice"
	"manx/privacy/reveal"
)

// A Plan is a compiled model: how to lay its input out, the linear steps (with
// a squaring or a polynomial between each two), where its results are, and what the key holder
// applies to the input first and to the results last. It holds the model's weights as integers and is immutable.
type Plan struct {
	set    he.Set
	model  [32]byte
	name   string
	length int       // numbers of the model's input
	gather [][]int32 // for each ciphertext and slot, which number, or -1 for 0
	stages []*he.Transform
	curves []*he.Polynomial // after each stage but the last; nil: a squaring
	output []int32          // slots of the results
	scale  float64          // of the results
	// precision is what Precision returns.
	precision float64
	first     *ml.Graph // what Encrypt applies to the input; nil: nothing
	final     *ml.Graph // what Decrypt applies to the results; nil: nothing
	beside    []*Plan   // plans on the same ciphertexts whose results are added; see sum.go
}

// Bounds on a plan from a stranger.
const (
	maxPlan    = 256 << 20
	maxStages  = 8
	maxResults = 1 << 14
	maxReady   = 2 << 30 // bytes of a Worker
)

// slack is how far over the expected precision a result's imaginary parts may
// be: inputs and activations may be larger than Precision assumes, while a
// result that was not computed is off by thousands.
const slack = 16

// check reports whether a plan can be evaluated at all.
func (p *Plan) check() error {
	if !p.set.Valid() || len(p.stages) < 1 || len(p.stages) > maxStages || len(p.curves) != len(p.stages)-1 || len(p.stages) > 1 && p.set.Drop() == 0 {
		return fmt.Errorf("%d stages in set %d", len(p.stages), p.set)
	}
	if p.length < 1 || p.length > maxWidth || len(p.gather) < 1 || len(p.gather) > 16 || len(p.name) > 255 {
		return fmt.Errorf("%d inputs in %d ciphertexts", p.length, len(p.gather))
	}
	for _, g := range p.gather {
		if len(g) != p.set.Slots() {
			return fmt.Errorf("a layout of %d slots", len(g))
		}
		for _, at := range g {
			if at < -1 || int(at) >= p.length {
				return fmt.Errorf("a slot takes number %d of %d", at, p.length)
			}
		}
	}
	for k, t := range p.stages {
		inputs := 1
		if k == 0 {
			inputs = len(p.gather)
		}
		if err := t.Check(p.set, inputs); err != nil {
			return fmt.Errorf("stage %d: %w", k, err)
		}
		if k+1 == len(p.stages) {
			if t.Level != p.set.Floor()+1 {
				return fmt.Errorf("the last stage is at level %d", t.Level)
			}
			break
		}
		end := t.Level - 1 - p.set.Drop() // of a squaring
		if c := p.curves[k]; c != nil {
			if err := c.Check(p.set); err != nil {
				return fmt.Errorf("after stage %d: %w", k, err)
			}
			if end = c.Result(); c.Level != t.Level-1 {
				return fmt.Errorf("stage %d at level %d and a polynomial at level %d", k, t.Level, c.Level)
			}
		}
		if end != p.stages[k+1].Level {
			return fmt.Errorf("stage %d is at level %d", k+1, p.stages[k+1].Level)
		}
	}
	if p.Ready() > maxReady {
		return fmt.Errorf("a worker would need %d bytes for it", p.Ready())
	}
	if len(p.output) < 1 || len(p.output) > maxResults {
		return fmt.Errorf("%d results", len(p.output))
	}
	for _, s := range p.output {
		if s < 0 || int(s) >= p.set.Slots() {
			return fmt.Errorf("a result in slot %d", s)
		}
	}
	if !(p.scale >= 1 && p.scale < math.Exp2(50)*p.set.Lift()) {
		return fmt.Errorf("results at scale %g", p.scale)
	}
	if !(p.precision > 0 && p.precision < math.Inf(1)) {
		return fmt.Errorf("precision %g", p.precision)
	}
	if err := errors.Join(p.checkFirst(), p.checkFinal(), p.checkSum()); err != nil {
		return err
	}
	return p.Needs().Check(p.set)
}

// Set returns the parameters the plan needs a key for.
func (p *Plan) Set() he.Set { return p.set }

// Model returns the hash the model was compiled under.
func (p *Plan) Model() [32]byte { return p.model }

// Name returns the model's name.
func (p *Plan) Name() string { return p.name }

// Hash names the plan: SHA-256 of its bytes.
func (p *Plan) Hash() [32]byte {
	h := sha256.New()
	_, _ = p.WriteTo(h)
	return [32]byte(h.Sum(nil))
}

// Precision returns the largest error the compiler expects of a result, in the
// model's own units: six standard deviations of the noise, for inputs up to 1
// and values before activations up to 4 in magnitude.
func (p *Plan) Precision() float64 {
	total := p.precision
	for _, b := range p.beside {
		total += b.precision
	}
	return total
}

// Inputs returns how many ciphertexts one input takes.
func (p *Plan) Inputs() int { return len(p.gather) }

// Results returns the slots of the results, in their order.
func (p *Plan) Results() []int {
	out := make([]int, len(p.output))
	for i, s := range p.output {
		out[i] = int(s)
	}
	return out
}

// Steps returns how many steps Evaluate reports.
func (p *Plan) Steps() int { return (2*len(p.stages) - 1) * (1 + len(p.beside)) }

// Ready returns the bytes of memory a Worker holds for the plan.
func (p *Plan) Ready() (total int64) {
	for _, t := range p.stages {
		total += t.Bytes(p.set)
	}
	for _, c := range p.curves {
		if c != nil {
			total += c.Bytes(p.set)
		}
	}
	for _, b := range p.beside {
		total += b.Ready()
	}
	return total
}

// Needs lists the evaluation keys a worker needs.
func (p *Plan) Needs() he.Needs {
	if len(p.beside) > 0 {
		return p.sumNeeds()
	}
	var squares []int
	for k := range p.curves {
		squares = append(squares, p.relinearised(k))
	}
	return he.NeedsOf(p.stages, squares)
}

// relinearised returns the highest level of a product after a stage.
func (p *Plan) relinearised(stage int) int {
	if c := p.curves[stage]; c != nil {
		return c.Relinearised()
	}
	return p.stages[stage].Level - 1
}

// An Encryptor is the key that a plan's input is encrypted under: its owner's
// own (he.SecretKey), or a committee's (he.PublicKey).
type Encryptor interface {
	Set() he.Set
	Encrypt(values privacy.Secret[[]float64], level int) (*he.Ciphertext, error)
}

// Encrypt applies what the plan leaves to the owner (First) to the model's input,
// lays it out and encrypts it under the key. The input is the graph's input
// tensor, flattened row by row.
func (p *Plan) Encrypt(k Encryptor, input privacy.Secret[[]float64]) ([]*he.Ciphertext, error) {
	if k.Set() != p.set {
		return nil, notice.New(notice.Invalid, "the key is for other encryption parameters than the model's plan",
			"derive a key for this plan: run `manx diagnose` or `manx credit score` again")
	}
	in := input.Reveal(reveal.Token{})
	if len(in) != p.length {
		return nil, notice.New(notice.Invalid, fmt.Sprintf("the model takes %d numbers and was given %d", p.length, len(in)),
			"check the input against the model's card with `manx model show`")
	}
	in, err := p.begin(in)
	if err != nil {
		return nil, err
	}
	var out []*he.Ciphertext
	for _, g := range p.gather {
		slots := make([]float64, len(g))
		for s, at := range g {
			if at >= 0 {
				slots[s] = in[at]
			}
		}
		c, err := k.Encrypt(privacy.Hide(slots), p.stages[0].Level)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// Decrypt returns the model's results, or an error of kind Integrity where the
// ciphertext is visibly not what the plan yields on this key's input. What the
// plan leaves to the key holder (Final) has been applied to them. They are a raw
// decryption: only privacy.Release may let them go further than the key holder.
func (p *Plan) Decrypt(k *he.SecretKey, result *he.Ciphertext) (privacy.Secret[[]float64], error) {
	slots, err := k.Decrypt(result, p.scale, slack*p.Precision())
	if err != nil {
		return privacy.Secret[[]float64]{}, err
	}
	all := slots.Reveal(reveal.Token{})
	out := make([]float64, len(p.output))
	for i, s := range p.output {
		out[i] = all[s]
	}
	if out, err = p.finish(out); err != nil {
		return privacy.Secret[[]float64]{}, err
	}
	return privacy.Hide(out), nil
}

// ReadInput reads the ciphertexts of one input, from a stranger.
func (p *Plan) ReadInput(r io.Reader) (out []*he.Ciphertext, err error) {
	for range p.gather {
		c, err := he.ReadCiphertext(r, p.set, p.stages[0].Level)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// ReadResult reads one result, from a stranger.
func (p *Plan) ReadResult(r io.Reader) (*he.Ciphertext, error) {
	return he.ReadCiphertext(r, p.set, p.set.Floor())
}
