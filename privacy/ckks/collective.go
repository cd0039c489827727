package ckks

import (
	"encoding/binary"
	"fmt"
	"io"

	"manx/privacy/ckks/internal/limb"
)

// versionCollective is the wire format of evaluation keys that several parties
// made: version 1, but the relinearisation key's second halves, which are a sum
// of shares and have no seed, follow each digit's first.
const versionCollective = 2

// WriteCollectiveKeys writes evaluation keys that several parties made, so that
// ReadEvaluationKeys reads them: half gives the coefficients of a need's digit,
// of the half that hides the secret (0), or, asked for relinearisation alone, of
// the other (1). The other halves of rotations are those that KeySeed gives for the coins.
func WriteCollectiveKeys(w io.Writer, s Set, needs Needs, coins limb.Coins, half func(need, digit, half int) ([][]uint64, error)) error {
	if err := needs.Check(s); err != nil {
		return fmt.Errorf("write collective keys: %w", err)
	}
	sp, _ := s.spec()
	public := coins.Seed()
	h := []byte{'m', 'x', 'k', versionCollective, byte(s)}
	h = binary.LittleEndian.AppendUint16(h, uint16(len(needs)))
	if _, err := w.Write(append(h, public[:]...)); err != nil {
		return fmt.Errorf("write collective keys: %w", err)
	}
	for i, n := range needs {
		kh := append(binary.LittleEndian.AppendUint32(nil, uint32(n.Rotation)), byte(n.Level))
		_, err := w.Write(kh)
		if err != nil {
			return fmt.Errorf("write collective keys: %w", err)
		}
		primes := sp.chain(n.Level, true)
		for d := range sp.digits(n.Level) {
			for h := range 2 {
				if h == 1 && n.Rotation != 0 {
					break
				}
				limbs, err := half(i, d, h)
				if err == nil {
					err = limb.Write(w, primes, limbs)
				}
				if err != nil {
					return fmt.Errorf("write collective keys: %w", err)
				}
			}
		}
	}
	return nil
}
