package scorecard

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"manx/credit"
)

// A Row is one consumer of the training data.
type Row struct {
	Features credit.Features
	Bad      bool // defaulted
}

// Options say what Fit makes. The zero value of a number means its default.
type Options struct {
	Name, Version, Date string

	// Scaling: BaseScore points at odds of BaseOdds good to one bad, and PDO
	// points double the odds. 600, 50 and 20.
	BaseScore, BaseOdds, PDO float64

	// MaxBins a feature (8), MinShare of the rows each holds (0.02), cut from
	// FineBins classes of equal size (40).
	MaxBins  int
	FineBins int
	MinShare float64

	// MinWeight drops features whose regression weight is lower (0.02). A
	// weight below zero would reverse what the bins show.
	MinWeight float64
}

func (o Options) withDefaults() Options {
	def := func(v *float64, d float64) {
		if *v == 0 {
			*v = d
		}
	}
	def(&o.BaseScore, 600)
	def(&o.BaseOdds, 50)
	def(&o.PDO, 20)
	def(&o.MinShare, 0.02)
	def(&o.MinWeight, 0.02)
	if o.MaxBins == 0 {
		o.MaxBins = MaxBins
	}
	if o.FineBins == 0 {
		o.FineBins = 40
	}
	return o
}

// Fit makes a scorecard: monotone bins, weight of evidence, logistic regression
// of good on it, points by Siddiqi (Credit Risk Scorecards, 2006). The same
// rows in the same order give the same scorecard.
func Fit(ctx context.Context, rows []Row, o Options) (*Model, error) {
	o = o.withDefaults()
	if o.MaxBins < 2 || o.MaxBins > MaxBins {
		return nil, fmt.Errorf("scorecards have 2 to %d bins a feature", MaxBins)
	}
	bad := make([]bool, len(rows))
	good := make([]bool, len(rows))
	var all cell
	for i, r := range rows {
		bad[i], good[i] = r.Bad, !r.Bad
		if r.Bad {
			all.bad++
		} else {
			all.good++
		}
	}
	if all.good == 0 || all.bad == 0 {
		return nil, errors.New("training rows must hold both outcomes")
	}

	var bins [credit.FeatureCount][]cell
	value := make([]int64, len(rows))
	var use []int
	for f, schema := range credit.FeatureList() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for i, r := range rows {
			value[i] = r.Features[f]
		}
		bins[f] = monotone(value, bad, schema.Better, o.MaxBins, o.FineBins, o.MinShare)
		if len(bins[f]) > 1 {
			use = append(use, f)
		}
	}
	var weight []float64
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if len(use) == 0 {
			return nil, errors.New("no feature tells good from bad")
		}
		var err error
		if weight, err = logit(evidence(rows, use, bins, all), good); err != nil {
			return nil, err
		}
		worst := 1
		for i := range use {
			if weight[i+1] < weight[worst] {
				worst = i + 1
			}
		}
		if weight[worst] >= o.MinWeight {
			break
		}
		use = slices.Delete(use, worst-1, worst)
	}
	return points(o, use, bins, all, weight)
}

// evidence returns, for each row, the weight of evidence of the features in use.
func evidence(rows []Row, use []int, bins [credit.FeatureCount][]cell, all cell) [][]float64 {
	out := make([][]float64, len(rows))
	flat := make([]float64, len(rows)*len(use))
	for i, r := range rows {
		out[i] = flat[i*len(use) : (i+1)*len(use)]
		for k, f := range use {
			b := 0
			for b < len(bins[f])-1 && r.Features[f] > bins[f][b].top {
				b++
			}
			out[i][k] = woe(bins[f][b], all)
		}
	}
	return out
}

// points turns a regression into whole points.
func points(o Options, use []int, bins [credit.FeatureCount][]cell, all cell, weight []float64) (*Model, error) {
	factor := o.PDO / math.Ln2
	top := o.BaseScore - factor*math.Log(o.BaseOdds) + factor*weight[0]
	m := &Model{Format: Format, Name: o.Name, Version: o.Version, Date: o.Date, Schema: credit.Schema}
	names := credit.FeatureNames()
	for k, f := range use {
		best := math.Inf(-1)
		for _, c := range bins[f] {
			best = max(best, factor*weight[k+1]*woe(c, all))
		}
		top += best
		feature := Feature{Name: names[f]}
		for _, c := range bins[f] {
			lost := int(math.Round(best - factor*weight[k+1]*woe(c, all)))
			if n := len(feature.Lost); n > 0 && feature.Lost[n-1] == lost {
				feature.UpTo[n-1] = c.top // same points: one bin
				continue
			}
			feature.UpTo, feature.Lost = append(feature.UpTo, c.top), append(feature.Lost, lost)
		}
		feature.UpTo = feature.UpTo[:len(feature.UpTo)-1] // the last bin is open
		if len(feature.Lost) > 1 {
			m.Features = append(m.Features, feature)
		}
	}
	m.Base = int(math.Round(top))
	return m, m.Check()
}
