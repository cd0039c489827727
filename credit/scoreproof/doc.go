// Package scoreproof proves, in zero knowledge, that a score and its reasons
// follow from a committed credit file under a scorecard with a public hash,
// bound to one lender, grant and job. It is the one door to gnark.
//
// The curve is BLS12-381 (about 126 bits of security; never BN254, about 100),
// the proof system Groth16 (Groth 2016), the hash Poseidon2. One circuit, of
// fewer than 2^12 constraints, serves every scorecard of scorecard's bounds. A
// scorecard is public: proofs carry its numbers, and its hash is checked.
//
// Groth16 needs a set-up whose secret must not survive. It is made by a
// multi-party computation in two phases (Bowe, Gabizon, Miers 2017; Kohlweiss,
// Maller, Siim, Volkhov 2021): proofs are sound if at least one contributor was
// honest and forgot its secret. Zero knowledge does not depend on the set-up.
//
// A proof does not show that the furnisher's file is true, that its commitment
// is the latest, or that the lender may see the score: the ledger does.
package scoreproof
