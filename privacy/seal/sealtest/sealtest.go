// Package sealtest makes passphrases that are cheap to try, for tests. It takes
// a testing.TB so that no program can call it, and seals nothing itself.
package sealtest

import (
	"testing"

	"manx/privacy/seal"
	"manx/privacy/seal/internal/work"
)

// Passphrase returns a passphrase that costs a millisecond a try.
func Passphrase(tb testing.TB, text string) seal.Passphrase {
	tb.Helper()
	p, err := seal.WithWork(text, work.ForTests())
	if err != nil {
		tb.Fatal(err)
	}
	return p
}
