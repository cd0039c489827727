// Package scorecard holds points scorecards for credit files: what they are,
// how they are read, how they score and why (at most four reasons), and how one
// is fitted. It embeds the scorecard consumer-risk.
//
// It hides nothing and proves nothing: encrypted scoring is the ml runtimes'
// (OneHot and Weights are what they need) and proofs are credit/scoreproof's.
package scorecard

import (
	"cmp"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"manx/credit"
)

// Bounds of a scorecard's shape. One proving circuit serves every scorecard
// within them.
const (
	MaxBins = 8        // bins a feature
	MaxLost = 1<<8 - 1 // points one feature can lose
	MaxBase = 1<<12 - 1
)

// Format names the version of the file format and of Canonical.
const Format = "manx/scorecard/v1"

// A Model is a points scorecard: the score is Base less what each feature's bin
// loses. Make one with Read or Fit, which check it.
type Model struct {
	Format  string `json:"format"`
	Name    string `json:"name"`
	Version string `json:"version"`
	Date    string `json:"date"`   // when it was fitted, as 2026-11-22
	Schema  string `json:"schema"` // credit.Schema
	Base    int    `json:"base"`   // the highest score
	// Features are those scored, in schema order.
	Features []Feature `json:"features"`
}

// A Feature cuts one feature's values into bins. Bin i holds values above
// UpTo[i-1] and at most UpTo[i]; the last bin has no upper end, so len(Lost) is
// len(UpTo)+1. At least one bin loses no points, and Lost runs one way.
type Feature struct {
	Name string  `json:"name"`
	UpTo []int64 `json:"up_to"`
	Lost []int   `json:"lost"`
}

//go:embed consumer-risk.json
var consumerRisk []byte

// ConsumerRisk returns the scorecard consumer-risk that this package embeds.
func ConsumerRisk() (*Model, error) { return Parse(consumerRisk) }

//go:embed consumer-risk.card.json
var consumerRiskCard []byte

// ConsumerRiskCard returns the model card of consumer-risk, as JSON.
func ConsumerRiskCard() []byte { return slices.Clone(consumerRiskCard) }

// index returns where each feature of m stands in the schema.
func (m *Model) index() []int {
	names := credit.FeatureNames()
	at := make([]int, len(m.Features))
	for i, f := range m.Features {
		at[i] = slices.Index(names, f.Name)
	}
	return at
}

// Check reports what keeps m from being a scorecard. A prohibited basis among
// its features is a notice.
func (m *Model) Check() error {
	names := make([]string, len(m.Features))
	for i, f := range m.Features {
		names[i] = f.Name
	}
	if err := credit.CheckFeatures(names); err != nil {
		return err
	}
	at := m.index()
	switch {
	case m.Format != Format:
		return errors.New("not of format " + Format)
	case m.Schema != credit.Schema:
		return errors.New("not for schema " + credit.Schema)
	case len(m.Name) == 0 || len(m.Name) > 64 || len(m.Version) == 0 || len(m.Version) > 32:
		return errors.New("name or version is empty or too long")
	case !isDate(m.Date):
		return errors.New("date is not of the form 2026-11-22")
	case len(m.Features) == 0:
		return errors.New("no features")
	case !slices.IsSorted(at):
		return errors.New("features are not in schema order")
	case m.Base < 0 || m.Base > MaxBase:
		return fmt.Errorf("base is outside 0 to %d", MaxBase)
	}
	list := credit.FeatureList()
	for i, f := range m.Features {
		if err := f.check(list[at[i]]); err != nil {
			return fmt.Errorf("feature %s: %w", f.Name, err)
		}
	}
	if low, _ := m.Range(); low < 0 {
		return errors.New("the lowest score is below 0")
	}
	return nil
}

func (f Feature) check(schema credit.Feature) error {
	if len(f.Lost) < 2 || len(f.Lost) > MaxBins || len(f.UpTo) != len(f.Lost)-1 {
		return fmt.Errorf("needs 2 to %d bins, with one upper end fewer", MaxBins)
	}
	for i, v := range f.UpTo {
		if v < 0 || v >= 1<<schema.Bits-1 || i > 0 && v <= f.UpTo[i-1] {
			return errors.New("upper ends do not rise within the feature's range")
		}
	}
	for i, l := range f.Lost {
		if l < 0 || l > MaxLost || i > 0 && (f.Lost[i-1]-l)*schema.Better < 0 {
			return fmt.Errorf("lost points do not run the feature's way within 0 to %d", MaxLost)
		}
	}
	if slices.Min(f.Lost) != 0 {
		return errors.New("no bin keeps all points")
	}
	return nil
}

// Range returns the lowest and the highest score m gives.
func (m *Model) Range() (low, high int) {
	low = m.Base
	for _, f := range m.Features {
		low -= slices.Max(f.Lost)
	}
	return low, m.Base
}

// bin returns the bin of value v.
func (f Feature) bin(v int64) int {
	i, _ := slices.BinarySearch(f.UpTo, v)
	return i
}

// A Score is what a scorecard says of one file.
type Score struct {
	Points  int      `json:"points"`
	Reasons []Reason `json:"reasons"` // at most MaxReasons, the weightiest first
}

// Score returns the points of x and the features that lost most against their
// best bin, ties by schema order; a feature that lost nothing is no reason.
func (m *Model) Score(x credit.Features) Score {
	s := Score{Points: m.Base}
	type loss struct{ feature, points int }
	var lost []loss
	for i, at := range m.index() {
		p := m.Features[i].Lost[m.Features[i].bin(x[at])]
		s.Points -= p
		if p > 0 {
			lost = append(lost, loss{at, p})
		}
	}
	slices.SortStableFunc(lost, func(a, b loss) int { return cmp.Compare(b.points, a.points) })
	for _, l := range lost[:min(len(lost), MaxReasons)] {
		r, _ := ReasonOf(l.feature + 1)
		s.Reasons = append(s.Reasons, r)
	}
	return s
}

// OneHot returns the input of an encrypted run: for each feature of m in order,
// a 1 for the bin that holds its value and a 0 for the others. Its length, at
// most MaxBins*credit.FeatureCount, is len(m.Weights()).
func (m *Model) OneHot(x credit.Features) []float64 {
	var out []float64
	for i, at := range m.index() {
		f := m.Features[i]
		bins := make([]float64, len(f.Lost))
		bins[f.bin(x[at])] = 1
		out = append(out, bins...)
	}
	return out
}

// Weights returns the points of each bin in the order of OneHot, so that the
// score is their inner product: each feature brings its share of Base, the
// remainder goes to the first, less what the bin loses.
func (m *Model) Weights() []int {
	var out []int
	n := len(m.Features)
	for i, f := range m.Features {
		share := m.Base / n
		if i == 0 {
			share += m.Base % n
		}
		for _, l := range f.Lost {
			out = append(out, share-l)
		}
	}
	return out
}

// A Table is m in the fixed shape that a proof works on: every feature of the
// schema with MaxBins bins. Unused bins lie at the upper end of the range and
// are empty; a feature m does not score has one bin that loses nothing.
type Table struct {
	Base int
	UpTo [credit.FeatureCount][MaxBins - 1]int64
	Lost [credit.FeatureCount][MaxBins]int
}

// Table returns m in that shape.
func (m *Model) Table() Table {
	t := Table{Base: m.Base}
	for i, f := range credit.FeatureList() {
		for b := range t.UpTo[i] {
			t.UpTo[i][b] = 1<<f.Bits - 1
		}
	}
	for i, at := range m.index() {
		copy(t.UpTo[at][:], m.Features[i].UpTo)
		copy(t.Lost[at][:], m.Features[i].Lost)
	}
	return t
}

// Canonical returns the one serialisation of what m computes: Format and the
// schema, each ended by a zero byte, then Table's Base, all its upper ends and
// all its lost points, features in schema order, as big-endian 32-bit numbers.
// Two scorecards with the same bytes score every file alike. The model's
// identity, scoreproof.ModelHash, is a hash of the same numbers.
func (m *Model) Canonical() []byte {
	t := m.Table()
	out := append([]byte(Format), 0)
	out = append(append(out, credit.Schema...), 0)
	out = binary.BigEndian.AppendUint32(out, uint32(t.Base))
	for _, ends := range t.UpTo {
		for _, v := range ends {
			out = binary.BigEndian.AppendUint32(out, uint32(v))
		}
	}
	for _, lost := range t.Lost {
		for _, v := range lost {
			out = binary.BigEndian.AppendUint32(out, uint32(v))
		}
	}
	return out
}
