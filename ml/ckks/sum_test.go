package ckks

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"manx/ml"
	"manx/privacy"
	"manx/privacy/notice"
)

// Networks of one shape cost what one costs, so many times, but keys and input
// are one network's: neither grows with their number.
func TestSumOfNetworksSharesKeysAndInput(t *testing.T) {
	d := roll(9)
	one := compile(t, chain("one", []int{1, 12, 12}, pictureNet(d)...))
	three := compile(t, sum("three", nil, pictureNet(d), pictureNet(d), pictureNet(d)))
	if !slices.Equal(three.Needs(), one.Needs()) {
		t.Errorf("keys %v, one network needs %v", three.Needs(), one.Needs())
	}
	if three.Ready() != 3*one.Ready() || three.Steps() != 3*one.Steps() {
		t.Errorf("%d bytes and %d steps; one network: %d and %d", three.Ready(), three.Steps(), one.Ready(), one.Steps())
	}
	q, r := three.Quote(time.Microsecond, 1), one.Quote(time.Microsecond, 1)
	if q.InputUp != r.InputUp || q.Keys != r.Keys || q.ResultOut != r.ResultOut || q.CPU > 3*r.CPU || q.CPU < 2*r.CPU {
		t.Errorf("quoted %+v; one network: %+v", q, r)
	}
}

// What the layers are called and where one of them is refused is told in the
// numbers of the whole graph.
func TestSumOfNetworksNamesItsLayers(t *testing.T) {
	d := roll(10)
	c, err := CompileWithin(sum("two", nil, pictureNet(d), pictureNet(d)), [32]byte{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	layers := c.Layers(time.Microsecond)
	if len(layers) != 10 || layers[0].Name != layers[5].Name || layers[5].Name != "Conv" || layers[9].Name != "Linear" || layers[0].Keys == 0 || layers[5].Keys != 0 {
		t.Errorf("layers %+v", layers)
	}
	bad := pictureNet(d)
	bad[1] = ml.Poly{Coeffs: [][]float64{{0, 1, 1e-9}}}
	if _, err := Compile(sum("two", nil, pictureNet(d), bad), [32]byte{}); err == nil || !strings.Contains(err.Error(), "layer 8, Poly") {
		t.Errorf("got %v", err)
	}
}

// One network's vectors are given back before the next begins: a sum allocates no
// more than its first network alone and what is smaller than a vector.
func TestSumOfNetworksGivesBackItsVectors(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // how much is taken at once would depend on chance
	d := roll(11)
	two := compile(t, sum("two", nil, []ml.Op{d.linear(16, 50), d.poly(16), d.linear(2, 16)}, []ml.Op{d.linear(16, 50), d.poly(16), d.linear(2, 16)}))
	k := secretKey(t, two.Set())
	cts, err := two.Encrypt(k, privacy.Hide(d.vector(50, 1)))
	if err != nil {
		t.Fatal(err)
	}
	allocated := func(p *Plan) uint64 {
		e := evaluator(t, k, p)
		w, err := NewWorker(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		for range 3 { // the first fills the evaluator's store of vectors
			runtime.ReadMemStats(&before)
			if _, err := w.Evaluate(t.Context(), e, cts, nil); err != nil {
				t.Fatal(err)
			}
			runtime.ReadMemStats(&after)
		}
		return after.TotalAlloc - before.TotalAlloc
	}
	one, both := allocated(two.alone()), allocated(two)
	t.Logf("%d bytes for one network, %d for two", one, both)
	if vector := uint64(16 * two.Set().Slots()); both > 2*one-vector {
		t.Errorf("one network takes %d bytes an evaluation, two take %d; a vector has %d", one, both, vector)
	}
}

// A sum from a stranger: plans that do not belong together, and sums in sums, are
// refused before anything is run.
func TestSumsFromStrangers(t *testing.T) {
	d := roll(12)
	part := func(model byte, ops ...ml.Op) []byte {
		p, err := Compile(chain("", []int{6}, ops...), [32]byte{model})
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if _, err := p.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	sumOf := func(parts ...[]byte) []byte {
		b := binary.AppendUvarint([]byte(sumMagic), uint64(len(parts)))
		for _, p := range parts {
			b = append(binary.AppendUvarint(b, uint64(len(p))), p...)
		}
		return b
	}
	one, deep := part(1, d.linear(2, 6), d.poly(2)), part(1, d.linear(2, 6), d.poly(2), d.linear(2, 2), d.poly(2))
	if _, err := ReadPlan(sumOf(one, one)); err != nil {
		t.Fatal(err)
	}
	nested := one
	for range 10000 {
		nested = sumOf(nested, nil)
	}
	for name, b := range map[string][]byte{
		"one network": sumOf(one), "none": sumOf(), "another model": sumOf(one, part(2, d.linear(2, 6), d.poly(2))), "another depth": sumOf(one, deep),
		"other results": sumOf(one, part(1, d.linear(3, 6), d.poly(3))), "sums in sums": nested, "a summand with an end": sumOf(one, part(1, d.linear(2, 6), d.poly(2), ml.Softmax{})),
		"too many": sumOf(slices.Repeat([][]byte{one}, maxNetworks+1)...), "cut": sumOf(one, one)[:len(one)+20], "more": append(sumOf(one, one), 0),
	} {
		if _, err := ReadPlan(b); !notice.Is(err, notice.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
