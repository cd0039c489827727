package federated

import (
	"context"
	"fmt"
)

// A Simulation is a training whose sites are all in one process and whose sums are
// made in the clear: for benchmarks, tests and choosing a recipe on public data.
type Simulation struct {
	Algorithm
	Sites []Model
	Seed  uint64
	// Measures says of which versions the next round measures and does not learn; nil of
	// none. See Network.Measures.
	Measures func(params []float64) bool
	// Combine makes the sum of the sites' vectors of the round after s; nil adds them.
	Combine func(s State, vectors [][]float64) ([]float64, error)
	own     [][]float64
}

// Run makes rounds from s and returns the state after them. each, where it is not
// nil, is told the state after every round.
func (m *Simulation) Run(ctx context.Context, s State, rounds int, each func(State)) (State, error) {
	if m.own == nil {
		m.own = make([][]float64, len(m.Sites))
	}
	for range rounds {
		vectors, err := m.vectors(ctx, s, false)
		if err != nil {
			return State{}, err
		}
		var sum []float64
		if m.Combine != nil {
			sum, err = m.Combine(s, vectors)
		} else {
			sum, err = Sum(vectors)
		}
		if err != nil {
			return State{}, err
		}
		if m.Measures != nil && m.Measures(s.Params) {
			s, err = m.Algorithm.Measure(s, sum, len(m.Sites))
		} else {
			s, err = m.Next(s, sum, len(m.Sites))
		}
		if err != nil {
			return State{}, err
		}
		if each != nil {
			each(s)
		}
	}
	return s, nil
}

// Measure makes so many rounds of Measure, which end a training of a network with
// normalisations.
func (m *Simulation) Measure(ctx context.Context, s State, rounds int) (State, error) {
	for range rounds {
		vectors, err := m.vectors(ctx, s, true)
		if err != nil {
			return State{}, err
		}
		sum, err := Sum(vectors)
		if err != nil {
			return State{}, err
		}
		if s, err = m.Algorithm.Measure(s, sum, len(m.Sites)); err != nil {
			return State{}, err
		}
	}
	return s, nil
}

// Vectors makes every site's vector of the next round, in the order of the sites.
func (m *Simulation) Vectors(ctx context.Context, s State) ([][]float64, error) {
	return m.vectors(ctx, s, false)
}

func (m *Simulation) vectors(ctx context.Context, s State, measure bool) ([][]float64, error) {
	if m.own == nil {
		m.own = make([][]float64, len(m.Sites))
	}
	var out [][]float64
	for i, site := range m.Sites {
		u, err := site.Local(ctx, Round{Number: s.Round + 1, Params: s.Params, Control: s.Control, Own: m.own[i], Seed: m.Seed<<8 + uint64(i), Measure: measure})
		if err != nil {
			return nil, fmt.Errorf("site %d: %w", i+1, err)
		}
		m.own[i] = u.Own
		v, err := m.InRound(s.Round+1).Vector(u, len(s.Params))
		if err != nil {
			return nil, fmt.Errorf("site %d: %w", i+1, err)
		}
		out = append(out, v)
	}
	return out, nil
}

// Sum adds vectors of one length.
func Sum(vectors [][]float64) ([]float64, error) {
	if len(vectors) == 0 {
		return nil, failed("no site took part")
	}
	out := make([]float64, len(vectors[0]))
	for _, v := range vectors {
		if len(v) != len(out) {
			return nil, failed("the sites' vectors differ in length")
		}
		for i, x := range v {
			out[i] += x
		}
	}
	return out, nil
}
