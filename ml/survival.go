package ml

import (
	"errors"
	"math"
	"slices"
)

// Survival is how the output of a model of survival becomes a curve; the model's card
// carries it. The output is the log of a patient's hazard over that of one whose
// inputs are all 0, and the rest follows from sums over all patients of the training
// (ml/federated/cox makes them).
type Survival struct {
	Unit       string      `json:"unit"`            // of times: "days"
	Horizon    float64     `json:"horizon"`         // the time that a sentence tells of, within Edges
	Edges      []float64   `json:"edges"`           // of the cells of time, rising from 0
	Steps      bool        `json:"steps,omitempty"` // whether the curve falls at the end of a cell, and not all along it
	Hazard     []float64   `json:"hazard"`          // cumulative, that each cell adds at inputs of 0
	Variance   []float64   `json:"variance"`        // of Hazard, with the coefficients known
	Mean       [][]float64 `json:"mean"`            // by cell, the inputs of who was at risk, weighted by the hazard
	Covariance [][]float64 `json:"covariance"`      // of the coefficients
}

// A SurvivalPoint is the share that survives a time, with its 95% interval.
type SurvivalPoint struct {
	Time     float64 `json:"time"`
	Survival float64 `json:"survival"`
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
}

// maxSurvivalCells bounds a curve, and with it a card.
const maxSurvivalCells = 64

// Check returns nil, or what is wrong with the curve of a model of so many inputs.
func (s Survival) Check(inputs int) error {
	n := len(s.Edges) - 1
	bad := func(v []float64, low float64) bool {
		return slices.ContainsFunc(v, func(x float64) bool { return !(x >= low) || math.IsInf(x, 0) })
	}
	switch {
	case n < 1 || n > maxSurvivalCells || s.Edges[0] != 0 || bad(s.Edges, 0) || !slices.IsSorted(s.Edges):
		return errors.New("its time has no cells that follow each other from 0")
	case len(s.Hazard) != n || len(s.Variance) != n || len(s.Mean) != n || bad(s.Hazard, 0) || bad(s.Variance, 0):
		return errors.New("its hazards are not one for each cell, of 0 or more")
	case len(s.Covariance) != inputs:
		return errors.New("its covariance is of another number of inputs")
	case s.Unit == "" || len(s.Unit) > 32 || !(s.Horizon > 0 && s.Horizon <= s.Edges[n]):
		return errors.New("its time has no unit, or its horizon is not within its cells")
	}
	for k := range n {
		if s.Edges[k] == s.Edges[k+1] {
			return errors.New("a cell of its time is empty")
		}
	}
	for _, rows := range [][][]float64{s.Mean, s.Covariance} {
		for _, row := range rows {
			if len(row) != inputs || bad(row, math.Inf(-1)) {
				return errors.New("a mean or a covariance is of another number of inputs, or no number")
			}
		}
	}
	return nil
}

// z95 is the 97.5th percentile of the normal distribution.
const z95 = 1.959963984540054

// At returns the share of patients with these inputs, whose log hazard is log, that
// survives a time of 0 or more, which is cut to the cells. The interval is that of
// the curve, on the log-log scale: of the hazards and of the coefficients (Link
// 1984), not of when one patient dies.
func (s Survival) At(log float64, x []float64, time float64) SurvivalPoint {
	risk := math.Exp(log)
	time = min(time, s.Edges[len(s.Edges)-1])
	var total, variance float64
	drift := make([]float64, len(x))
	for k, h := range s.Hazard {
		share := min(max((time-s.Edges[k])/(s.Edges[k+1]-s.Edges[k]), 0), 1)
		if s.Steps {
			share = math.Floor(share)
		}
		total += share * h
		variance += share * share * s.Variance[k]
		for i, v := range x {
			drift[i] += share * h * (v - s.Mean[k][i])
		}
	}
	for i, a := range drift {
		for j, b := range drift {
			variance += a * s.Covariance[i][j] * b
		}
	}
	p := SurvivalPoint{Time: time, Survival: math.Exp(-total * risk), Low: 1, High: 1}
	if total > 0 {
		spread := math.Exp(z95 * math.Sqrt(variance) / total)
		p.Low, p.High = math.Exp(-total*risk*spread), math.Exp(-total*risk/spread)
	}
	return p
}

// Curve returns the points of At from 0 to the last edge, at every edge and between
// edges that are far apart: some forty of them.
func (s Survival) Curve(log float64, x []float64) (all []SurvivalPoint) {
	last := s.Edges[len(s.Edges)-1]
	all = append(all, s.At(log, x, 0))
	for k := range len(s.Edges) - 1 {
		from, to := s.Edges[k], s.Edges[k+1]
		parts := max(1, int(math.Round((to-from)/last*40)))
		for i := range parts {
			all = append(all, s.At(log, x, from+(to-from)*float64(i+1)/float64(parts)))
		}
	}
	return all
}
