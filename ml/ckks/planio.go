package ckks

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	he "manx/privacy/ckks"
	"manx/privacy/notice"
)

// Versions of a plan. One without polynomials is written as version 2, and where
// it leaves the key holder nothing to apply as version 1, which earlier releases read.
const (
	planVersion  = 1
	endsVersion  = 2
	curveVersion = 3
)

// WriteTo writes p's one encoding; for a sum of networks, see writeSum.
//
// Version 1: "mxp" 1, set, the model's hash, the name after its length; then
// unsigned varints: numbers of the input, ciphertexts, and for each slot the
// change of its number from the slot before (zigzag, from -1); stages, and for
// each its level, folds, bias, and terms (input, baby, fine, coarse, plaintext);
// results and their slots; last the results' scale and precision, each the 8
// bytes of a float64. All integers are little-endian.
//
// Version 2 goes on with what the key holder applies, at least one operation:
// those to the input, then those to the results (appendFirst, appendFinal).
// Version 3 may have none, and before them has what follows each stage but the
// last, a polynomial's steps (appendCurve) or 0 for a squaring.
func (p *Plan) WriteTo(w io.Writer) (int64, error) {
	if len(p.beside) > 0 {
		return p.writeSum(w)
	}
	version := byte(planVersion)
	if p.first != nil || p.final != nil {
		version = endsVersion
	}
	if p.curved() {
		version = curveVersion
	}
	b := append([]byte{'m', 'x', 'p', version, byte(p.set)}, p.model[:]...)
	b = append(append(b, byte(len(p.name))), p.name...)
	number := func(n int) { b = binary.AppendUvarint(b, uint64(n)) }
	number(p.length)
	number(len(p.gather))
	for _, g := range p.gather {
		last := int32(-1)
		for _, at := range g {
			b = binary.AppendVarint(b, int64(at-last))
			last = at
		}
	}
	var total int64
	flush := func() error {
		n, err := w.Write(b)
		total += int64(n)
		b = b[:0]
		return err
	}
	number(len(p.stages))
	for _, t := range p.stages {
		number(t.Level)
		number(len(t.Folds))
		for _, f := range t.Folds {
			number(f)
		}
		b = t.Bias.AppendTo(b)
		number(len(t.Terms))
		for _, m := range t.Terms {
			number(m.Input)
			number(m.Baby)
			number(m.Fine)
			number(m.Coarse)
			b = m.Plain.AppendTo(b)
			if err := flush(); err != nil {
				return total, fmt.Errorf("write plan: %w", err)
			}
		}
	}
	number(len(p.output))
	for _, s := range p.output {
		number(int(s))
	}
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(p.scale))
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(p.precision))
	if version == curveVersion {
		for k, c := range p.curves {
			b = appendCurve(b, c, p.stages[k].Level)
			if err := flush(); err != nil {
				return total, fmt.Errorf("write plan: %w", err)
			}
		}
	}
	if version >= endsVersion {
		all := func(ns ...int) {
			for _, n := range ns {
				number(n)
			}
		}
		appendFirst(all, func(x float64) { b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x)) }, p.first)
		appendFinal(all, p.final)
	}
	if err := flush(); err != nil {
		return total, fmt.Errorf("write plan: %w", err)
	}
	return total, nil
}

// ReadPlan reads what WriteTo wrote, from a stranger: memory stays within a few
// times len(b). Bytes that are not a plan's one encoding are an error.
func ReadPlan(b []byte) (*Plan, error) {
	if bytes.HasPrefix(b, []byte(sumMagic)) {
		return readSum(b)
	}
	if len(b) > maxPlan {
		return nil, badPlan(fmt.Errorf("%d bytes", len(b)))
	}
	if len(b) > 3 && string(b[:3]) == "mxp" && (b[3] < planVersion || b[3] > curveVersion) {
		return nil, notice.New(notice.Unsupported, "a model's plan of another format version", "update manx on the machine that reads it")
	}
	r := &reader{r: bytes.NewReader(b)}
	p := r.plan()
	if r.err == nil && r.r.Len() > 0 {
		r.err = errors.New("bytes after the plan")
	}
	if r.err == nil {
		r.err = p.check()
	}
	if r.err != nil {
		return nil, badPlan(r.err)
	}
	same := &comparer{want: b}
	if _, err := p.WriteTo(same); err != nil || len(same.want) > 0 {
		return nil, badPlan(errors.New("not the plan's one encoding"))
	}
	return p, nil
}

func badPlan(cause error) error {
	return notice.Because(cause, notice.Invalid, "not a plan that this version can run", "fetch the model's plan again: `manx model show`")
}

// A comparer accepts exactly the bytes wanted.
type comparer struct{ want []byte }

func (c *comparer) Write(b []byte) (int, error) {
	if !bytes.HasPrefix(c.want, b) {
		return 0, errors.New("other bytes")
	}
	c.want = c.want[len(b):]
	return len(b), nil
}

// A reader reads a plan's parts; after the first error it returns zeroes.
type reader struct {
	r   *bytes.Reader
	err error
}

// number returns an integer of 0 to limit.
func (r *reader) number(what string, limit int) int {
	if r.err != nil {
		return 0
	}
	v, err := binary.ReadUvarint(r.r)
	if err != nil || v > uint64(limit) {
		r.err = fmt.Errorf("%s: %d of at most %d: %w", what, v, limit, errors.Join(err, io.ErrUnexpectedEOF))
		return 0
	}
	return int(v)
}

// fail keeps the first error.
func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *reader) bytes(what string, n int) []byte {
	out := make([]byte, n)
	if r.err == nil {
		if _, err := io.ReadFull(r.r, out); err != nil {
			r.err = fmt.Errorf("%s: %w", what, err)
		}
	}
	return out
}

func (r *reader) integers(s he.Set) (v he.Integers) {
	if r.err == nil {
		v, r.err = he.ReadIntegers(r.r, s)
	}
	return v
}

func (r *reader) plan() *Plan {
	p := &Plan{}
	h := r.bytes("header", 5)
	if r.err == nil && (string(h[:3]) != "mxp" || !he.Set(h[4]).Valid()) {
		r.err = errors.New("no plan header")
	}
	p.set = he.Set(h[4])
	p.model = [32]byte(r.bytes("model", 32))
	p.name = string(r.bytes("name", int(r.bytes("name", 1)[0])))
	p.length = r.number("input", maxWidth)
	slots := p.set.Slots()
	for range r.number("ciphertexts", 16) {
		if r.err != nil || r.r.Len() < slots {
			r.err = errors.Join(r.err, io.ErrUnexpectedEOF)
			return p
		}
		g, last := make([]int32, slots), int64(-1)
		for i := range g {
			d, err := binary.ReadVarint(r.r)
			if last += d; err != nil || d > maxWidth || d < -maxWidth || last < -1 || last > maxWidth {
				r.err = fmt.Errorf("layout: %w", errors.Join(err, io.ErrUnexpectedEOF))
				return p
			}
			g[i] = int32(last)
		}
		p.gather = append(p.gather, g)
	}
	for range r.number("stages", maxStages) {
		t := &he.Transform{Level: r.number("level", 64)}
		for range r.number("folds", 16) {
			t.Folds = append(t.Folds, r.number("fold", slots))
		}
		t.Bias = r.integers(p.set)
		for n := r.number("terms", 1<<12); n > 0 && r.err == nil; n-- {
			m := he.Term{Input: r.number("input", 64), Baby: r.number("step", slots), Fine: r.number("step", slots), Coarse: r.number("step", slots)}
			m.Plain = r.integers(p.set)
			t.Terms = append(t.Terms, m)
		}
		if r.err != nil {
			return p
		}
		p.stages = append(p.stages, t)
	}
	for n := r.number("results", maxResults); n > 0 && r.err == nil; n-- {
		p.output = append(p.output, int32(r.number("result", slots)))
	}
	p.scale, p.precision = r.real(), r.real()
	p.curves = make([]*he.Polynomial, max(len(p.stages)-1, 0))
	if h[3] == curveVersion && r.err == nil {
		for k := range p.curves {
			p.curves[k] = r.curve(p.set, p.stages[k].Level)
		}
	}
	if h[3] >= endsVersion && r.err == nil {
		p.first, p.final = r.first(), r.final()
	}
	return p
}
