// Package reveal holds the token that opens a privacy.Secret. Importing it is
// the auditable act: .golangci.yml and test/arch_test.go list every package
// that may.
package reveal

// A Token must be passed wherever clear personal data is read.
type Token struct{}
