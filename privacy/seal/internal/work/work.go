// Package work holds the cost of a passphrase guess. Being internal to
// privacy/seal, it keeps cheap passphrases out of every other package: outside,
// a Factor cannot be made. It derives nothing.
package work

// A Factor is the base-2 logarithm of scrypt's N.
type Factor struct{ logN int }

// Production is N = 2^18.
func Production() Factor { return Factor{18} }

// ForTests is N = 2^10: about a millisecond.
func ForTests() Factor { return Factor{10} }

// LogN returns the exponent, 0 for the zero Factor.
func (f Factor) LogN() int { return f.logN }
