//go:build race

package mpc_test

// raceEnabled: long tables of faults are thinned out.
const raceEnabled = true
