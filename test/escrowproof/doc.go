// Package escrowproof is a second opinion on contracts: filled terms, written out
// as formulas over integers, and the solver z3 (de Moura, Bjørner 2008), which
// has nothing in common with escrow and escrow/check. Tests are skipped where z3
// is not installed (test/setup.sh).
package escrowproof
