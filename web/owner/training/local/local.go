// Package local is what a hospital does with its own data in a round of training, and
// what becomes of the sum: where examples come from (Source: a table, or studies and
// pictures), and what is made of them (Kind: a network, a network or a model of the
// hospitals' own programs, a model of survival). A kind is a few functions of data
// and numbers; who takes part, how sums are made and what is kept is package
// training's. Nothing here sends.
package local

import (
	"context"

	"manx/ledger"
	"manx/ml"
	"manx/ml/federated"
	"manx/ml/pool/sandbox"
)

// A Kind is a model that hospitals train together. What it returns follows from its
// arguments alone, so that a round which was broken off is made again, but for noise.
type Kind interface {
	// Check returns nil, or a notice that names what cannot be, for examples of a shape
	// in so many rounds.
	Check(shape [3]int, rounds int) error
	// Name is what the ledger calls it, and policies.
	Name() string
	// Begin returns the version that the first round begins with, and Resume the one
	// that follows from the last version of another training of the same model.
	Begin() (federated.State, error)
	Resume(federated.State) federated.State
	// Bound is how many numbers a site adds, and what none of them is beyond: 0 where
	// they are whole numbers, with noise in them.
	Bound() (length int, clip float64)
	// Most is from how many examples on a site counts no more.
	Most() int

	// Vector returns what a site adds in a round, and what it keeps to itself for its
	// next one.
	Vector(ctx context.Context, r Round, s Site) (v, own []float64, err error)
	// Next returns the version after a round whose sites' vectors add up to sum.
	Next(r Round, from federated.State, sum []float64) (federated.State, error)
	// Outcomes returns what the version that a round begins with says of held-out
	// examples: nothing where it is none yet that says something.
	Outcomes(ctx context.Context, r Round, s Site) ([]Outcome, error)

	// Whole returns nil where a training's last version is one to release, after rounds
	// of which so many have a result.
	Whole(s federated.State, of int, made []int) error
	// File returns a version as a file, and its hash as the ledger knows models by.
	File(name string, s federated.State) (File, error)
	// Describe puts into a card what the model reads and how its output is told.
	Describe(c *ml.Card, s federated.State) error
}

// A Round is where a training stands.
type Round struct {
	Number  int // from 1
	Of      int // rounds that there may be
	Sites   int // that the proposal invites
	Minimum int // records of a site
	State   federated.State
	Own     []float64 // what the site kept in its last round
	Seed    uint64    // of the site's own choices
}

// A Site is what a site has for a round: the examples that it trains on, and those
// that are held out of all rounds.
type Site struct {
	Train, Test federated.Table
	Program     *sandbox.Program // that trains in the place of this one; nil: none
	Groups      bool             // whether counts of groups of its patients are in the sums
}

// An Outcome is what a version says of an example, and what was.
type Outcome struct {
	Row         int // of Site.Test
	Probability float64
	Positive    bool
}

// A File is a model that may leave its training.
type File struct {
	Name  string // model.onnx
	Bytes []byte
	Hash  string // hexadecimal
}

// Still reports whether a round changed nothing: then the version is what it will be,
// and was tested in it. Everybody sees that on the ledger.
func Still(on ledger.Training) bool {
	n := len(on.Versions)
	return n > 0 && on.Versions[n-1].Hash == on.Versions[n-1].Parent
}
