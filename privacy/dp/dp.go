// Package dp is differential privacy for sums over records: what a number of noisy
// sums costs (Accountant), noise that no single party knows (Plan.Noise), and
// what a record adds to a sum, bounded (Plan.Quantise). Everything that is added up
// is integers, so that noise can be exact and sums can be taken under masks.
//
// The noise is a discrete Gaussian (Canonne, Kamath and Steinke 2020, arXiv
// 2004.00010), sampled with integers and crypto/rand alone: no floating point whose
// low bits betray the value under it (Mironov 2012). Each of n sites adds a share of
// it, and the sum of what the sites add is private by the distributed discrete
// Gaussian (Kairouz, Liu and Steinke 2021, arXiv 2102.06387).
//
// It keeps no budget: package dp/rdp prices what is spent in integers, for a ledger.
// It does not say what delta is right, nor that records belong to different persons.
package dp
