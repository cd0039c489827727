// Package kernel is where AES rounds and products without carries are: AES-128 as a
// stream that is added to words and as a fixed permutation, and the arithmetic of
// GF(2^64). Vectors of the machine do them where it has such, Go elsewhere, with
// the same results.
//
// It hides nothing and authenticates nothing by itself: privacy/secagg and
// privacy/mpc say what keys are for and how often one serves.
package kernel
