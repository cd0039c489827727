//go:build !amd64 || purego

package curve

const leastSigned, leastAgreed = lanes + 1, lanes + 1

func haveVectors() bool { return false }

func verifyEight([]Signed) int { return -1 }

func agreeEight([]Pair) [][keySize]byte { return nil }
