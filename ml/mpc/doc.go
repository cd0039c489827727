// Package mpc runs models on shares among three parties: boosted trees and
// points (Trees), trees whose model is itself shared (Shape, HiddenTrees), and graphs
// (Network). Each compiles a model, says what its owner shares of an input, runs
// on a privacy/mpc session, says what a receiver read, and estimates what a
// run costs. ml/tree and ml/clear are the oracles.
//
// It opens nothing: what Run returns is still shared, and leaves by
// Session.Output. It knows no grants, no records and no ledger, and it does
// not choose who takes part.
package mpc
